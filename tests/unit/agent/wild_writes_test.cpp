// Stores all over global memory: where they go, and what is counted.
#include "guests/agent/wild_writes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "guests/abi/agent_codec.h"
#include "guests/agent/wild_stores.h"
#include "tests/support/fake_global_device.h"

namespace hive::agent {
namespace {

using hive::testing::FakeGlobalDevice;
using ::testing::HasSubstr;

TEST(WildStores, AreAWordEachWithinTheParts) {
  const std::vector<std::uint64_t> parts{4096, 0, 20, 8};
  WildStores stores(parts, 1);
  std::vector<unsigned> hits(parts.size());
  for (int times = 0; times < 20'000; ++times) {
    const auto store = stores.next();
    ASSERT_TRUE(store);
    ASSERT_LT(store->part, parts.size());
    EXPECT_EQ(store->offset % 8, 0U);
    EXPECT_LE(store->offset + 8, parts[store->part]);
    ++hits[store->part];
  }
  EXPECT_EQ(hits[1], 0U);
  EXPECT_NEAR(hits[0], 20'000.0 * 512 / 515, 60);
  EXPECT_GT(hits[2], hits[3]);
  EXPECT_GT(hits[3], 0U);
}

TEST(WildStores, FollowTheSeed) {
  WildStores first({1 << 20}, 7);
  WildStores again({1 << 20}, 7);
  WildStores other({1 << 20}, 8);
  unsigned same = 0;
  for (int times = 0; times < 1000; ++times) {
    const auto store = first.next();
    const auto repeated = again.next();
    EXPECT_EQ(store->offset, repeated->offset);
    EXPECT_EQ(store->value, repeated->value);
    same += store->offset == other.next()->offset ? 1U : 0U;
  }
  EXPECT_LT(same, 10U);
}

TEST(WildStores, AreNoneWhereThereIsNoWord) {
  EXPECT_FALSE(WildStores({}, 1).next());
  EXPECT_FALSE(WildStores({0, 7}, 1).next());
}

TEST(WildWritesCodec, TakesWhatIsWithinBounds) {
  const hive_agent_wild_writes most{HIVE_AGENT_ALL, HIVE_AGENT_MAX_STORES,
                                    HIVE_AGENT_MAX_STORE_RATE, HIVE_AGENT_LONGEST_STORES, ~0ULL};
  const auto decoded = abi::decode_wild_writes(abi::encode_wild_writes(most));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(std::memcmp(&*decoded, &most, sizeof most), 0);
  const hive_agent_wild_writes wrong[] = {
      {0, 1, 1, 1, 0}, {4, 1, 1, 1, 0},
      {1, 0, 1, 1, 0}, {1, HIVE_AGENT_MAX_STORES + 1, 1, 1, 0},
      {1, 1, 0, 1, 0}, {1, 1, HIVE_AGENT_MAX_STORE_RATE + 1, 1, 0},
      {1, 1, 1, 0, 0}, {1, 1, 1, HIVE_AGENT_LONGEST_STORES + 1, 0}};
  for (const auto& each : wrong) {
    EXPECT_FALSE(abi::decode_wild_writes(abi::encode_wild_writes(each)));
  }
  EXPECT_FALSE(abi::decode_wild_writes("short"));
  EXPECT_TRUE(abi::decode_wrote(abi::encode_wrote({1, HIVE_AGENT_MAX_STORES - 1})));
  EXPECT_FALSE(abi::decode_wrote(abi::encode_wrote({1, HIVE_AGENT_MAX_STORES})));
  EXPECT_FALSE(abi::decode_wrote(abi::encode_wrote({~0ULL, 2})));
  EXPECT_FALSE(abi::decode_wrote(""));
}

/// How many words of HOME's contribution are not 0.
std::uint64_t count_words(FakeGlobalDevice& device, unsigned home) {
  std::uint64_t count = 0;
  for (std::uint64_t at = 0; at < FakeGlobalDevice::kPages * 4096; at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, device.memory(home) + at, sizeof word);
    count += word != 0 ? 1U : 0U;
  }
  return count;
}

TEST(WildWrites, GoWhereTheyAreAimed) {
  for (const hive_agent_target target : {HIVE_AGENT_OWN, HIVE_AGENT_OTHERS, HIVE_AGENT_ALL}) {
    FakeGlobalDevice device(3, 0);  // The third contributes nothing.
    for (const unsigned home : {0U, 1U}) {
      std::memset(device.memory(home), 0, FakeGlobalDevice::kPages * 4096);
    }
    const WildResult result = write_wildly(
        {static_cast<std::uint32_t>(target), 2000, HIVE_AGENT_MAX_STORE_RATE, 60'000, 3},
        device.paths());
    EXPECT_EQ(result.why, "");
    EXPECT_EQ(result.wrote.done, 2000U);
    EXPECT_EQ(result.wrote.denied, 0U);
    const std::uint64_t own = count_words(device, 0);
    const std::uint64_t others = count_words(device, 1);
    EXPECT_EQ(own > 0, target != HIVE_AGENT_OTHERS);
    EXPECT_EQ(others > 0, target != HIVE_AGENT_OWN);
    EXPECT_GE(own + others, 1900U);
    EXPECT_LE(own + others, 2000U);
  }
}

TEST(WildWrites, StepOverWhatIsDenied) {
  FakeGlobalDevice device(2, 0);  // The second contributes nothing.
  constexpr std::uint64_t kHalf = FakeGlobalDevice::kPages / 2 * 4096;
  std::memset(device.memory(0), 0, kHalf);
  // Past the end of a file there is SIGBUS, as where the firewall denies a store.
  const std::string file = device.paths().physical_memory;
  const auto whole = std::filesystem::file_size(file);
  std::thread denier([&] {
    const std::vector<unsigned char> nothing(kHalf);
    while (std::memcmp(device.memory(0), nothing.data(), kHalf) == 0) ::usleep(1000);
    std::filesystem::resize_file(file, FakeGlobalDevice::kWindowStart + kHalf);
  });
  const WildResult result = write_wildly({HIVE_AGENT_OWN, 3000, 1000, 60'000, 3}, device.paths());
  denier.join();
  std::filesystem::resize_file(file, whole);
  EXPECT_EQ(result.why, "");
  EXPECT_GT(result.wrote.done, 0U);
  EXPECT_GT(result.wrote.denied, 0U);
  EXPECT_EQ(result.wrote.done + result.wrote.denied, 3000U);
}

TEST(WildWrites, KeepToTheirRateAndTheirTime) {
  FakeGlobalDevice device(2, 0);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(write_wildly({HIVE_AGENT_OWN, 20, 100, 60'000, 3}, device.paths()).wrote.done, 20U);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(190));
  EXPECT_LE(write_wildly({HIVE_AGENT_OWN, 1000, 10, 300, 3}, device.paths()).wrote.done, 4U);
}

TEST(WildWrites, TellWhyThereAreNone) {
  FakeGlobalDevice device(2, 1);
  EXPECT_THAT(write_wildly({HIVE_AGENT_OWN, 1, 1, 1000, 3}, device.paths()).why,
              HasSubstr("nobody contributes"));
  sdk::DevicePaths nowhere = device.paths();
  nowhere.functions = device.folder() + "/none";
  EXPECT_NE(write_wildly({HIVE_AGENT_ALL, 1, 1, 1000, 3}, nowhere).why, "");
}

}  // namespace
}  // namespace hive::agent
