#include "cellmon/campaign/report_count.h"

#include <gtest/gtest.h>

namespace hive::campaign {
namespace {

/// Asks, and sends what it takes.
void ask(ReportCount& count) {
  count.ask();
  count.note_sent(count.missing());
}

TEST(ReportCount, TakesOneReportForOneRequest) {
  ReportCount count;
  EXPECT_FALSE(count.is_answered());
  for (std::uint64_t number = 1; number < 5; ++number) {
    ask(count);
    EXPECT_FALSE(count.is_answered());
    count.note_report(number);
    EXPECT_TRUE(count.is_answered());
    EXPECT_EQ(count.missing(), 0U);
  }
}

TEST(ReportCount, DoesNotTakeALateReportForAnAnswerToALaterQuestion) {
  ReportCount count;
  ask(count);
  count.note_sent(count.missing());  // Once more, though the first one was only late.
  count.note_report(1);
  EXPECT_TRUE(count.is_answered());
  ask(count);
  count.note_report(2);  // On the second request, of before.
  EXPECT_FALSE(count.is_answered());
  count.note_report(3);
  EXPECT_TRUE(count.is_answered());
}

TEST(ReportCount, DoesNotCountAReportThatNobodyAskedFor) {
  ReportCount count;
  ask(count);
  count.note_report(1);
  count.note_report(2);
  ask(count);
  EXPECT_FALSE(count.is_answered());
  count.note_report(2);  // Again.
  EXPECT_FALSE(count.is_answered());
  count.note_report(3);
  EXPECT_TRUE(count.is_answered());
}

TEST(ReportCount, MakesUpForLostRequests) {
  ReportCount count;
  ask(count);  // Lost.
  count.note_sent(count.missing());
  count.note_report(1);
  EXPECT_TRUE(count.is_answered());
  count.ask();
  EXPECT_EQ(count.missing(), 2U);
  count.note_sent(2);
  count.note_report(2);
  EXPECT_FALSE(count.is_answered());
  count.note_report(3);
  EXPECT_TRUE(count.is_answered());
}

TEST(ReportCount, WantsAReportThoughNothingCouldBeSent) {
  ReportCount count;
  ask(count);
  count.ask();  // The monitor is gone: nothing is sent.
  count.note_report(1);
  EXPECT_FALSE(count.is_answered());
}

TEST(ReportCount, HasAGuestThatStartsAnewAskedAnew) {
  ReportCount count;
  ask(count);
  count.note_report(1);
  count.restart();
  EXPECT_FALSE(count.is_answered());
  ask(count);
  count.note_report(1);
  EXPECT_TRUE(count.is_answered());
}

}  // namespace
}  // namespace hive::campaign
