#include "vmm/memory/ram_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "vmm/base/units.h"
#include "vmm/memory/guest_memory.h"

namespace hive::memory {
namespace {

/// Field KEY (in KiB) of the mapping that holds ADDRESS, from /proc/self/smaps.
std::uint64_t smaps_field(const void* address, const std::string& key) {
  std::ifstream smaps("/proc/self/smaps");
  const auto target = reinterpret_cast<std::uintptr_t>(address);
  bool inside = false;
  for (std::string line; std::getline(smaps, line);) {
    unsigned long start = 0;
    unsigned long end = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &start, &end) == 2) {
      inside = target >= start && target < end;
    } else if (inside && line.starts_with(key + ":")) {
      return std::stoull(line.substr(key.size() + 1));
    }
  }
  return 0;
}

bool host_has_huge_pages() {
  if (::geteuid() != 0) return false;
  std::ifstream file("/sys/kernel/mm/transparent_hugepage/shmem_enabled");
  std::string words;
  std::getline(file, words);
  return !words.empty() && words.find("[deny]") == std::string::npos;
}

TEST(RamFile, HasItsSizeAndNoName) {
  for (const Backing backing : {Backing::kSmallPages, Backing::kAutomatic}) {
    const UniqueFd fd = make_ram_file(64 * kMiB, backing);
    struct stat status {};
    ASSERT_EQ(::fstat(fd.get(), &status), 0);
    EXPECT_EQ(static_cast<std::uint64_t>(status.st_size), 64 * kMiB);
    EXPECT_EQ(status.st_blocks, 0) << "pages come as they are touched";
  }
}

TEST(RamFile, GivesHugePagesAsTheyAreTouched) {
  if (!host_has_huge_pages()) GTEST_SKIP() << "no right to mount, or huge pages denied";
  const GuestMemory memory(16 * kMiB, {kGiB, kGiB}, Backing::kAutomatic);
  ASSERT_TRUE(memory.store({5 * kMiB}, std::uint8_t{1}));
  EXPECT_EQ(smaps_field(memory.regions()[0].host, "ShmemPmdMapped"), kHugePageSize / kKiB);
}

TEST(RamFile, GivesSmallPagesWhereAskedTo) {
  const GuestMemory memory(16 * kMiB, {kGiB, kGiB}, Backing::kSmallPages);
  ASSERT_TRUE(memory.store({5 * kMiB}, std::uint8_t{1}));
  EXPECT_EQ(smaps_field(memory.regions()[0].host, "ShmemPmdMapped"), 0U);
  EXPECT_EQ(smaps_field(memory.regions()[0].host, "Rss"), kPageSize / kKiB);
}

}  // namespace
}  // namespace hive::memory
