// Weights as nice values, and where cgroups could be made.
#include <gmock/gmock.h>

#include "cellmon/control/cpu/cgroup_places.h"
#include "cellmon/control/cpu/nice_weight.h"

namespace hive::control {
namespace {

using testing::ElementsAre;

TEST(NiceWeight, IsTheNearestByRatio) {
  EXPECT_EQ(nice_of_weight(100), 0);
  EXPECT_EQ(nice_of_weight(125), -1);
  EXPECT_EQ(nice_of_weight(200), -3);
  EXPECT_EQ(nice_of_weight(400), -6);
  EXPECT_EQ(nice_of_weight(80), 1);
  EXPECT_EQ(nice_of_weight(25), 6);
  EXPECT_EQ(nice_of_weight(111), 0);
  EXPECT_EQ(nice_of_weight(112), -1);
  EXPECT_EQ(nice_of_weight(1), kMostNice);
  EXPECT_EQ(nice_of_weight(10'000), kLeastNice);
}

TEST(NiceWeight, NeverFallsAsWeightsGrow) {
  int last = kMostNice;
  for (std::uint32_t weight = 1; weight <= 10'000; ++weight) {
    const int nice = nice_of_weight(weight);
    ASSERT_LE(nice, last) << weight;
    last = nice;
    if (weight < 2 || weight > 8668) continue;
    const double ratio = static_cast<double>(weight_of_nice(nice, 0)) / weight;
    ASSERT_GT(ratio, 0.66) << weight;  // Two whole numbers: 1.5 becomes 2 or 1.
    ASSERT_LT(ratio, 1.51) << weight;
    if (weight < 50) continue;
    ASSERT_GT(ratio, 0.88) << weight;
    ASSERT_LT(ratio, 1.14) << weight;
  }
}

TEST(NiceWeight, CountsFromABase) {
  EXPECT_EQ(weight_of_nice(0, 0), 100U);
  EXPECT_EQ(weight_of_nice(-6, 0), 381U);
  EXPECT_EQ(weight_of_nice(kLeastNice, 0), 8668U);
  EXPECT_EQ(weight_of_nice(kMostNice, 0), 1U);
  EXPECT_EQ(weight_of_nice(19, 19), 100U);
  EXPECT_EQ(weight_of_nice(13, 19), 373U);
  EXPECT_EQ(weight_of_nice(19, kLeastNice), 1U) << "no weight is 0";
  EXPECT_EQ(shift_nice(19, 3), 19);
  EXPECT_EQ(shift_nice(-18, -6), -20);
  EXPECT_EQ(shift_nice(5, -6), -1);
}

constexpr std::string_view kMounts =
    "22 1 0:20 / /proc rw,relatime - proc proc rw\n"
    "30 1 0:26 / /sys/fs/cgroup rw,nosuid,nodev - cgroup2 cgroup2 rw,nsdelegate\n";

TEST(CgroupPlaces, AreBelowTheMount) {
  EXPECT_EQ(
      find_cgroup(kMounts, "0::/user.slice/user-0.slice/session-3.scope\n"),
      (CgroupFolder{"/sys/fs/cgroup", "/sys/fs/cgroup/user.slice/user-0.slice/session-3.scope"}));
  EXPECT_EQ(find_cgroup(kMounts, "9:cpu:/x\n0::/\n"),
            (CgroupFolder{"/sys/fs/cgroup", "/sys/fs/cgroup"}));
}

TEST(CgroupPlaces, MayBeBelowAMountOfAPart) {
  const std::string_view mounts = "30 1 0:26 /a\\040b /mnt/c\\134d rw - cgroup2 none rw\n";
  EXPECT_EQ(find_cgroup(mounts, "0::/a b/c\n"), (CgroupFolder{"/mnt/c\\d", "/mnt/c\\d/c"}));
  EXPECT_EQ(find_cgroup(mounts, "0::/a b\n"), (CgroupFolder{"/mnt/c\\d", "/mnt/c\\d"}));
  EXPECT_EQ(find_cgroup(mounts, "0::/a bc\n"), std::nullopt);
  EXPECT_EQ(find_cgroup(mounts, "0::/\n"), std::nullopt);
}

TEST(CgroupPlaces, AreNowhereWithoutAHierarchy) {
  EXPECT_EQ(find_cgroup("", "0::/\n"), std::nullopt);
  EXPECT_EQ(find_cgroup(kMounts, ""), std::nullopt);
  EXPECT_EQ(find_cgroup(kMounts, "1:cpu:/\n"), std::nullopt);
  EXPECT_EQ(find_cgroup(kMounts, "0::/../x\n"), std::nullopt) << "outside the namespace";
  EXPECT_EQ(find_cgroup(kMounts, "0::/x (deleted)\n"), std::nullopt);
  EXPECT_EQ(find_cgroup("30 1 0:26\n - cgroup2 \n - \ncgroup2", "0::/x\n"), std::nullopt);
  EXPECT_EQ(find_cgroup("30 1 0:26 / /sys/fs/cgroup rw - cgroup cgroup2 rw\n", "0::/\n"),
            std::nullopt);
}

TEST(CgroupPlaces, GoUpToTheMount) {
  EXPECT_THAT(folders_up({"/m", "/m/a/b"}), ElementsAre("/m/a/b", "/m/a", "/m"));
  EXPECT_THAT(folders_up({"/m", "/m"}), ElementsAre("/m"));
}

TEST(CgroupPlaces, TellOldCpuGroups) {
  EXPECT_FALSE(is_in_old_cpu_group("0::/x\n"));
  EXPECT_FALSE(is_in_old_cpu_group("3:cpu,cpuacct:/\n0::/x\n"));
  EXPECT_TRUE(is_in_old_cpu_group("3:cpuacct,cpu:/x\n0::/\n"));
  EXPECT_FALSE(is_in_old_cpu_group("3:cpuset:/x\n"));
  EXPECT_FALSE(is_in_old_cpu_group("x\n::\n"));
}

}  // namespace
}  // namespace hive::control
