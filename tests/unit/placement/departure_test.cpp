// What the simulation of moves does not come to.
#include "cellmon/placement/departure.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace hive::placement {
namespace {

using mesh::MoveStep;
using mesh::MoveWord;

constexpr CellId kHome{0};
constexpr CellId kOther{1};
constexpr std::uint64_t kLife = 7;
constexpr Time kSecond = 1'000'000'000;

/// A home whose section of four pages is to move.
class DepartureTest : public testing::Test, private DeparturePort {
 protected:
  DepartureTest() {
    section_ = contribution_.create_section("s", 4, {true, kHome}).value().section;
    departure_.begin(section_, kOther, now_);
  }

  void hear(MoveStep step, std::uint64_t number = 1, std::uint64_t life = kLife) {
    MoveWord word;
    word.number = number;
    word.life = life;
    word.step = step;
    word.section = 5;
    word.pages = section_.range.count;
    departure_.hear(kOther, word, now_);
  }
  std::size_t count(MoveStep step) const {
    return static_cast<std::size_t>(std::count(sent_.begin(), sent_.end(), step));
  }

  firewall::Contribution contribution_{kHome, 8};
  firewall::Section section_;
  Time now_ = kSecond;
  std::vector<MoveStep> sent_;
  unsigned rights_sent_ = 0;
  unsigned thawed_ = 0;
  std::vector<MoveEnd> ends_;
  Departure departure_{kHome, kLife, *this};

 private:
  [[nodiscard]] std::uint64_t epoch() const override { return 1; }
  void send(CellId /*to*/, const MoveWord& word, const firewall::SectionRights* rights) override {
    sent_.push_back(word.step);
    if (rights != nullptr) ++rights_sent_;
  }
  [[nodiscard]] Incarnation incarnation(CellId /*cell*/) const override { return 1; }
  firewall::Result<firewall::FrozenSection> freeze(firewall::SectionId section) override {
    return contribution_.freeze_section(section);
  }
  void thaw(firewall::SectionId section) override {
    ++thawed_;
    contribution_.thaw_section(section);
  }
  void forward(firewall::SectionId section, CellId home, firewall::SectionId to,
               const firewall::PageRange& place) override {
    (void)contribution_.forward_section(section, home, to, place);
  }
  void ended(const MoveEnd& end) override { ends_.push_back(end); }
};

TEST_F(DepartureTest, CallsOffACopyThatTakesTooLong) {
  hear(MoveStep::kReserved);
  for (const Time begin = now_; now_ - begin <= Departure::kCopyLimit; now_ += kSecond) {
    ASSERT_TRUE(ends_.empty()) << now_;
    hear(MoveStep::kCopying);
    departure_.tick(now_);
  }
  departure_.tick(now_);
  ASSERT_EQ(ends_.size(), 1U);
  EXPECT_FALSE(ends_[0].moved);
  EXPECT_EQ(ends_[0].why, "the copy takes too long");
  EXPECT_EQ(thawed_, 1U);
  EXPECT_FALSE(departure_.is_busy());
}

TEST_F(DepartureTest, ThawsAsItCallsOff) {
  hear(MoveStep::kReserved);
  now_ += Departure::kPatience + 1;
  departure_.tick(now_);
  EXPECT_EQ(thawed_, 1U);
  EXPECT_EQ(count(MoveStep::kCancel), 1U);
  EXPECT_FALSE(departure_.is_busy()) << "it waits for nobody";
}

TEST_F(DepartureTest, TellsWhoAsksThatItWasCalledOff) {
  hear(MoveStep::kReserved);
  departure_.view_changed(now_);
  hear(MoveStep::kCopied);
  EXPECT_EQ(count(MoveStep::kCancel), 2U);
  EXPECT_EQ(count(MoveStep::kPublish), 0U);
  EXPECT_TRUE(contribution_.sections().find("s"));
  departure_.begin(section_, kOther, now_);
  hear(MoveStep::kCopied, 1);
  EXPECT_EQ(count(MoveStep::kCancel), 3U) << "that is another move";
  EXPECT_TRUE(departure_.is_busy());
}

TEST_F(DepartureTest, HearsNothingThatAnEarlierMonitorWasTold) {
  hear(MoveStep::kReserved, 1, kLife - 1);
  hear(MoveStep::kOver, 1, kLife - 1);
  hear(MoveStep::kCopied, 9, kLife - 1);
  EXPECT_EQ(sent_, std::vector{MoveStep::kOffer});
  EXPECT_TRUE(departure_.is_busy());
}

TEST_F(DepartureTest, SendsRightsUntilTheyHaveCome) {
  hear(MoveStep::kReserved);
  departure_.tick(now_ += Departure::kRetry);
  EXPECT_EQ(rights_sent_, 2U);
  hear(MoveStep::kCopying);
  departure_.tick(now_ += Departure::kRetry);
  EXPECT_EQ(rights_sent_, 2U);
  EXPECT_EQ(count(MoveStep::kCopy), 3U);
}

}  // namespace
}  // namespace hive::placement
