// How the library finds the device and maps its memory.
#include <gmock/gmock.h>

#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "tests/unit/sdk/opened_machine.h"

namespace {

using hive::sdk::Machine;
using hive::sdk::testing::open;
using hive::testing::FakeGlobalDevice;
using ::testing::HasSubstr;

constexpr std::uint64_t kPage = 4096;

TEST(MachineOpen, FallsBackOnTheDevicesOwnMemory) {
  FakeGlobalDevice device;
  const std::string memory = device.folder() + "/mem";
  const std::uint64_t size = device.registers().window_size;
  for (const auto& [name, mapping] :
       {std::pair{"resource2", HIVE_MAP_UNCACHED}, {"resource2_wc", HIVE_MAP_WRITE_COMBINING}}) {
    const std::string path = device.function_folder() + "/" + name;
    std::ofstream(path).close();
    std::filesystem::resize_file(path, size);
    hive::sdk::DevicePaths paths = device.paths();
    paths.physical_memory = device.folder() + "/nothing";
    const auto machine = Machine::open({}, paths);
    ASSERT_TRUE(machine.ok());
    EXPECT_EQ(machine.value()->info().mapping, static_cast<std::uint32_t>(mapping));
    EXPECT_NE(machine.value()->address(1, 0, kPage), nullptr);
  }
}

TEST(MachineOpen, SaysEveryWayThatFailed) {
  FakeGlobalDevice device;
  hive::sdk::DevicePaths paths = device.paths();
  paths.physical_memory = "/nothing";
  const auto machine = Machine::open({}, paths);
  ASSERT_FALSE(machine.ok());
  for (const char* way : {"/nothing", "resource2_wc", "resource2:"}) {
    EXPECT_THAT(machine.failure().message, HasSubstr(way));
  }
}

TEST(MachineOpen, MapsNothingOrOnlyForReadingWhereThatIsAskedFor) {
  FakeGlobalDevice device;
  hive_options options{};
  options.mapping = HIVE_MAP_NONE;
  const auto unmapped = open(device, options);
  std::uint32_t word = 0;
  EXPECT_EQ(unmapped->address(0, 0, 1), nullptr);
  EXPECT_EQ(unmapped->copy_from(0, 0, &word, 4).status(), HIVE_NOT_MAPPED);
  EXPECT_TRUE(unmapped->cell(0).ok());
  options.mapping = HIVE_MAP_BEST;
  options.flags = HIVE_READ_ONLY;
  const auto read_only = open(device, options);
  EXPECT_TRUE(read_only->copy_from(0, 0, &word, 4).ok());
  EXPECT_EQ(read_only->copy_to(0, 0, &word, 4).status(), HIVE_NOT_MAPPED);
  EXPECT_EQ(read_only->careful_publish(0, 0, 1, 0, &word, 4).status(), HIVE_NOT_MAPPED);
}

TEST(MachineOpen, EnablesTheFunctionOnce) {
  FakeGlobalDevice device;
  const std::string enable = device.function_folder() + "/enable";
  open(device);
  std::string text;
  std::ifstream(enable) >> text;
  EXPECT_EQ(text, "1");
  std::ofstream(enable) << "2\n";
  open(device);
  std::ifstream(enable) >> text;
  EXPECT_EQ(text, "2");
}

TEST(MachineOpen, PassesOverQemusOwnDevice) {
  FakeGlobalDevice device;
  const std::string qemus = device.folder() + "/pci/0000:00:01.0";
  std::filesystem::copy(device.function_folder(), qemus, std::filesystem::copy_options::recursive);
  std::filesystem::resize_file(qemus + "/resource0", 256);
  EXPECT_STREQ(open(device)->info().function, FakeGlobalDevice::kFunction);
  hive_options options{};
  options.function = "0000:00:01.0";
  EXPECT_EQ(Machine::open(options, device.paths()).status(), HIVE_NO_DEVICE);
  std::string enabled;
  std::ifstream(qemus + "/enable") >> enabled;
  EXPECT_EQ(enabled, "0") << "others' devices are left alone";
  options.function = "0000:00:09.0";
  EXPECT_EQ(Machine::open(options, device.paths()).status(), HIVE_NO_DEVICE);
}

TEST(MachineOpen, RefusesRegistersThatMakeNoSense) {
  FakeGlobalDevice device;
  hive_global_registers& registers = device.registers();
  const hive_global_registers good = registers;
  const auto status = [&] {
    const hive_status found = Machine::open({}, device.paths()).status();
    // The device's thread looks at those behind.
    std::memcpy(&registers, &good, offsetof(hive_global_registers, submit));
    return found;
  };
  registers.magic = 0;
  EXPECT_EQ(status(), HIVE_NO_DEVICE);
  registers.version = 2;
  EXPECT_EQ(status(), HIVE_BROKEN);
  registers.cells = 65;
  EXPECT_EQ(status(), HIVE_BROKEN);
  registers.cell = 3;
  EXPECT_EQ(status(), HIVE_BROKEN);
  registers.parts[1].offset = ~std::uint64_t{4095};
  EXPECT_EQ(status(), HIVE_BROKEN);
  registers.parts[1].size = registers.window_size;
  EXPECT_EQ(status(), HIVE_BROKEN);
  registers.window_start = 12;
  EXPECT_EQ(status(), HIVE_BROKEN);
  EXPECT_EQ(status(), HIVE_OK);
}

}  // namespace
