// What events come to: times, and outcomes.
#include "cellmon/campaign/story.h"

#include <gmock/gmock.h>

#include "cellmon/campaign/verdict.h"
#include "tests/unit/campaign/sample.h"

namespace hive::campaign {
namespace {

using ::testing::ElementsAre;
using testing::event;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kCells;

const Strike kStrike{"beta", 1'000'000'000};

/// beta's VMM is killed at 1000 ms, and beta comes back.
std::vector<wire::Event> killed() {
  return {event(900, "alpha", "hint", "gamma: late heartbeat"),
          event(1000, "beta", "fault", "vmm-kill"),
          event(1002, "beta", "hint", "beta: VMM exit"),
          event(1003, "alpha", "alert", "about beta"),
          event(1004, "gamma", "alert", "about beta"),
          event(1010, "alpha", "view", "epoch 2: alpha, gamma; beta left, 7 ms after the alert"),
          event(1013, "gamma", "view", "epoch 2: alpha, gamma; beta left, 9 ms after the alert"),
          event(1020, "alpha", "resumed", "the guest was ..."),
          event(1024, "gamma", "resumed", "the guest was ..."),
          event(1030, "alpha", "recovered", "epoch 2: all guests may go on"),
          event(1100, "alpha", "view", "epoch 3: alpha, beta, gamma; beta joined"),
          event(1101, "gamma", "view", "epoch 3: alpha, beta, gamma; beta joined"),
          event(1150, "beta", "running")};
}

/// All are right, and alpha and gamma survive.
Observation well(Story story) {
  Observation observation;
  observation.story = std::move(story);
  observation.expects_return = true;
  observation.looks = {{"alpha", false, false, Work::kRight, {}},
                       {"beta", true, false, Work::kRight, {}},
                       {"gamma", false, false, Work::kRight, {}}};
  return observation;
}

TEST(Story, OfACellThatIsPutOutAndComesBack) {
  EXPECT_EQ(strike_time(killed(), "beta", 950'000'000), kStrike.time);
  EXPECT_EQ(strike_time(killed(), "beta", 1'000'000'001), std::nullopt);
  const Story story = read_story(killed(), kStrike, kCells);
  EXPECT_EQ(story.evidence, "beta: VMM exit");
  EXPECT_TRUE(story.put_out && story.put_out_everywhere && story.recovered && story.returned);
  EXPECT_TRUE(story.at_rest);
  EXPECT_THAT(story.lost, IsEmpty());
  EXPECT_EQ(story.times.detection, 2000);
  EXPECT_EQ(story.times.everywhere, 13'000);
  EXPECT_EQ(story.times.agreement, 10'000);
  EXPECT_EQ(story.times.recovery, 20'000);
  EXPECT_EQ(story.times.pause, 20'000);
  EXPECT_EQ(story.times.rejoin, 150'000);
  EXPECT_EQ(judge(well(story)).outcome, Outcome::kContained);
}

TEST(Story, IsNotOverBeforeItsEnd) {
  const std::vector<wire::Event> events = killed();
  for (std::size_t count = 0; count < events.size(); ++count) {
    const Story story = read_story(std::span(events).first(count), kStrike, kCells);
    const bool none_yet = !story.put_out && story.at_rest;
    EXPECT_EQ(is_over(story, true, true), none_yet) << count;
    EXPECT_FALSE(is_over(story, true, false)) << count;
  }
  EXPECT_TRUE(is_over(read_story(events, kStrike, kCells), true, false));
  const Story left = read_story(std::span(events).first(10), kStrike, kCells);
  EXPECT_TRUE(is_over(left, false, false));
  EXPECT_FALSE(is_over(left, true, true));
}

TEST(Story, OfADismissal) {
  const std::vector<wire::Event> events{event(1001, "beta", "alert", "about gamma"),
                                        event(1002, "alpha", "alert", "about gamma"),
                                        event(1002, "gamma", "alert", "about gamma"),
                                        event(1005, "alpha", "dismissal", "gamma stays"),
                                        event(1006, "gamma", "dismissal", "gamma stays"),
                                        event(1007, "alpha", "resumed"),
                                        event(1008, "gamma", "resumed")};
  const Story story = read_story(events, kStrike, kCells);
  EXPECT_FALSE(story.put_out);
  EXPECT_EQ(story.evidence, "alert about gamma");
  EXPECT_EQ(story.times.agreement, 5000);
  EXPECT_EQ(story.times.recovery, std::nullopt);
  EXPECT_EQ(judge(well(story)).outcome, Outcome::kContained);
  EXPECT_FALSE(read_story(std::span(events).first(6), kStrike, kCells).at_rest);
}

TEST(Story, KeepsADoubtUntilADecision) {
  std::vector<wire::Event> events{event(1100, "alpha", "hint", "beta: late heartbeat")};
  const Story doubted = read_story(events, kStrike, kCells);
  EXPECT_EQ(doubted.doubt, 1'100'000'000U);
  events.push_back(event(1200, "gamma", "dismissal", "beta stays"));
  const Story settled = read_story(events, kStrike, kCells);
  EXPECT_EQ(settled.doubt, std::nullopt);
  EXPECT_GT(settled.turns, doubted.turns);
  events.push_back(event(1300, "beta", "hint", "gamma: violation"));
  EXPECT_EQ(read_story(events, kStrike, kCells).doubt, 1'300'000'000U);
  EXPECT_EQ(read_story(killed(), kStrike, kCells).doubt, std::nullopt);
}

TEST(Story, NamesSurvivorsThatWereLost) {
  std::vector<wire::Event> events = killed();
  events.push_back(event(1200, "gamma", "view", "epoch 4: beta, gamma; alpha left"));
  const Story story = read_story(events, kStrike, kCells);
  EXPECT_THAT(story.lost, ElementsAre("alpha"));
  const Verdict verdict = judge(well(story));
  EXPECT_EQ(verdict.outcome, Outcome::kEscaped);
  EXPECT_THAT(verdict.reasons, ElementsAre(HasSubstr("alpha was put out")));
  std::vector<wire::Event> anew = killed();
  anew.push_back(event(1200, "gamma", "rebooting"));
  EXPECT_THAT(read_story(anew, kStrike, kCells).lost, ElementsAre("gamma"));
}

/// The same with Wax, which each view has started anew.
std::vector<wire::Event> killed_beside_wax() {
  return {event(1000, "beta", "fault", "vmm-kill"),
          event(1003, "alpha", "alert", "about beta"),
          event(1003, "gamma", "alert", "about beta"),
          event(1003, "wax", "alert", "about beta"),
          event(1010, "alpha", "view", "epoch 2: alpha, wax, gamma; beta left"),
          event(1011, "gamma", "view", "epoch 2: alpha, wax, gamma; beta left"),
          event(1012, "wax", "view", "epoch 2: alpha, wax, gamma; beta left"),
          event(1020, "alpha", "resumed"),
          event(1021, "gamma", "resumed"),
          event(1022, "wax", "resumed"),
          event(1030, "alpha", "recovered", "epoch 2: all guests may go on"),
          event(1050, "wax", "wax", "epoch 2 has followed its own, 1: the next starts"),
          event(1051, "wax", "rebooting"),
          event(1055, "wax", "starting", "incarnation 2"),
          event(1080, "wax", "running")};
}

TEST(Story, CountsTheNextIncarnationOfWaxAsNoLoss) {
  std::vector<wire::Event> events = killed_beside_wax();
  const Story story = read_story(events, kStrike, testing::kWithWax);
  EXPECT_TRUE(story.put_out_everywhere && story.recovered && story.at_rest);
  EXPECT_THAT(story.lost, IsEmpty());
  EXPECT_EQ(story.times.everywhere, 12'000) << "its monitor recovers as all do";
  // The same of a cell that works.
  EXPECT_THAT(read_story(events, kStrike, {{"alpha", "beta", "wax", "gamma"}}).lost,
              ElementsAre("wax"));
  events.push_back(event(1200, "wax", "monitor-started"));
  EXPECT_THAT(read_story(events, kStrike, testing::kWithWax).lost, ElementsAre("wax"));
  std::vector<wire::Event> out = killed_beside_wax();
  out.push_back(event(1200, "gamma", "view", "epoch 3: alpha, gamma; wax left"));
  EXPECT_THAT(read_story(out, kStrike, testing::kWithWax).lost, ElementsAre("wax"));
}

/// Wax was killed, which nobody else need know of; then all are right but for what WORK it does.
Observation wax_killed(Work work) {
  const std::vector<wire::Event> events{
      event(1000, "wax", "fault", "vmm-kill"), event(1002, "wax", "failed", "VMM exited: signal 9"),
      event(1100, "wax", "starting", "incarnation 2"), event(1120, "wax", "running")};
  Observation observation = well(read_story(events, {"wax", 1'000'000'000}, testing::kWithWax));
  observation.looks[1].hit = false;
  observation.looks.push_back({"wax", true, true, work, "Wax does no rounds"});
  return observation;
}

TEST(Verdict, OfWaxItselfIsOfNoHarm) {
  const Observation contained = wax_killed(Work::kRight);
  EXPECT_FALSE(contained.story.put_out);
  EXPECT_EQ(contained.story.times, Times{});
  EXPECT_EQ(judge(contained).outcome, Outcome::kContained);
  EXPECT_TRUE(is_whole(contained, judge(contained)));
  Observation escaped = wax_killed(Work::kRight);
  escaped.looks[0].work = Work::kWrong;
  EXPECT_EQ(judge(escaped).outcome, Outcome::kEscaped);
}

TEST(Verdict, WantsWaxBack) {
  for (const bool hit : {false, true}) {
    Observation gone = wax_killed(Work::kSilent);
    gone.looks[1].hit = !hit;
    gone.looks.back().hit = hit;
    EXPECT_THAT(harm(gone), IsEmpty());
    EXPECT_EQ(judge(gone).outcome, Outcome::kNotRestored);
    EXPECT_THAT(judge(gone).reasons, ElementsAre(HasSubstr("wax does not answer: Wax does no")));
    EXPECT_FALSE(is_whole(gone, judge(gone)));
    gone.refusal = "no VMM";
    EXPECT_EQ(judge(gone).outcome, Outcome::kRefused);
    EXPECT_FALSE(is_whole(gone, judge(gone)));
  }
}

TEST(Verdict, IsAnEscapeWhereASurvivorIsNotRight) {
  for (const Work work : {Work::kWrong, Work::kSilent}) {
    Observation observation = well(read_story(killed(), kStrike, kCells));
    observation.looks[2].work = work;
    EXPECT_EQ(judge(observation).outcome, Outcome::kEscaped);
    EXPECT_THAT(judge(observation).reasons, ElementsAre(HasSubstr("gamma ")));
  }
  Observation refused = well({});
  refused.refusal = "no VMM";
  EXPECT_EQ(judge(refused).outcome, Outcome::kRefused);
  refused.looks[0].work = Work::kWrong;
  EXPECT_EQ(judge(refused).outcome, Outcome::kEscaped);
}

TEST(Verdict, TellsWhatWasNotNoticedOrNotRestored) {
  Observation unnoticed = well(read_story({}, kStrike, kCells));
  EXPECT_EQ(judge(unnoticed).outcome, Outcome::kContained);
  unnoticed.looks[1] = {"beta", true, false, Work::kSilent, "no line came"};
  EXPECT_EQ(judge(unnoticed).outcome, Outcome::kUndetected);
  EXPECT_THAT(judge(unnoticed).reasons, ElementsAre(HasSubstr("no line came")));

  const std::vector<wire::Event> events = killed();
  Observation away = well(read_story(std::span(events).first(10), kStrike, kCells));
  EXPECT_EQ(judge(away).outcome, Outcome::kNotRestored);
  away.expects_return = false;
  EXPECT_EQ(judge(away).outcome, Outcome::kContained);
  Observation half = well(read_story(std::span(events).first(9), kStrike, kCells));
  EXPECT_EQ(judge(half).outcome, Outcome::kNotRestored);
}

TEST(Verdict, KeepsNoMachineWhoseFaultMayStillCome) {
  Observation observation = well(read_story({}, kStrike, kCells));
  EXPECT_TRUE(is_whole(observation, judge(observation)));
  observation.is_certain = false;  // Nobody has answered: it counts as injected.
  EXPECT_EQ(judge(observation).outcome, Outcome::kContained);
  EXPECT_FALSE(is_whole(observation, judge(observation)));

  Observation refused = well({});
  refused.refusal = "no VMM";
  EXPECT_TRUE(is_whole(refused, judge(refused)));

  const std::vector<wire::Event> events = killed();
  Observation away = well(read_story(std::span(events).first(10), kStrike, kCells));
  away.expects_return = false;
  EXPECT_FALSE(is_whole(away, judge(away)));
}

TEST(Verdict, KeepsNoMachineWithAGuestThatBearsMarks) {
  Observation observation = well(read_story({}, kStrike, kCells));
  observation.leaves_marks = true;
  EXPECT_EQ(judge(observation).outcome, Outcome::kContained);
  EXPECT_FALSE(is_whole(observation, judge(observation)));
  Observation anew = well(read_story(killed(), kStrike, kCells));
  anew.leaves_marks = true;
  ASSERT_TRUE(anew.story.put_out && anew.story.returned);
  EXPECT_TRUE(is_whole(anew, judge(anew))) << "it was started anew";
}

TEST(Verdict, TellsHarmWithoutLooks) {
  Observation late;
  EXPECT_THAT(harm(late), ::testing::IsEmpty());
  late.story.lost = {"gamma"};
  EXPECT_THAT(harm(late), ElementsAre(HasSubstr("gamma was put out")));
  late.story = {};
  late.story.at_rest = false;
  EXPECT_THAT(harm(late), ElementsAre(HasSubstr("stand still")));
}

TEST(Verdict, SaysWhoseWorkNobodyLookedAt) {
  Observation observation = well(read_story({}, kStrike, kCells));
  observation.looks[0].work = Work::kUnchecked;
  EXPECT_EQ(judge(observation).outcome, Outcome::kContained);
  EXPECT_THAT(unchecked(observation), ElementsAre(observation.looks[0].cell));
  for (CellLook& look : observation.looks) look.work = Work::kRight;
  observation.looks[1].work = Work::kUnchecked;  // The one that was hit.
  EXPECT_THAT(unchecked(observation), ::testing::IsEmpty());
}

TEST(Verdict, HasNamesThatAreReadBack) {
  for (const Outcome outcome : {Outcome::kContained, Outcome::kEscaped, Outcome::kUndetected,
                                Outcome::kNotRestored, Outcome::kRefused}) {
    EXPECT_EQ(parse_outcome(to_string(outcome)), outcome);
  }
  EXPECT_EQ(parse_outcome(""), std::nullopt);
}

}  // namespace
}  // namespace hive::campaign
