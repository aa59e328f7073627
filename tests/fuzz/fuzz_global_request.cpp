// What hostile guests may ask of a home's monitor.
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "cellmon/firewall/request_desk.h"

namespace {

using hive::CellId;
using namespace hive::firewall;

constexpr std::uint64_t kPages = 256;
constexpr CellId kHome{1};

void check(bool holds) {
  if (!holds) std::abort();
}

/// What only home may change.
std::string decisions(const Gatekeeper& gatekeeper) {
  std::string text;
  for (const Section& section : gatekeeper.sections().list()) text += section.name + "/";
  for (std::uint64_t page = 0; page < kPages; ++page) {
    text += std::to_string(gatekeeper.ledger().writers(page).bits()) + ",";
  }
  return text;
}

void check_reply(const hive_global_request& request, const hive_global_reply& reply) {
  check(reply.tag == request.tag);
  check(std::memchr(reply.message, 0, sizeof reply.message) != nullptr);
  check(std::memchr(reply.name, 0, sizeof reply.name) != nullptr);
  check((reply.status == HIVE_GLOBAL_OK) == (reply.message[0] == 0));
  check(reply.status == HIVE_GLOBAL_OK || (reply.pages == 0 && reply.writers == 0));
  check(reply.pages <= kPages && reply.first <= kPages);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Gatekeeper gatekeeper(Contribution(kHome, kPages), [](const ViolationRecord&) {});
  RequestDesk desk(gatekeeper, {"alpha", "beta", "gamma"});
  hive_global_request request{};
  for (; size >= 1 + sizeof request; data += 1 + sizeof request, size -= 1 + sizeof request) {
    const CellId from{static_cast<std::uint8_t>(data[0] % 3)};
    std::memcpy(&request, data + 1, sizeof request);
    const std::string before = decisions(gatekeeper);
    check_reply(request, desk.answer(from, request));
    check(from == kHome || decisions(gatekeeper) == before);
  }
  return 0;
}
