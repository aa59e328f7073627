#include "guests/sdk/rpc/memory_hub.h"

#include <algorithm>
#include <bit>
#include <system_error>

#include "guests/sdk/channel/ring_view.h"
#include "guests/sdk/rpc/memory_path.h"
#include "vmm/base/units.h"

namespace hive::rpc {
namespace {

constexpr std::uint32_t kMachineDeadlineMs = 500;
constexpr std::uint32_t kMostRing = 256 * 1024;
constexpr std::uint64_t kShare = 16;  ///< A ring takes at most this part of the contribution.

std::uint32_t ring_for(std::uint64_t contribution) {
  const std::uint64_t part =
      std::clamp<std::uint64_t>(contribution / kShare, HIVE_RPC_LEAST_RING, kMostRing);
  return static_cast<std::uint32_t>(std::bit_floor(part));
}

std::uint64_t pages_for(std::uint32_t capacity) {
  return (kRingOffset + sdk::ring_size(capacity) + kPageSize - 1) / kPageSize;
}

}  // namespace

sdk::Result<std::shared_ptr<MemoryHub>> MemoryHub::open(Clock::time_point end) {
  hive_options options{};
  options.deadline_ms = kMachineDeadlineMs;
  auto machine = sdk::Machine::open(options);
  if (!machine.ok()) return machine.failure();
  return over(std::move(machine).value(), end);
}

sdk::Result<std::shared_ptr<MemoryHub>> MemoryHub::over(std::unique_ptr<sdk::Machine> machine,
                                                        Clock::time_point end) {
  if (const auto area = machine->use_system_area(end); !area.ok()) return area.failure();
  auto listener = machine->events().take_listener(end);
  if (!listener && !machine->events().is_deaf()) {
    return sdk::Failure{HIVE_DEADLINE, "no time left to be told of doorbells"};
  }
  if (!listener) {
    return sdk::Failure{HIVE_NO_DEVICE, "this process cannot be told of doorbells"};
  }
  const std::uint32_t capacity = ring_for(machine->part(machine->info().cell).size);
  try {
    return std::make_shared<MemoryHub>(std::move(machine), std::move(listener), capacity);
  } catch (const std::system_error& error) {  // No thread to be had.
    return sdk::system_failure("start a thread", error.code().value());
  }
}

MemoryHub::MemoryHub(std::unique_ptr<sdk::Machine> machine, std::unique_ptr<sdk::Listener> listener,
                     std::uint32_t capacity)
    : machine_(std::move(machine)),
      listener_(std::move(listener)),
      cell_(machine_->info().cell),
      capacity_(capacity),
      sections_(*machine_, pages_for(capacity)) {}

MemoryHub::~MemoryHub() = default;

std::unique_ptr<OwnedSection> MemoryHub::take_section(Clock::time_point end) {
  const auto section = sections_.take(end);
  if (!section) return nullptr;
  return std::make_unique<OwnedSection>(sections_, *section);
}

void MemoryHub::enter(std::uint32_t cid) {
  const std::lock_guard lock(mutex_);
  ++links_[cid];
}

void MemoryHub::leave(std::uint32_t cid) {
  const std::lock_guard lock(mutex_);
  const auto place = links_.find(cid);
  if (place != links_.end() && --place->second == 0) links_.erase(place);
}

bool MemoryHub::is_crowded(std::uint32_t cid) {
  const std::lock_guard lock(mutex_);
  const auto place = links_.find(cid);
  return place != links_.end() && place->second >= kMostOfCell;
}

Rest MemoryHub::rest() {
  listener_->forget();
  if (!listener_->enable()) return {};
  const auto longest = listener_->longest_sleep(machine_->events().longest_sleep());
  return {listener_->descriptor(), std::chrono::ceil<std::chrono::milliseconds>(longest)};
}

}  // namespace hive::rpc
