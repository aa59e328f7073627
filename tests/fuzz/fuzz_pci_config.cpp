// A guest that reads and writes configuration space and BARs at any place and in any width.
#include <fuzzer/FuzzedDataProvider.h>

#include "tests/fuzz/device_fixture.h"

namespace hive::device::fuzz {
namespace {

/// The guest's accesses come in these widths; KVM splits none of them.
std::size_t width(FuzzedDataProvider& input) {
  static constexpr std::array<std::size_t, 6> kWidths{1, 2, 4, 8, 3, 16};
  return input.PickValueInArray(kWidths);
}

/// An offset of ECAM: mostly of a device that is there, mostly below 256.
std::uint64_t ecam_offset(FuzzedDataProvider& input, std::size_t size) {
  if (input.ConsumeIntegralInRange<unsigned>(0, 15) == 0) {
    return input.ConsumeIntegralInRange<std::uint64_t>(0, memory::layout::kEcam.size - size);
  }
  return Machine::function(input.ConsumeIntegralInRange<unsigned>(0, kDevices)) +
         input.ConsumeIntegralInRange<std::uint64_t>(0, 0xb0);
}

/// An offset of the window: mostly of a device's BAR, at its first place; often of the
/// common configuration.
std::uint64_t window_offset(FuzzedDataProvider& input, const Machine& machine, std::size_t size) {
  if (input.ConsumeIntegralInRange<unsigned>(0, 15) == 0) {
    return input.ConsumeIntegralInRange<std::uint64_t>(0, memory::layout::kPciWindow.size - size);
  }
  const unsigned device = input.ConsumeIntegralInRange<unsigned>(1, kDevices);
  const std::uint64_t start = machine.in_window(device);
  if (input.ConsumeBool()) return start + input.ConsumeIntegralInRange<std::uint64_t>(0, 0x3f);
  const std::uint64_t page = input.ConsumeIntegralInRange<std::uint64_t>(0, 7) * 0x1000;
  return start + page + input.ConsumeIntegral<std::uint8_t>();
}

void access(BusDevice& bus, std::uint64_t offset, std::size_t size, FuzzedDataProvider& input) {
  std::array<std::byte, 16> data{};
  if (input.ConsumeBool()) {
    bus.read(offset, std::span(data).first(size));
    return;
  }
  const auto bytes = input.ConsumeBytes<std::uint8_t>(size);
  std::copy_n(std::as_bytes(std::span(bytes)).begin(), bytes.size(), data.begin());
  bus.write(offset, std::span(data).first(size));
}

void step(Machine& machine, FuzzedDataProvider& input) {
  const std::size_t size = width(input);
  switch (input.ConsumeIntegralInRange<unsigned>(0, 8)) {
    case 0:
    case 1:
    case 2:
      return access(machine.bridge.ecam(), ecam_offset(input, size), size, input);
    case 3:
    case 4:
    case 5:
      return access(machine.bridge.window(), window_offset(input, machine, size), size, input);
    case 6:
      return machine.settle();
    case 7:
      return access(machine.ports, input.ConsumeIntegralInRange<std::uint64_t>(0, 7), size, input);
    default:
      machine.msi.limit = input.ConsumeIntegral<std::uint8_t>();
      machine.doorbells.refuse = input.ConsumeBool();
      return;
  }
}

void check_identity(Machine& machine) {
  // Nothing that the guest wrote may have changed what the devices are.
  const bool kept = machine.config<std::uint32_t>(kBlock, 0) == 0x10421af4 &&
                    machine.config<std::uint32_t>(kConsole, 0) == 0x10431af4 &&
                    machine.config<std::uint32_t>(kRng, 0) == 0x10441af4;
  if (!kept || machine.doorbells.bad_detaches != 0) std::abort();
}

}  // namespace
}  // namespace hive::device::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hive::device::fuzz;
  static Machine machine;
  FuzzedDataProvider input(data, size);
  for (unsigned device = 1; device <= kDevices; ++device) {
    if (input.ConsumeBool()) machine.start(device, input.ConsumeIntegral<std::uint64_t>(), 8);
  }
  for (unsigned count = 0; count < 256 && input.remaining_bytes() > 0; ++count) {
    step(machine, input);
  }
  machine.settle();
  machine.reset();
  check_identity(machine);
  return 0;
}
