#include "vmm/cell/foreign_writes.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>

#include "vmm/base/units.h"

namespace hive::cell {
namespace {

TEST(ViolationAt, NamesTheHomeOrNobody) {
  const std::array<std::uint64_t, 2> sizes{kHugePageSize, kHugePageSize};
  std::vector<UniqueFd> files;
  for (const std::uint64_t size : sizes) {
    files.emplace_back(::memfd_create("contribution", MFD_CLOEXEC));
    ASSERT_EQ(::ftruncate(files.back().get(), static_cast<off_t>(size)), 0);
  }
  memory::GlobalWindow window(std::move(files), sizes, 1);
  const Violation first = violation_at(window, 3 * kPageSize, 4, 0x1234);
  EXPECT_EQ(first.home, 0);
  EXPECT_EQ(first.offset, 3 * kPageSize);
  EXPECT_EQ(first.vcpu, 4);
  EXPECT_EQ(first.rip, 0x1234U);
  EXPECT_EQ(violation_at(window, kHugePageSize + kPageSize, 0, 0).home, 1);
  EXPECT_EQ(violation_at(window, kHugePageSize + kPageSize, 0, 0).offset, kPageSize);
  EXPECT_EQ(violation_at(window, window.size(), 0, 0).home, -1);
  EXPECT_EQ(violation_at(window, window.size(), 0, 0).offset, window.size());
  EXPECT_FALSE(first.closed);
  window.close(1);
  EXPECT_TRUE(violation_at(window, 3 * kPageSize, 4, 0).closed);
  EXPECT_FALSE(violation_at(window, kHugePageSize, 4, 0).closed);
}

}  // namespace
}  // namespace hive::cell
