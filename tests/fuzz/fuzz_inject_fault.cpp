// What a client may ask for as a fault: the first line is its name, each other one KEY=VALUE. What
// is taken keeps to the bounds that are promised.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "cellmon/inject/fault.h"

namespace {

using namespace hive;

void check(bool holds) {
  if (!holds) std::abort();
}

std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<std::string> kCells{"alpha", "beta", "gamma"};
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string_view name = take_line(text);
  inject::Values values;
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    values.emplace(line.substr(0, equals), line.substr(equals + 1));
  }
  const auto result = inject::parse(name, values, kCells, CellId{0});
  if (const auto* why = std::get_if<std::string>(&result)) {
    check(!why->empty() && why->size() < 1024);
    return 0;
  }
  const auto& fault = std::get<inject::Fault>(result);
  check(inject::entry_of(fault.kind).name == name);
  check(!fault.cell || (*fault.cell != CellId{0} && static_cast<std::size_t>(*fault.cell) < 3));
  check(!fault.duration || (fault.duration->count() >= 1 && *fault.duration <= inject::kLongest));
  check(!fault.vcpu || *fault.vcpu < inject::kMaxVcpus);
  check(fault.device.has_value() == inject::is_in_device(fault.kind));
  check(!fault.device || (fault.device->share >= 1 && fault.device->share <= 100));
  check(fault.timing.times >= 1 && fault.timing.times <= inject::kMaxTimes);
  check(values.size() <=
        inject::entry_of(fault.kind).parameters.size() + inject::timing_parameters().size());
  return 0;
}
