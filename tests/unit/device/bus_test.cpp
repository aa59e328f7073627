#include "vmm/device/bus.h"

#include <gtest/gtest.h>

#include <array>

#include "tests/unit/device/doubles.h"
#include "vmm/base/error.h"

namespace hive::device {
namespace {

/// Remembers the last access and answers reads with the offset.
class Recorder : public BusDevice {
 public:
  void read(std::uint64_t offset, std::span<std::byte> data) override {
    last_offset = offset;
    for (std::byte& byte : data) byte = static_cast<std::byte>(offset++);
  }
  void write(std::uint64_t offset, std::span<const std::byte> data) override {
    last_offset = offset;
    last_size = data.size();
  }
  std::uint64_t last_offset = ~0ULL;
  std::size_t last_size = 0;
};

TEST(Bus, FindsTheDeviceOfEachRange) {
  Bus bus("port");
  Recorder high;
  Recorder low;
  bus.attach({0x3f8, 8}, high);
  bus.attach({0x70, 2}, low);
  std::array<std::byte, 1> byte{};
  EXPECT_TRUE(bus.read(0x71, byte));
  EXPECT_EQ(low.last_offset, 1U);
  EXPECT_EQ(byte[0], std::byte{1});
  EXPECT_TRUE(bus.write(0x3ff, byte));
  EXPECT_EQ(high.last_offset, 7U);
  EXPECT_EQ(high.last_size, 1U);
}

TEST(Bus, ReadsAllOnesWhereNothingIs) {
  Bus bus("memory");
  Recorder device;
  bus.attach({0x1000, 0x10}, device);
  for (const std::uint64_t address : {0x0ULL, 0xfffULL, 0x1010ULL, ~0ULL - 3}) {
    std::array<std::byte, 4> data{};
    EXPECT_FALSE(bus.read(address, data)) << address;
    for (const std::byte byte : data) EXPECT_EQ(byte, std::byte{0xff});
    EXPECT_FALSE(bus.write(address, data)) << address;
  }
  EXPECT_EQ(device.last_offset, ~0ULL);
}

TEST(Bus, DoesNotSplitAnAccessThatLeavesItsDevice) {
  Bus bus("memory");
  Recorder first;
  Recorder second;
  bus.attach({0x1000, 4}, first);
  bus.attach({0x1004, 4}, second);
  std::array<std::byte, 4> data{};
  EXPECT_FALSE(bus.read(0x1002, data));
  EXPECT_TRUE(bus.read(0x1004, data));
  EXPECT_EQ(first.last_offset, ~0ULL);
}

TEST(Bus, RefusesOverlapsAndEmptyRanges) {
  Bus bus("port");
  Recorder device;
  bus.attach({0x100, 0x10}, device);
  for (const Range range :
       {Range{0x10f, 1}, Range{0xff, 2}, Range{0x100, 0x10}, Range{0x90, 0x100}, Range{0x200, 0}}) {
    EXPECT_THROW(bus.attach(range, device), Error);
  }
  EXPECT_NO_THROW(bus.attach({0x110, 1}, device));
  EXPECT_NO_THROW(bus.attach({0xff, 1}, device));
}

}  // namespace
}  // namespace hive::device
