// What programs in a hostile guest may ask their cell's monitor, over any time.
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "cellmon/control/vsock/monitor_service.h"

namespace {

using hive::control::CellHint;
using hive::control::MonitorService;

void require(bool holds) {
  if (!holds) std::abort();
}

void check(const MonitorService::Answer& answer) {
  const hive_monitor_reply& reply = answer.reply;
  require(reply.magic == HIVE_MONITOR_MAGIC);
  require(reply.status <= HIVE_MONITOR_TOO_MANY);
  require(answer.is_last == (reply.status == HIVE_MONITOR_MALFORMED));
  require(reply.name[HIVE_MONITOR_NAME_SIZE - 1] == 0);
  if (reply.status == HIVE_MONITOR_OK) {
    require(reply.cell < 3 && reply.cells == 3 && reply.alive <= 1);
  } else {
    require(reply.cell == 0 && reply.cells == 0 && reply.name[0] == 0);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  unsigned told = 0;
  MonitorService service(
      0,
      [] {
        return std::vector<MonitorService::CellFacts>{
            {"alpha", 3, true, 1}, {"beta", 4, true, 2}, {"gamma", 9, false, 0}};
      },
      [&told](const CellHint& hint) {
        require(hint.cell == 1 || hint.cell == 2);
        require(!describe_hint(hint, "beta").empty());
        ++told;
      });
  MonitorService::Clock::time_point now{};
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  while (!rest.empty()) {
    now += std::chrono::milliseconds(static_cast<std::uint8_t>(rest.front()) * 10);
    rest.remove_prefix(1);
    const std::string_view request = rest.substr(0, sizeof(hive_monitor_request));
    rest.remove_prefix(request.size());
    check(service.answer(request, now));
  }
  require(told <= MonitorService::kMaxTold && told <= service.hints());
  return 0;
}
