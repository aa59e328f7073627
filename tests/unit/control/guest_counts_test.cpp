// What a monitor takes from the memory that it shares with a VMM, whatever that holds.
#include "cellmon/control/guest_counts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <random>
#include <set>
#include <string>
#include <string_view>

namespace hive::control {
namespace {

using cell::ExitKind;
using cell::KvmStatistic;
using cell::Progress;

void write(KvmStatistic& statistic, std::string_view name, std::uint64_t value,
           std::uint32_t flags) {
  std::array<std::uint64_t, KvmStatistic::kMaxName / 8> words{};
  std::memcpy(words.data(), name.data(), std::min(name.size(), KvmStatistic::kMaxName));
  for (std::size_t word = 0; word < words.size(); ++word) statistic.name[word] = words[word];
  statistic.value = value;
  statistic.flags = flags | KvmStatistic::kIsThere;
}

class GuestCountsTest : public testing::Test {
 protected:
  cell::ProgressPage page_{-1};
};

TEST_F(GuestCountsTest, AreAllZeroAtFirst) {
  const GuestCounts counts = read_counts(*page_, 2);
  for (const auto& exits : counts.exits) EXPECT_EQ(exits.count + exits.ticks, 0U);
  EXPECT_EQ(counts.interrupts, 0U);
  EXPECT_TRUE(counts.kvm.empty());
}

TEST_F(GuestCountsTest, AddUpThoseOfTheVcpusThatThereAre) {
  page_->vcpus[0].note(ExitKind::kMmioWrite, 10);
  page_->vcpus[0].note(ExitKind::kMmioWrite, 20);
  page_->vcpus[1].note(ExitKind::kMmioWrite, 5);
  page_->vcpus[1].note(ExitKind::kFirewall, 7);
  page_->vcpus[1].note_more(ExitKind::kFirewall, 30);
  page_->vcpus[2].note(ExitKind::kOther, 1'000);
  const GuestCounts counts = read_counts(*page_, 2);
  const auto& mmio = counts.exits[static_cast<std::size_t>(ExitKind::kMmioWrite)];
  EXPECT_EQ(mmio.count, 3U);
  EXPECT_EQ(mmio.ticks, 35U);
  const auto& firewall = counts.exits[static_cast<std::size_t>(ExitKind::kFirewall)];
  EXPECT_EQ(firewall.count, 1U);
  EXPECT_EQ(firewall.ticks, 37U);
  EXPECT_EQ(counts.exits[static_cast<std::size_t>(ExitKind::kOther)].count, 0U);
}

TEST_F(GuestCountsTest, HaveWhatDisksDid) {
  page_->devices.block.note(device::BlockOperation::kRead, 4096, false);
  page_->devices.block.note(device::BlockOperation::kRead, 0, true);
  page_->devices.interrupts = 9;
  const GuestCounts counts = read_counts(*page_, 1);
  EXPECT_EQ(counts.block[0].requests, 2U);
  EXPECT_EQ(counts.block[0].bytes, 4096U);
  EXPECT_EQ(counts.block[0].errors, 1U);
  EXPECT_EQ(counts.interrupts, 9U);
}

TEST_F(GuestCountsTest, LeaveOutNamesThatAreNoneAndThoseThatCameBefore) {
  write(page_->statistics[0], "exits", 3, KvmStatistic::kGrows | KvmStatistic::kOfVcpus);
  write(page_->statistics[1], "bad\"name", 4, 0);
  write(page_->statistics[2], "", 5, 0);
  write(page_->statistics[3], "exits", 6, KvmStatistic::kOfVcpus);
  write(page_->statistics[4], "exits", 7, 0);
  write(page_->statistics[5], std::string(60, 'x'), 8, 0);
  write(page_->statistics[7], "behind_a_gap", 8, 0);
  const GuestCounts counts = read_counts(*page_, 1);
  ASSERT_EQ(counts.kvm.size(), 3U);
  EXPECT_EQ(counts.kvm[0].name, "exits");
  EXPECT_TRUE(counts.kvm[0].grows && counts.kvm[0].of_vcpus);
  EXPECT_EQ(counts.kvm[0].value, 3U);
  EXPECT_FALSE(counts.kvm[1].of_vcpus);
  EXPECT_EQ(counts.kvm[2].name, std::string(KvmStatistic::kMaxName, 'x'));
}

TEST_F(GuestCountsTest, TakeAnythingAtAll) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 200; ++round) {
    auto* words = reinterpret_cast<std::uint64_t*>(&*page_);
    for (std::size_t word = 0; word < sizeof(Progress) / 8; ++word) {
      std::atomic_ref(words[word]).store(random(), std::memory_order_relaxed);
    }
    const GuestCounts counts = read_counts(*page_, 1000);
    EXPECT_LE(counts.kvm.size(), Progress::kMaxStatistics);
    for (const auto& each : counts.kvm) {
      EXPECT_EQ(each.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_"),
                std::string::npos);
    }
  }
}

TEST(ExitKinds, HaveNamesOfTheirOwn) {
  std::set<std::string_view> names;
  for (std::size_t kind = 0; kind < cell::kExitKinds; ++kind) {
    names.insert(to_string(static_cast<ExitKind>(kind)));
  }
  EXPECT_EQ(names.size(), cell::kExitKinds);
}

}  // namespace
}  // namespace hive::control
