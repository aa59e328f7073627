// What a guest's kernel says of its memory, and what the agent makes of it.
#include "guests/agent/load.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "guests/abi/agent_codec.h"
#include "tests/unit/agent/agent_fixture.h"

namespace hive::agent {
namespace {

constexpr std::uint64_t kKib = 1024;

TEST(Load, IsInMeminfo) {
  hive_agent_load load{};
  add_meminfo(
      "MemTotal:         496384 kB\nMemFree:          401232 kB\nMemAvailable:     439908 kB\n"
      "Buffers:             100 kB\nCached:            42444 kB\nSwapCached:        77777 kB\n"
      "SwapTotal:          2048 kB\nSwapFree:           1024 kB\nDirty:                12 kB\n",
      load);
  EXPECT_EQ(load.total, 496384 * kKib);
  EXPECT_EQ(load.free, 401232 * kKib);
  EXPECT_EQ(load.available, 439908 * kKib);
  EXPECT_EQ(load.cached, 42444 * kKib);
  EXPECT_EQ(load.swap_total, 2048 * kKib);
  EXPECT_EQ(load.swap_free, 1024 * kKib);
  EXPECT_EQ(load.dirty, 12 * kKib);
}

TEST(Load, IsInVmstat) {
  hive_agent_load load{};
  add_vmstat("pgfault 12345\npgmajfault 17\npswpin 3\npswpout 4\npswpoutx 9\n", load);
  EXPECT_EQ(load.major_faults, 17U);
  EXPECT_EQ(load.swapped_in, 3U);
  EXPECT_EQ(load.swapped_out, 4U);
}

TEST(Load, IsInPressure) {
  hive_agent_load load{};
  add_pressure(
      "some avg10=1.53 avg60=0.40 avg300=0.09 total=123456\n"
      "full avg10=0.00 avg60=0.00 avg300=0.00 total=789\n",
      load);
  EXPECT_EQ(load.some_stalled_us, 123456U);
  EXPECT_EQ(load.all_stalled_us, 789U);
}

TEST(Load, TakesNoNonsense) {
  hive_agent_load load{};
  add_meminfo("MemTotal: x kB\nMemFree:\nCached: 99999999999999999999 kB\nMemAvailable", load);
  add_meminfo("SwapTotal: 18446744073709551615 kB", load);
  add_vmstat("pgmajfault\n\n\npswpin -1", load);
  add_pressure("some total=\nfull total=x\ntotal=3", load);
  EXPECT_EQ(abi::encode_load(load), abi::encode_load({}));
}

TEST(Load, IsReadFromProc) {
  std::string name = (std::filesystem::temp_directory_path() / "hive-load-XXXXXX").string();
  const std::filesystem::path proc = ::mkdtemp(name.data());
  EXPECT_FALSE(read_load(proc)) << "no meminfo";
  std::ofstream(proc / "meminfo") << "MemTotal: 8 kB\nMemFree: 9 kB\n";
  EXPECT_FALSE(read_load(proc)) << "more than all is free";
  std::ofstream(proc / "meminfo") << "MemTotal: 8 kB\nMemFree: 2 kB\n";
  const auto bare = read_load(proc);
  ASSERT_TRUE(bare) << "a kernel without swap, vmstat and PSI";
  EXPECT_EQ(bare->free, 2 * kKib);
  EXPECT_EQ(bare->some_stalled_us, 0U);
  std::filesystem::create_directory(proc / "pressure");
  std::ofstream(proc / "pressure/memory") << "some avg10=0.00 total=5\n";
  EXPECT_EQ(read_load(proc)->some_stalled_us, 5U);
  std::filesystem::remove_all(proc);
}

TEST(Load, OfThisHostIsSound) {
  const auto load = read_load();
  ASSERT_TRUE(load);
  EXPECT_TRUE(abi::decode_load(abi::encode_load(*load)));
}

TEST(Load, IsDecodedOnlyWhereItsPartsFit) {
  hive_agent_load load{};
  EXPECT_FALSE(abi::decode_load(abi::encode_load(load))) << "no memory at all";
  load.total = 10;
  load.available = 10;
  EXPECT_TRUE(abi::decode_load(abi::encode_load(load)));
  for (auto member : {&hive_agent_load::free, &hive_agent_load::available, &hive_agent_load::cached,
                      &hive_agent_load::swap_free}) {
    hive_agent_load wrong = load;
    wrong.*member = 11;
    EXPECT_FALSE(abi::decode_load(abi::encode_load(wrong)));
  }
  EXPECT_FALSE(abi::decode_load(abi::encode_load(load) + "x"));
  EXPECT_FALSE(abi::decode_load(""));
}

TEST_F(AgentTest, TellsItsLoadWhenAsked) {
  EXPECT_EQ(receive().type, HIVE_AGENT_HELLO);
  send(HIVE_AGENT_ASK_LOAD, 0, {});
  const AgentFrame frame = receive();
  EXPECT_EQ(frame.type, HIVE_AGENT_LOAD);
  EXPECT_EQ(abi::decode_load(frame.payload).value().free, 10U);
}

}  // namespace
}  // namespace hive::agent
