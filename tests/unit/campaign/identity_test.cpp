#include "cellmon/campaign/identity.h"

#include <gtest/gtest.h>

#include "tests/unit/campaign/sample.h"

namespace hive::campaign {
namespace {

std::string identity(const Campaign& campaign, const std::string& plan = "plan",
                     const std::vector<std::string>& contents = {}) {
  return identity_of(campaign, plan, contents);
}

TEST(Identity, IsOfTheWorkloadAndThePlan) {
  const Campaign campaign = testing::sample();
  const std::string own = identity(campaign);
  EXPECT_EQ(identity_difference(own, own), "");
  EXPECT_EQ(identity_difference(own, identity(campaign, "another")), "the plan");

  Campaign other = campaign;
  std::get<MicroWork>(other.workload).pages += 1;
  EXPECT_EQ(identity_difference(own, identity(other)), "the workload");
  EXPECT_EQ(identity_difference(own, identity(other, "another")), "the workload and the plan");
  EXPECT_EQ(identity_difference(own, ""), "the workload and the plan");

  Campaign longer = campaign;
  longer.runs += 1;
  longer.settle *= 2;
  EXPECT_EQ(identity_difference(own, identity(longer)), "");
}

TEST(Identity, HasAllOfACommandWorkload) {
  Campaign campaign = testing::sample();
  campaign.workload = ExecWork{{}, "a", {"b", "c"}, {"d", "e"}};
  const std::string own = identity(campaign, "plan", {"copy"});
  EXPECT_EQ(identity_difference(own, identity(campaign, "plan", {"copies"})), "the workload");
  for (const ExecWork& work :
       {ExecWork{{"alpha"}, "a", {"b", "c"}, {"d", "e"}}, ExecWork{{}, "x", {"b", "c"}, {"d", "e"}},
        ExecWork{{}, "a", {"x", "c"}, {"d", "e"}}, ExecWork{{}, "a", {"b", "c"}, {"d", "x"}},
        ExecWork{{}, "ab", {"", "c"}, {"d", "e"}}}) {
    campaign.workload = work;
    EXPECT_EQ(identity_difference(own, identity(campaign, "plan", {"copy"})), "the workload");
  }
  campaign.workload = ExecWork{{}, "a", {"b", "c"}, {"d", "e"}};
  campaign.faults[0].meanwhile = "x";
  EXPECT_EQ(identity_difference(own, identity(campaign, "plan", {"copy"})), "the workload");
}

}  // namespace
}  // namespace hive::campaign
