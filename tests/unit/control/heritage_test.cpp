// What is left to a monitor that is started in place of another one.
#include "cellmon/control/heritage.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vector>

#include "guests/abi/global_memory.h"
#include "vmm/base/error.h"
#include "vmm/memory/shared_file.h"

namespace hive::control {
namespace {

constexpr std::uint64_t kSize = 2 << 20;

class HeritageOfAMonitor : public testing::Test {
 protected:
  HeritageOfAMonitor() {
    machine_.cells.resize(3);
    machine_.cells[0].shared = kSize;
    for (unsigned bell = 0; bell < HIVE_GLOBAL_VECTORS; ++bell) {
      doorbells_.emplace_back(::eventfd(0, EFD_CLOEXEC));
    }
  }

  /// FIRST, unless it is -1, and COUNT doorbells, left for CELL.
  [[nodiscard]] GlobalFileNumbers of(unsigned cell, int first,
                                     unsigned count = HIVE_GLOBAL_VECTORS) const {
    GlobalFileNumbers numbers{static_cast<CellId>(cell), {}};
    if (first >= 0) numbers.files.push_back(first);
    for (unsigned bell = 0; bell < count; ++bell) numbers.files.push_back(doorbells_[bell].get());
    return numbers;
  }
  [[nodiscard]] Heritage pass_on(const std::vector<GlobalFileNumbers>& files) const {
    return take_heritage(leave_heritage(files), machine_);
  }

  plan::Machine machine_;
  std::vector<UniqueFd> doorbells_;
};

ino_t inode(int fd) {
  struct stat info {};
  EXPECT_EQ(::fstat(fd, &info), 0);
  return info.st_ino;
}

TEST_F(HeritageOfAMonitor, IsTheSameFiles) {
  const UniqueFd file = memory::make_shared_file("home", kSize);
  const Heritage heritage = pass_on({of(0, file.get()), of(2, -1)});
  ASSERT_EQ(heritage.size(), 2U);
  const GlobalFiles& home = heritage.at(CellId{0});
  EXPECT_EQ(inode(home.contribution.get()), inode(file.get()));
  EXPECT_FALSE(heritage.at(CellId{2}).contribution);
  eventfd_t value = 0;
  EXPECT_EQ(::eventfd_write(doorbells_[1].get(), 3), 0);
  EXPECT_EQ(::eventfd_read(home.doorbells.at(1).get(), &value), 0);
  EXPECT_EQ(value, 3U);
  EXPECT_TRUE(pass_on({}).empty());
}

TEST_F(HeritageOfAMonitor, IsRefusedWhereItDoesNotFitThePlan) {
  const UniqueFd file = memory::make_shared_file("home", kSize);
  const UniqueFd small = memory::make_shared_file("small", kSize / 2);
  const UniqueFd unsealed(::memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(::ftruncate(unsealed.get(), kSize), 0);
  EXPECT_THROW((void)pass_on({of(0, small.get())}), Error);
  EXPECT_THROW((void)pass_on({of(0, unsealed.get())}), Error);
  EXPECT_THROW((void)pass_on({of(0, -1)}), Error);
  EXPECT_THROW((void)pass_on({of(0, doorbells_[0].get())}), Error);
  EXPECT_THROW((void)pass_on({of(1, file.get())}), Error);
  EXPECT_THROW((void)pass_on({of(1, file.get(), HIVE_GLOBAL_VECTORS - 1)}), Error);
  EXPECT_THROW((void)pass_on({of(3, -1)}), Error);
  EXPECT_THROW((void)take_heritage(unsealed, machine_), Error);
}

}  // namespace
}  // namespace hive::control
