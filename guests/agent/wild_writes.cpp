#include "guests/agent/wild_writes.h"

#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

#include "guests/agent/wild_stores.h"
#include "guests/sdk/guard.h"

namespace hive::agent {
namespace {

using Clock = std::chrono::steady_clock;

/// The parts of global memory that TARGET names, as the device has them.
std::vector<hive_global_part> parts_of(const sdk::DeviceFacts& facts, std::uint32_t target) {
  std::vector<hive_global_part> parts;
  for (std::uint32_t cell = 0; cell < facts.cells; ++cell) {
    const std::uint32_t kind = cell == facts.cell ? HIVE_AGENT_OWN : HIVE_AGENT_OTHERS;
    if ((target & kind) != 0 && facts.parts[cell].size != 0) parts.push_back(facts.parts[cell]);
  }
  return parts;
}

std::vector<std::uint64_t> sizes_of(const std::vector<hive_global_part>& parts) {
  std::vector<std::uint64_t> sizes;
  for (const hive_global_part& part : parts) sizes.push_back(part.size);
  return sizes;
}

}  // namespace

WildResult write_wildly(const hive_agent_wild_writes& request, const sdk::DevicePaths& paths) {
  if (const int error = sdk::install_guard()) {
    return {{}, std::string("faults cannot be handled: ") + std::strerror(error)};
  }
  hive_options options{};
  options.mapping = HIVE_MAP_BEST;
  const auto device = sdk::open_device(options, paths);
  if (!device.ok()) return {{}, device.failure().message};
  const auto parts = parts_of(device.value().facts, request.target);
  unsigned char* const window = device.value().window.address();
  if (parts.empty() || window == nullptr) return {{}, "nobody contributes such global memory"};
  WildStores stores(sizes_of(parts), request.seed);
  WildResult result;
  const Clock::time_point start = Clock::now();
  const Clock::time_point end = start + std::chrono::milliseconds(request.limit_ms);
  for (std::uint64_t number = 0; number < request.count; ++number) {
    std::this_thread::sleep_until(start + std::chrono::nanoseconds(std::chrono::seconds(1)) *
                                              number / request.rate);
    const auto store = stores.next();
    if (!store || Clock::now() >= end) break;
    unsigned char* const place = window + parts[store->part].offset + store->offset;
    const bool done = sdk::guarded_store(place, &store->value, sizeof store->value);
    ++(done ? result.wrote.done : result.wrote.denied);
  }
  return result;
}

}  // namespace hive::agent
