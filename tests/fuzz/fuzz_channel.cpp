// Ends of channels and SIPS ports whose other end, and its system area, hold anything and change.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "guests/sdk/channel/receiver.h"
#include "guests/sdk/channel/sender.h"
#include "guests/sdk/channel/sips.h"

namespace {

using namespace hive::sdk;

constexpr std::uint64_t kPart = HIVE_SYSTEM_LEAST;  // Of each of two cells; this one is cell 1.
constexpr std::uint64_t kRing = 4096;
constexpr std::uint64_t kCredit = 0;
constexpr std::uint64_t kSips = 8 * 4096;  // Both cells' section.
constexpr std::uint32_t kCapacity = 256;
constexpr std::uint32_t kPort = 3;

class Silent : public Bell {
 public:
  Result<std::unique_ptr<Listener>> listen(Clock::time_point /*end*/) override {
    return std::unique_ptr<Listener>();
  }
  void ring(std::uint32_t /*cell*/) override {}
};

FileMapping memory_of(std::size_t size) {
  const int fd = ::memfd_create("fuzz", MFD_CLOEXEC);
  if (fd < 0 || ::ftruncate(fd, static_cast<off_t>(size)) != 0) std::abort();
  auto mapped = FileMapping::map("/proc/self/fd/" + std::to_string(fd), 0, size, true);
  ::close(fd);
  return std::move(mapped).value();
}

Device make_device() {
  Device device;
  device.facts.cell = 1;
  device.facts.cells = 2;
  device.facts.incarnation = 1;
  device.facts.window_size = 2 * kPart;
  device.facts.parts[0] = {0, kPart};
  device.facts.parts[1] = {kPart, kPart};
  device.registers = memory_of(sizeof(hive_global_registers));
  device.window = memory_of(2 * kPart);
  device.mapping = HIVE_MAP_WRITE_BACK;
  return device;
}

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  [[nodiscard]] bool empty() const { return size_ == 0; }
  std::uint8_t byte() {
    if (size_ == 0) return 0;
    --size_;
    return *data_++;
  }
  /// COUNT bytes, or what is left, to DESTINATION.
  void copy(unsigned char* destination, std::size_t count) {
    count = std::min(count, size_);
    if (count == 0) return;
    std::memcpy(destination, data_, count);
    data_ += count;
    size_ -= count;
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
};

hive_section sips_section() {
  hive_section section{};
  section.home = 1;
  section.first = kSips / 4096;
  section.pages = HIVE_SIPS_PAGES(2);
  return section;
}

/// Both cells, made once.
struct World {
  Machine machine{make_device(), std::chrono::milliseconds(1), std::make_unique<Silent>()};
  unsigned char* foreign = machine.address(0, 0, kPart);
  unsigned char* own = machine.address(1, 0, kPart);
  SipsPort sips{machine, kPort, sips_section()};

  void reset() {
    std::memset(foreign, 0, kSips + HIVE_SIPS_PAGES(2) * 4096);
    std::memset(own, 0, kSips + HIVE_SIPS_PAGES(2) * 4096);
    auto* area = reinterpret_cast<hive_system_area*>(foreign + kPart - sizeof(hive_system_area));
    std::memset(area, 0, sizeof *area);
    area->header.sips_ports[kPort] = kSips / 4096 + 1;
    make_ring(kRing, kCapacity);
    make_ring(kSips + HIVE_SIPS_RING(1), HIVE_SIPS_RING_CAPACITY);
  }
  void make_ring(std::uint64_t offset, std::uint32_t capacity) const {
    auto* ring = reinterpret_cast<hive_channel_ring*>(foreign + offset);
    ring->magic = HIVE_CHANNEL_MAGIC;
    ring->version = HIVE_CHANNEL_VERSION;
    ring->capacity = capacity;
    ring->session = 5;
  }
};

void scribble(World& world, Input& input, std::uint64_t base, std::uint64_t extent) {
  const std::uint64_t at = (input.byte() | std::uint64_t{input.byte()} << 8) % extent;
  const std::size_t count = std::min<std::uint64_t>(input.byte(), extent - at);
  input.copy(world.foreign + base + at, count);
}

void step(World& world, ChannelSender& sender, ChannelReceiver& receiver, Input& input) {
  const Clock::time_point now{};  // Long past: nothing waits.
  std::vector<std::byte> record;
  switch (input.byte() % 9) {
    case 0:
      return scribble(world, input, kRing, ring_size(kCapacity));
    case 1:
      return scribble(world, input, kCredit, sizeof(hive_channel_credit));
    case 2:
      return scribble(world, input, kPart - sizeof(hive_system_area), sizeof(hive_system_area));
    case 3:
      return scribble(world, input, kSips, HIVE_SIPS_PAGES(2) * 4096);
    case 4: {
      const std::size_t most = input.byte();
      const auto got = receiver.receive(record, most, now);
      if (record.size() > most || (!got.ok() && !record.empty())) std::abort();
      return;
    }
    case 5:
      record.resize(input.byte());
      (void)sender.send(record, now);
      return;
    case 6:
      (void)world.sips.receive(now);
      return;
    case 7:
      (void)world.sips.send(input.byte() % 3, {}, now);
      return;
    default: {
      // The receiver finds the sender's session, whose number it cannot guess.
      const auto* ring = reinterpret_cast<hive_channel_ring*>(world.own + kRing);
      auto* credit = reinterpret_cast<hive_channel_credit*>(world.foreign + kCredit);
      credit->session = ring->session;
      (void)world.machine.wake(input.byte() % 3, 4 * input.byte());
      return;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static auto* world = new World;
  world->reset();
  Input input(data, size);
  auto sender = ChannelSender::create(world->machine, {{1, kRing}, {0, kCredit}, kCapacity});
  auto receiver = ChannelReceiver::attach(world->machine, {{0, kRing}, {1, kCredit}, kCapacity});
  if (!sender.ok() || !receiver.ok()) std::abort();
  ChannelSender sends = std::move(sender).value();
  ChannelReceiver receives = std::move(receiver).value();
  for (unsigned steps = 0; steps < 64 && !input.empty(); ++steps) {
    step(*world, sends, receives, input);
  }
  return 0;
}
