#include "cellmon/inject/schedule.h"

#include <gmock/gmock.h>

namespace hive::inject {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Time = Schedule::Time;

Fault fault(const Values& values) {
  const std::vector<std::string> cells{"alpha"};
  return std::get<Fault>(parse("vmm-kill", values, cells, CellId{0}));
}

std::size_t due(Schedule& schedule, int now) { return schedule.take_due(Time(now)).size(); }

TEST(Schedule, HasAFaultAtItsTime) {
  Schedule schedule;
  EXPECT_EQ(schedule.next(), std::nullopt);
  EXPECT_EQ(schedule.add(fault({{"at", "2s"}}), Time(500)), "");
  EXPECT_EQ(schedule.next(), Time(2500));
  EXPECT_THAT(schedule.list(Time(1000)), ElementsAre("vmm-kill at=2s: in 1500 ms"));
  EXPECT_EQ(due(schedule, 2499), 0U);
  EXPECT_EQ(due(schedule, 2500), 1U);
  EXPECT_EQ(due(schedule, 9999), 0U);
  EXPECT_THAT(schedule.list(Time(9999)), IsEmpty());
}

TEST(Schedule, WaitsForAnEvent) {
  Schedule schedule;
  EXPECT_EQ(schedule.add(fault({{"after", "booting"}, {"at", "100ms"}}), Time(0)), "");
  EXPECT_EQ(schedule.next(), std::nullopt);
  EXPECT_THAT(schedule.list(Time(0)),
              ElementsAre("vmm-kill after=booting at=100ms: after an event booting"));
  schedule.note_event("running", Time(10));
  EXPECT_EQ(schedule.next(), std::nullopt);
  schedule.note_event("booting", Time(20));
  schedule.note_event("booting", Time(70));
  EXPECT_EQ(schedule.next(), Time(120));
  EXPECT_EQ(due(schedule, 120), 1U);
  schedule.note_event("booting", Time(200));
  EXPECT_EQ(schedule.next(), std::nullopt) << "the next one alone counts";
}

TEST(Schedule, RepeatsAFault) {
  Schedule schedule;
  EXPECT_EQ(schedule.add(fault({{"every", "100ms"}, {"times", "3"}}), Time(0)), "");
  EXPECT_EQ(due(schedule, 0), 1U);
  EXPECT_THAT(schedule.list(Time(10))[0], HasSubstr("in 90 ms, 2 times"));
  EXPECT_EQ(due(schedule, 99), 0U);
  EXPECT_EQ(due(schedule, 350), 1U) << "what was missed is done once";
  EXPECT_EQ(schedule.next(), Time(400));
  EXPECT_EQ(due(schedule, 400), 1U);
  EXPECT_EQ(schedule.next(), std::nullopt);
}

TEST(Schedule, DoesFaultsInTheirOrder) {
  Schedule schedule;
  (void)schedule.add(fault({{"at", "3ms"}}), Time(0));
  (void)schedule.add(fault({{"at", "1ms"}}), Time(0));
  const std::vector<Fault> faults = schedule.take_due(Time(5));
  ASSERT_EQ(faults.size(), 2U);
  EXPECT_EQ(faults[0].text, "vmm-kill at=1ms");
  EXPECT_EQ(faults[1].text, "vmm-kill at=3ms");
}

TEST(Schedule, IsBoundedAndCanBeCancelled) {
  Schedule schedule;
  for (std::size_t i = 0; i < Schedule::kMaxPending; ++i) {
    EXPECT_EQ(schedule.add(fault({{"at", "1s"}}), Time(0)), "");
  }
  EXPECT_THAT(schedule.add(fault({{"at", "1s"}}), Time(0)),
              HasSubstr("16 faults wait for their time already; hive inject --cancel"));
  EXPECT_EQ(schedule.cancel(), Schedule::kMaxPending);
  EXPECT_EQ(schedule.next(), std::nullopt);
  EXPECT_EQ(schedule.add(fault({{"at", "1s"}}), Time(0)), "");
}

}  // namespace
}  // namespace hive::inject
