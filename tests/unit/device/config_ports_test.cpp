#include "vmm/device/pci/config_ports.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace hive::device {
namespace {

/// Remembers accesses; a read returns the low byte of each offset.
class RecordingEcam : public BusDevice {
 public:
  void read(std::uint64_t offset, std::span<std::byte> data) override {
    reads.push_back(offset);
    for (std::byte& byte : data) byte = static_cast<std::byte>(offset++ & 0xff);
  }
  void write(std::uint64_t offset, std::span<const std::byte> data) override {
    writes.emplace_back(offset, data.size());
  }
  std::vector<std::uint64_t> reads;
  std::vector<std::pair<std::uint64_t, std::size_t>> writes;
};

class PciConfigPortsTest : public ::testing::Test {
 protected:
  void select(std::uint32_t address) { ports_.write(0, std::as_bytes(std::span(&address, 1))); }
  std::uint32_t read(std::uint64_t offset, std::size_t width) {
    std::uint32_t value = 0;
    ports_.read(offset, std::as_writable_bytes(std::span(&value, 1)).first(width));
    return value;
  }

  RecordingEcam ecam_;
  PciConfigPorts ports_{ecam_};
};

TEST_F(PciConfigPortsTest, AddressReadsBackAsLinuxProbesIt) {
  select(0x8000'0000);
  EXPECT_EQ(read(0, 4), 0x8000'0000U);
  const std::byte one{1};
  ports_.write(3, {&one, 1});
  EXPECT_EQ(read(0, 4), 0x8000'0000U) << "a byte store must not reach the register";
}

TEST_F(PciConfigPortsTest, ReachesFunctionAndRegister) {
  select(0x8000'0000 | 5 << 11 | 2 << 8 | 0x3c);
  EXPECT_EQ(read(4, 4) & 0xff, 0x3cU);
  EXPECT_EQ(read(6, 2) & 0xff, 0x3eU);
  EXPECT_EQ(ecam_.reads, (std::vector<std::uint64_t>{0x2a03c, 0x2a03e}));
  const std::uint16_t value = 7;
  ports_.write(6, std::as_bytes(std::span(&value, 1)));
  ASSERT_EQ(ecam_.writes.size(), 1U);
  EXPECT_EQ(ecam_.writes[0], (std::pair<std::uint64_t, std::size_t>{0x2a03e, 2}));
}

TEST_F(PciConfigPortsTest, ReadsOnesWhereThereIsNothing) {
  select(0x0000'0000);  // Not enabled.
  EXPECT_EQ(read(4, 4), 0xffff'ffffU);
  select(0x8001'0000);  // Bus 1.
  EXPECT_EQ(read(4, 4), 0xffff'ffffU);
  select(0x8000'0000);
  EXPECT_EQ(read(2, 4), 0xffff'ffffU) << "across both registers";
  EXPECT_TRUE(ecam_.reads.empty());
}

}  // namespace
}  // namespace hive::device
