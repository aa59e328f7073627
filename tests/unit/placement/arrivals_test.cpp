// What the simulation of moves does not come to.
#include "cellmon/placement/arrivals.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace hive::placement {
namespace {

using firewall::SectionRights;
using mesh::MoveFault;
using mesh::MoveStep;
using mesh::MoveWord;

constexpr CellId kSource{0};
constexpr CellId kHome{1};
constexpr Time kSecond = 1'000'000'000;

/// A home to which cell 0 moves sections of two pages.
class ArrivalsTest : public testing::Test, private ArrivalPort {
 protected:
  ArrivalsTest() { contribution_.set_hosting(8); }

  MoveWord word(MoveStep step, std::uint64_t number) const {
    MoveWord made;
    made.number = number;
    made.life = 7;
    made.epoch = 1;
    made.step = step;
    made.pages = 2;
    const std::string name = "s" + std::to_string(number);
    std::memcpy(made.name.data(), name.data(), name.size());
    return made;
  }
  void hear(MoveStep step, std::uint64_t number = 1) {
    arrivals_.hear(kSource, word(step, number), SectionRights{}, now_);
  }
  /// The first section is here, but for the source's word.
  void copy_all() {
    hear(MoveStep::kOffer);
    hear(MoveStep::kCopy);
    arrivals_.copied(kSource, true);
  }
  /// The last word that was sent.
  [[nodiscard]] const MoveWord& last() const { return sent_.back(); }

  firewall::Contribution contribution_{kHome, 16};
  Time now_ = kSecond;
  bool has_guest_ = true;
  bool can_discard_ = true;
  std::vector<MoveWord> sent_;
  unsigned admitted_ = 0;
  unsigned stopped_ = 0;  ///< Copies.
  Arrivals arrivals_{*this};

 private:
  [[nodiscard]] std::uint64_t epoch() const override { return 1; }
  void send(CellId /*to*/, const MoveWord& said) override { sent_.push_back(said); }
  [[nodiscard]] bool has_guest() const override { return has_guest_; }
  firewall::Result<firewall::Section> reserve(const MoveWord& offer) override {
    const auto made =
        contribution_.reserve_section(offer.name.data(), offer.pages, {true, kSource});
    if (!made.ok()) return made.refusal();
    return made.value().section;
  }
  void copy(CellId /*from*/, const firewall::PageRange& /*theirs*/,
            const firewall::PageRange& /*ours*/) override {}
  void stop_copying(CellId /*from*/) override { ++stopped_; }
  [[nodiscard]] Incarnation incarnation(CellId /*cell*/) const override { return 1; }
  bool admit(CellId /*from*/, firewall::SectionId section, const SectionRights& rights,
             const SectionRights& /*lost*/) override {
    if (!can_discard_) return false;
    (void)contribution_.admit_section(section, rights);
    ++admitted_;
    return true;
  }
  void release(firewall::SectionId section) override { contribution_.release_section(section); }
};

TEST_F(ArrivalsTest, PublishOnlyWhatTheSourceHasLeft) {
  copy_all();
  EXPECT_EQ(last().step, MoveStep::kCopied);
  arrivals_.gone(kSource);
  EXPECT_EQ(admitted_, 0U);
  EXPECT_FALSE(arrivals_.is_busy());
  EXPECT_EQ(contribution_.sections().hosted(), 0U);
  hear(MoveStep::kPublish);
  EXPECT_EQ(last().step, MoveStep::kOver);
  EXPECT_EQ(admitted_, 0U);
}

TEST_F(ArrivalsTest, PublishNothingThatWasNotCopied) {
  hear(MoveStep::kOffer);
  hear(MoveStep::kPublish);
  hear(MoveStep::kCopy);
  hear(MoveStep::kPublish);
  EXPECT_EQ(admitted_, 0U);
  arrivals_.copied(kSource, true);
  hear(MoveStep::kPublish);
  EXPECT_EQ(admitted_, 1U);
}

TEST_F(ArrivalsTest, SayAgainHowTheLastOneHasEnded) {
  copy_all();
  for (unsigned i = 0; i < 3; ++i) {
    hear(MoveStep::kPublish);
    EXPECT_EQ(last().step, MoveStep::kPublished);
  }
  EXPECT_EQ(admitted_, 1U);
}

TEST_F(ArrivalsTest, WriteNothingToAPlaceThatWasGivenUp) {
  hear(MoveStep::kOffer);
  hear(MoveStep::kCopy);
  hear(MoveStep::kCancel);
  EXPECT_EQ(stopped_, 1U);
  hear(MoveStep::kOffer, 2);
  hear(MoveStep::kCopy, 2);
  hear(MoveStep::kOffer, 3);
  EXPECT_EQ(stopped_, 2U) << "a source is at one move at a time";
  EXPECT_EQ(last().step, MoveStep::kReserved);
  EXPECT_EQ(last().number, 3U);
  EXPECT_EQ(contribution_.sections().hosted(), 2U);
}

TEST_F(ArrivalsTest, EndWithTheSectionsOfTheHome) {
  hear(MoveStep::kOffer);
  (void)contribution_.clear();
  arrivals_.sections_ended();
  EXPECT_EQ(last().step, MoveStep::kOver);
  EXPECT_FALSE(arrivals_.is_busy());
}

TEST_F(ArrivalsTest, AskASourceThatSaysNothing) {
  copy_all();
  const std::size_t before = sent_.size();
  for (unsigned tick = 0; tick < 100; ++tick) arrivals_.tick(now_ += kSecond / 10);
  EXPECT_GE(sent_.size() - before, 8U);
  EXPECT_LE(sent_.size() - before, 10U);
  EXPECT_EQ(last().step, MoveStep::kCopied);
  hear(MoveStep::kCancel);
  EXPECT_FALSE(arrivals_.is_busy());
  EXPECT_EQ(contribution_.sections().hosted(), 0U);
}

TEST_F(ArrivalsTest, IgnoreWhatIsOlderThanWhatIsUnderWay) {
  hear(MoveStep::kOffer, 2);
  const std::size_t before = sent_.size();
  hear(MoveStep::kOffer, 1);
  hear(MoveStep::kCancel, 1);
  EXPECT_EQ(sent_.size(), before);
  EXPECT_EQ(contribution_.sections().hosted(), 2U);
  EXPECT_FALSE(contribution_.sections().find("s1"));
  EXPECT_TRUE(contribution_.sections().find("s2"));
}

TEST_F(ArrivalsTest, TakeNothingWithoutAGuest) {
  has_guest_ = false;
  hear(MoveStep::kOffer);
  EXPECT_EQ(last().step, MoveStep::kOver);
  EXPECT_EQ(last().fault, MoveFault::kNoGuest);
  EXPECT_FALSE(arrivals_.is_busy());
}

TEST_F(ArrivalsTest, NeedRightsOnceAndOfTheirOwnSize) {
  MoveWord copy = word(MoveStep::kCopy, 1);
  EXPECT_FALSE(arrivals_.awaits_rights(kSource, copy));
  hear(MoveStep::kOffer);
  EXPECT_TRUE(arrivals_.awaits_rights(kSource, copy));
  copy.pages = 1 << 20;
  EXPECT_FALSE(arrivals_.awaits_rights(kSource, copy));
  copy.pages = 2;
  EXPECT_FALSE(arrivals_.awaits_rights(CellId{2}, copy));
  hear(MoveStep::kCopy);
  EXPECT_FALSE(arrivals_.awaits_rights(kSource, copy));
}

TEST_F(ArrivalsTest, DoNotPublishWhatCannotBeDiscarded) {
  copy_all();
  can_discard_ = false;
  hear(MoveStep::kPublish);
  EXPECT_EQ(last().step, MoveStep::kOver);
  EXPECT_EQ(contribution_.sections().hosted(), 0U);
}

}  // namespace
}  // namespace hive::placement
