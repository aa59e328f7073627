// When Wax counts as working again.
#include "cellmon/campaign/wax_watch.h"

#include <gmock/gmock.h>

#include "tests/unit/campaign/sample.h"

namespace hive::campaign {
namespace {

using testing::event;
using ::testing::HasSubstr;

Draw fault(const std::string& name, const std::string& cell = "wax") {
  Draw drawn;
  drawn.fault = name;
  drawn.cell = cell;
  return drawn;
}

/// Wax, which has run since 500 ms and is asked.
class WaxWatchTest : public ::testing::Test {
 protected:
  WaxWatchTest() {
    start(500);
    watch_.ask();
  }

  void start(std::uint64_t ms) {
    watch_.note(event(ms, "wax", "starting", "incarnation 1"));
    watch_.note(event(ms + 20, "wax", "running"));
  }
  /// Whether it has answered once incarnation NUMBER has done so many rounds more.
  bool does_rounds(std::uint64_t number) {
    watch_.note_rounds(number, 10);
    EXPECT_FALSE(watch_.is_answered()) << "those before it was asked";
    watch_.note_rounds(number, 10 + WaxWatch::kRounds - 1);
    EXPECT_FALSE(watch_.is_answered());
    watch_.note_rounds(number, 10 + WaxWatch::kRounds);
    return watch_.is_answered();
  }

  WaxWatch watch_{"wax"};
};

TEST_F(WaxWatchTest, IsAnsweredByRoundsSinceItWasAsked) {
  EXPECT_EQ(watch_.look().work, Work::kSilent);
  EXPECT_THAT(watch_.look().why, HasSubstr("does no rounds"));
  EXPECT_TRUE(does_rounds(1));
  EXPECT_EQ(watch_.look().work, Work::kRight);
  EXPECT_TRUE(watch_.look().is_policy);
  EXPECT_EQ(watch_.look().cell, "wax");
  watch_.ask();
  EXPECT_FALSE(watch_.is_answered());
  EXPECT_TRUE(does_rounds(1));
}

TEST_F(WaxWatchTest, CountsTheRoundsOfOneIncarnationAlone) {
  watch_.note_rounds(1, 10);
  watch_.note_rounds(2, 10 + WaxWatch::kRounds);
  EXPECT_FALSE(watch_.is_answered()) << "another one";
  watch_.note_rounds(2, 1);
  watch_.note_rounds(2, WaxWatch::kRounds);
  EXPECT_FALSE(watch_.is_answered()) << "anew, under another monitor";
}

TEST_F(WaxWatchTest, IsNotAnsweredWhileItsGuestIsHeldOrGone) {
  for (const char* kind : {"paused", "rebooting", "failed"}) {
    watch_.note_rounds(1, 10);
    watch_.note(event(900, "wax", kind));
    watch_.note_rounds(1, 20);
    watch_.note_rounds(1, 30);
    EXPECT_FALSE(watch_.is_answered()) << kind;
    EXPECT_THAT(watch_.look().why, HasSubstr("no incarnation of Wax runs"));
  }
  start(1000);
  EXPECT_TRUE(does_rounds(2));
}

TEST_F(WaxWatchTest, WantsAnotherIncarnationAfterAKill) {
  watch_.begin(fault("vmm-kill"));
  watch_.note(event(1000, "wax", "fault", "vmm-kill"));
  watch_.note_rounds(1, 10);
  watch_.note_rounds(1, 20);
  EXPECT_FALSE(watch_.is_answered());
  EXPECT_THAT(watch_.look().why, HasSubstr("has followed the one that was hit"));
  watch_.note(event(1002, "wax", "failed"));
  start(1100);
  EXPECT_TRUE(does_rounds(2));
}

TEST_F(WaxWatchTest, WantsWaxItselfAfterARogue) {
  Draw drawn = fault("wax-garbage");
  drawn.parameters["for"] = "500ms";
  watch_.begin(drawn);
  watch_.note(event(1000, "wax", "fault", "wax-garbage"));
  start(1050);  // The rogue.
  watch_.note_rounds(2, 10);
  watch_.note_rounds(2, 20);
  EXPECT_FALSE(watch_.is_answered());
  start(1499);
  watch_.note_rounds(3, 10);
  watch_.note_rounds(3, 20);
  EXPECT_FALSE(watch_.is_answered()) << "its time is not over";
  start(1520);
  EXPECT_TRUE(does_rounds(4));
}

TEST_F(WaxWatchTest, WantsNoOtherIncarnationAfterOtherFaults) {
  for (const Draw& drawn : {fault("vmm-kill", "alpha"), fault("heartbeat-freeze")}) {
    watch_.begin(drawn);
    watch_.note(event(1000, "wax", "fault"));
    watch_.ask();
    EXPECT_TRUE(does_rounds(1)) << describe(drawn);
  }
  watch_.begin(fault("vmm-kill"));  // It is refused: no fault comes.
  watch_.ask();
  EXPECT_TRUE(does_rounds(1));
}

}  // namespace
}  // namespace hive::campaign
