#include "vmm/device/policy/policy_registers.h"

#include <gtest/gtest.h>

#include <cstring>
#include <utility>
#include <vector>

namespace hive::device {
namespace {

constexpr std::uint64_t kHint = offsetof(hive_wax_registers, hint);
constexpr std::uint64_t kSubmit = offsetof(hive_wax_registers, submit);
constexpr std::uint64_t kHeartbeat = offsetof(hive_wax_registers, heartbeat);
constexpr std::uint64_t kNow = offsetof(hive_wax_registers, now_ns);
constexpr std::uint64_t kRound = 250'000'000;
constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint32_t kCells = 3;

class PolicyRegistersTest : public ::testing::Test {
 protected:
  template <typename T>
  T get(std::uint64_t offset) {
    T value{};
    registers_.read(offset, std::as_writable_bytes(std::span(&value, 1)));
    return value;
  }
  template <typename T>
  void set(std::uint64_t offset, const T& value) {
    registers_.write(offset, std::as_bytes(std::span(&value, 1)));
  }
  void submit() { set<std::uint32_t>(kSubmit, 1); }
  std::uint64_t dropped() { return get<std::uint64_t>(offsetof(hive_wax_registers, dropped)); }

  std::uint64_t now_ = 1'000'000'000;
  bool takes_ = true;
  std::vector<hive_wax_hint> hints_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> beats_;
  PolicyRegisters registers_{
      {.cells = kCells, .cpus = 8, .epoch = 9, .incarnation = 7, .round_ms = 250},
      [this] { return now_; },
      [this](const hive_wax_hint& hint) {
        if (takes_) hints_.push_back(hint);
        return takes_;
      },
      [this](std::uint64_t heartbeat, std::uint64_t dropped) {
        beats_.emplace_back(heartbeat, dropped);
      }};
};

TEST_F(PolicyRegistersTest, TellWhatTheMachineIs) {
  const auto all = get<hive_wax_registers>(0);
  EXPECT_EQ(std::memcmp(&all.magic, "HIVW", 4), 0);
  EXPECT_EQ(all.version, HIVE_WAX_VERSION);
  EXPECT_EQ(all.cells, kCells);
  EXPECT_EQ(all.cpus, 8U);
  EXPECT_EQ(all.epoch, 9U);
  EXPECT_EQ(all.incarnation, 7U);
  EXPECT_EQ(all.round_ms, 250U);
  EXPECT_EQ(all.now_ns, now_);
  EXPECT_EQ(all.dropped, 0U);
  EXPECT_EQ(all.submit, 0U);
}

TEST_F(PolicyRegistersTest, TellTheTimeInAnyWidth) {
  now_ = 0x1122'3344'5566'7788;
  EXPECT_EQ(get<std::uint64_t>(kNow), now_);
  EXPECT_EQ(get<std::uint32_t>(kNow + 4), 0x1122'3344U);
  EXPECT_EQ(get<std::uint8_t>(kNow), 0x88U);
}

TEST_F(PolicyRegistersTest, CannotBeWrittenWhereTheyAreReadOnly) {
  const auto before = get<hive_wax_registers>(0);
  for (std::uint64_t offset = 0; offset < sizeof before; offset += 8) {
    const bool hint = offset >= kHint && offset < kHint + sizeof(hive_wax_hint);
    if (!hint && offset != kSubmit && offset != kHeartbeat) set<std::uint64_t>(offset, ~0ULL);
  }
  set<std::uint64_t>(sizeof before, 1);
  set<std::uint64_t>(~0ULL, 1);
  const auto after = get<hive_wax_registers>(0);
  EXPECT_EQ(std::memcmp(&before, &after, sizeof before), 0);
  EXPECT_TRUE(hints_.empty());
  EXPECT_TRUE(beats_.empty());
  EXPECT_EQ(get<std::uint64_t>(sizeof before), 0U);
}

TEST_F(PolicyRegistersTest, SubmitWhatIsInTheMailbox) {
  const hive_wax_hint hint{9, 7, HIVE_WAX_LEND, 1, 2, 3, 4};
  set(kHint, hint);
  EXPECT_TRUE(hints_.empty());
  submit();
  set<std::uint32_t>(offsetof(hive_wax_registers, hint.amount), 5);
  submit();
  ASSERT_EQ(hints_.size(), 2U);
  EXPECT_EQ(std::memcmp(&hints_[0], &hint, sizeof hint), 0);
  EXPECT_EQ(hints_[1].amount, 5U);
  EXPECT_EQ(hints_[1].section, 4U);
}

TEST_F(PolicyRegistersTest, DropHintsBeyondTheirRate) {
  for (unsigned i = 0; i < HIVE_WAX_MAX_HINTS + 10; ++i) submit();
  EXPECT_EQ(hints_.size(), HIVE_WAX_MAX_HINTS);
  EXPECT_EQ(dropped(), 10U);
  now_ += kSecond;
  for (unsigned i = 0; i < HIVE_WAX_MAX_HINTS; ++i) submit();
  EXPECT_EQ(hints_.size(), HIVE_WAX_MAX_HINTS + kCells * HIVE_WAX_HINT_RATE);
  EXPECT_EQ(dropped(), 10 + HIVE_WAX_MAX_HINTS - kCells * HIVE_WAX_HINT_RATE);
}

TEST_F(PolicyRegistersTest, LimitHintsAndBeatsWhateverTheirFactsAre) {
  unsigned hints = 0;
  unsigned beats = 0;
  PolicyRegisters odd(
      {.cells = 0, .round_ms = 0}, [this] { return now_; },
      [&](const hive_wax_hint&) { return ++hints != 0; },
      [&](std::uint64_t, std::uint64_t) { ++beats; });
  const std::uint64_t word = 1;
  for (unsigned i = 0; i < 2 * HIVE_WAX_MAX_HINTS; ++i) {
    odd.write(kSubmit, std::as_bytes(std::span(&word, 1)).first(4));
    odd.write(kHeartbeat, std::as_bytes(std::span(&word, 1)));
  }
  EXPECT_EQ(hints, HIVE_WAX_MAX_HINTS);
  EXPECT_EQ(beats, HIVE_WAX_MAX_BEATS);
}

TEST_F(PolicyRegistersTest, DropHintsThatNobodyTakes) {
  takes_ = false;
  submit();
  EXPECT_EQ(dropped(), 1U);
  takes_ = true;
  submit();
  EXPECT_EQ(dropped(), 1U);
  EXPECT_EQ(hints_.size(), 1U);
}

TEST_F(PolicyRegistersTest, TellOfHeartbeatsAFewTimesARound) {
  for (std::uint64_t beat = 1; beat <= 10; ++beat) set(kHeartbeat, beat);
  EXPECT_EQ(beats_.size(), HIVE_WAX_MAX_BEATS);
  EXPECT_EQ(get<std::uint64_t>(kHeartbeat), 10U);
  takes_ = false;
  submit();
  now_ += kRound;
  for (std::uint64_t beat = 11; beat <= 20; ++beat) set(kHeartbeat, beat);
  ASSERT_EQ(beats_.size(), 2 * HIVE_WAX_MAX_BEATS);
  EXPECT_EQ(beats_[HIVE_WAX_MAX_BEATS].first, 11U);
  EXPECT_EQ(beats_.back().second, 1U);
}

}  // namespace
}  // namespace hive::device
