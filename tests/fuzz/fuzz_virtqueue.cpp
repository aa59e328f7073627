// A guest that writes what it likes into rings, tables and buffers, and kicks, resets and pauses as
// it likes, against the block, console and entropy devices and against a bare queue.
#include <fuzzer/FuzzedDataProvider.h>

#include <cstring>

#include "tests/fuzz/device_fixture.h"
#include "vmm/device/virtio/ring_abi.h"

namespace hive::device::fuzz {
namespace {

constexpr std::uint64_t kTables = 0x8000;
constexpr std::uint64_t kWorkArea = 0x2'0000;  // Zeroed before each input.

class Guest {
 public:
  Guest(Machine& machine, FuzzedDataProvider& input) : machine_(machine), input_(input) {
    const auto work = machine.ram.window({0}, kWorkArea);
    std::memset(work->data(), 0, work->size());
    device_ = input.ConsumeIntegralInRange<unsigned>(1, kDevices);
    queues_ = Machine::queues(device_);
    features_ = input.ConsumeIntegral<std::uint64_t>();
    size_ = static_cast<std::uint16_t>(1U << input.ConsumeIntegralInRange<unsigned>(0, 4));
    machine.doorbells.refuse = input.ConsumeBool();
    start();
  }

  void step() {
    const unsigned queue = input_.ConsumeIntegralInRange<unsigned>(0, queues_ - 1);
    switch (input_.ConsumeIntegralInRange<unsigned>(0, 11)) {
      case 0:
        return raw();
      case 1:
      case 2:
        return descriptor(kRings + queue * kRingStride);
      case 3:
        return descriptor(kTables);
      case 4:
      case 5:
        return make_available(queue);
      case 6:
        return header();
      case 7:
        return kick(queue);
      case 8:
        kick(queue);
        return machine_.settle();
      case 9:
        return host();
      case 10:
        return quiet();
      default:
        return restart(queue);
    }
  }

 private:
  void start() { machine_.start(device_, features_, size_); }
  void enable(unsigned queue) { machine_.enable(device_, queue, size_); }

  std::uint64_t address() {
    switch (input_.ConsumeIntegralInRange<unsigned>(0, 4)) {
      case 0:
        return input_.ConsumeIntegral<std::uint64_t>();
      case 1:
        return machine_.ram.size() - input_.ConsumeIntegral<std::uint8_t>();
      case 2:
        return kTables;
      default:
        return kWorkArea / 2 + input_.ConsumeIntegral<std::uint16_t>();
    }
  }

  void raw() {
    const auto at = input_.ConsumeIntegralInRange<std::uint64_t>(0, kWorkArea - 64);
    const auto bytes = input_.ConsumeBytes<std::uint8_t>(input_.ConsumeIntegralInRange(0, 64));
    if (!bytes.empty()) (void)machine_.ram.write({at}, std::as_bytes(std::span(bytes)));
  }

  void descriptor(std::uint64_t table) {
    const auto index = input_.ConsumeIntegralInRange<std::uint64_t>(0, 20);
    const std::uint64_t where = address();
    const std::uint32_t length = input_.ConsumeBool() ? input_.ConsumeIntegral<std::uint32_t>()
                                                      : input_.ConsumeIntegral<std::uint16_t>();
    const auto flags = input_.ConsumeIntegralInRange<std::uint16_t>(0, 8);
    const auto next = input_.ConsumeIntegralInRange<std::uint16_t>(0, 18);
    (void)machine_.ram.store({table + index * 16}, vring_desc{where, length, flags, next});
  }

  void make_available(unsigned queue) {
    const std::uint64_t available = kRings + queue * kRingStride + 0x800;
    const auto index = machine_.ram.load<std::uint16_t>({available + 2}).value_or(0);
    const auto head = input_.ConsumeIntegralInRange<std::uint16_t>(0, 16);
    const auto by = input_.ConsumeBool() ? 1 : input_.ConsumeIntegral<std::uint16_t>();
    (void)machine_.ram.store({available + 4 + (index % Machine::queue_size(device_, size_)) * 2U},
                             head);
    (void)machine_.ram.store({available + 2}, static_cast<std::uint16_t>(index + by));
  }

  /// What a block or control request begins with.
  void header() {
    struct {
      std::uint32_t type;
      std::uint32_t value;
      std::uint64_t sector;
    } header{input_.ConsumeIntegralInRange<std::uint32_t>(0, 16),
             input_.ConsumeIntegral<std::uint32_t>(),
             input_.ConsumeIntegralInRange<std::uint64_t>(0, 140)};
    (void)machine_.ram.store({kWorkArea / 2 + input_.ConsumeIntegral<std::uint8_t>()}, header);
  }

  void kick(unsigned queue) {
    const std::uint64_t bell = 0x3000 + queue * 4U;
    if (!machine_.doorbells.ring(machine_.bars[device_] + bell)) {
      machine_.set_bar<std::uint16_t>(device_, bell, static_cast<std::uint16_t>(queue));
    }
  }

  void host() {
    const auto& socket = machine_.host[input_.ConsumeBool() ? 1 : 0];
    const std::string text = input_.ConsumeRandomLengthString(64);
    (void)!::send(socket.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    machine_.settle();
  }

  void quiet() {
    if (input_.ConsumeBool()) {
      machine_.bridge.quiesce([] {});
    } else {
      machine_.bridge.resume();
    }
    machine_.settle();
  }

  void restart(unsigned queue) {
    if (input_.ConsumeBool()) {
      machine_.set_bar<std::uint16_t>(device_, 0x16, static_cast<std::uint16_t>(queue));
      machine_.set_bar<std::uint16_t>(device_, 0x3a, 1);
      machine_.settle();
      enable(queue);
    } else {
      machine_.set_bar<std::uint8_t>(device_, kStatusRegister, 0);
      machine_.settle();
      start();
    }
  }

  Machine& machine_;
  FuzzedDataProvider& input_;
  unsigned device_ = 0;
  unsigned queues_ = 0;
  std::uint64_t features_ = 0;
  std::uint16_t size_ = 0;
};

void check(bool held) {
  if (!held) std::abort();
}

/// A bare queue over the rings that the guest has left: what it gives out keeps its promises.
void check_bare_queue(Machine& machine, FuzzedDataProvider& input) {
  const std::uint16_t size = static_cast<std::uint16_t>(1U << input.ConsumeIntegralInRange(0, 4));
  Virtqueue queue(machine.ram, 16);
  const Virtqueue::Rules rules{.indirect = input.ConsumeBool(), .event_index = input.ConsumeBool()};
  check(queue.enable({size, kRings, kRings + 0x800, kRings + 0xc00}, rules));
  std::array<iovec, 16> storage;
  Chain chain{.storage = storage};
  const auto& region = machine.ram.regions()[0];
  for (unsigned popped = 0; queue.pop(chain); ++popped) {
    check(popped < size && chain.readable + chain.writable <= size && chain.head < size);
    const auto count = static_cast<std::size_t>(chain.readable + chain.writable);
    for (const iovec& buffer : std::span(storage).first(count)) {
      const auto* host = static_cast<const std::byte*>(buffer.iov_base);
      check(host >= region.host && buffer.iov_len != 0);
      check(fits_within(static_cast<std::uint64_t>(host - region.host), buffer.iov_len,
                        region.guest.size));
    }
    if (input.ConsumeBool()) queue.push(chain.head, 0);
    (void)queue.publish();
  }
  (void)queue.want_kicks();
  check(!queue.broken() || !queue.pop(chain));
}

}  // namespace
}  // namespace hive::device::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hive::device::fuzz;
  static Machine machine;
  FuzzedDataProvider input(data, size);
  {
    Guest guest(machine, input);
    for (unsigned step = 0; step < 64 && input.remaining_bytes() > 0; ++step) guest.step();
  }
  check_bare_queue(machine, input);
  machine.settle();
  machine.reset();
  return 0;
}
