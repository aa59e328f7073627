// A monitor's word on its own guest that hangs: no proof, but nobody knows better.
#include <gmock/gmock.h>

#include "tests/unit/member/rig.h"

namespace hive::member {
namespace {

using agree::Evidence;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const EvidenceSet kHang = Evidence::kAgentSilent | Evidence::kVcpuStuck;

TEST(Hang, IsAgreedOn) {
  Rig rig(3);
  rig[1].set_own_evidence(kHang, rig.now);
  rig.run();
  for (const unsigned cell : {0U, 2U}) {
    EXPECT_EQ(rig[cell].view().epoch, 2U);
    EXPECT_FALSE(rig[cell].view().members.contains(id(1)));
    EXPECT_EQ(rig.monitor(cell).suspensions, 1U);
  }
  EXPECT_TRUE(rig.monitor(1).has_left);
  EXPECT_THAT(rig.monitor(1).details("hint"), Contains("cell1: silent agent, stuck vCPU"));
}

TEST(Hang, IsToldToWhoeverAsks) {
  Rig rig(3);
  rig[1].set_own_evidence(kHang, rig.now);
  EXPECT_EQ(rig[1].findings(), kHang);
}

TEST(Hang, ThatIsOverBeforeTheVoteIsDismissed) {
  Rig rig(3);
  for (const unsigned cell : {0U, 2U}) rig.monitor(cell).hears = false;
  rig[1].set_own_evidence(kHang, rig.now);
  rig.run();
  rig[1].set_own_evidence({}, rig.now);
  for (const unsigned cell : {0U, 2U}) rig.monitor(cell).hears = true;
  rig.wake(0);
  rig.pass(3'000 * kMillisecond);
  EXPECT_EQ(rig[0].view().epoch, 1U) << "its own monitor takes it back";
  EXPECT_FALSE(rig[0].is_suspending());
  EXPECT_FALSE(rig.monitor(1).has_left);
}

TEST(Hang, DecidesNothingBetweenTwo) {
  Rig rig(2);
  rig[1].set_own_evidence(kHang, rig.now);
  rig.run();
  rig.pass(10'000 * kMillisecond);
  EXPECT_EQ(rig[0].view().epoch, 1U);
  EXPECT_EQ(rig.monitor(0).suspensions, 0U);
  EXPECT_EQ(rig.monitor(1).suspensions, 0U);
  EXPECT_THAT(rig.monitor(1).details("no-alert"),
              Contains(HasSubstr("about cell1: one word against the other's")));
  EXPECT_THAT(rig.monitor(1).details("alert"), IsEmpty());
}

TEST(Hang, IsHeldAgainstItOnceThereAreMoreVoters) {
  Rig rig(3);
  rig.kill(2);
  ASSERT_EQ(rig[1].view().epoch, 2U);
  rig[1].set_own_evidence(kHang, rig.now);
  rig.run();
  ASSERT_TRUE(rig[0].view().members.contains(id(1)));
  rig.start(2);
  rig[2].join(rig.now);
  rig.pass(2'000 * kMillisecond);
  EXPECT_TRUE(rig[0].view().members.contains(id(2)));
  EXPECT_FALSE(rig[0].view().members.contains(id(1)));
  EXPECT_THAT(rig.monitor(1).details("no-alert"), SizeIs(1));
}

}  // namespace
}  // namespace hive::member
