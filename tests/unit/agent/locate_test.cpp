#include "guests/agent/locate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/unit/agent/fake_kernel.h"

namespace hive::agent {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kIomem =
    "00000000-00000fff : Reserved\n"
    "00100000-05ffffff : System RAM\n"
    "  01000000-01e00fff : Kernel code\n"
    "  02000000-024c7fff : Kernel rodata\n"
    "  02600000-02929e3f : Kernel data\n"
    "  02f00000-031fffff : Kernel bss\n";

/// A folder that stands in for /proc, gone with this object.
class Proc {
 public:
  Proc() {
    std::string pattern = testing::TempDir() + "/procXXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  Proc(const Proc&) = delete;
  Proc& operator=(const Proc&) = delete;
  ~Proc() { std::filesystem::remove_all(path_); }

  void write(const std::string& file, const std::string& text) const {
    const auto path = std::filesystem::path(path_) / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(Locate, FindsTheKernelsTextAndData) {
  const Proc proc;
  proc.write("iomem", kIomem);
  const Located text = locate({"text"}, proc.path());
  ASSERT_EQ(text.ranges.size(), 1U);
  EXPECT_EQ(text.ranges[0].start, 0x1000000U);
  EXPECT_EQ(text.ranges[0].size, 0xe01000U);
  const Located data = locate({"data"}, proc.path());
  ASSERT_EQ(data.ranges.size(), 2U);
  EXPECT_EQ(data.ranges[0].start, 0x2600000U);
  EXPECT_EQ(data.ranges[1].start, 0x2f00000U);
}

TEST(Locate, SaysWhatItDoesNotFind) {
  const Proc proc;
  EXPECT_THAT(locate({"text"}, proc.path()).why, HasSubstr("/iomem does not show the kernel"));
  proc.write("iomem", "00000000-00000000 : Kernel code\n");
  EXPECT_THAT(locate({"text"}, proc.path()).why, HasSubstr("does not show")) << "hidden";
  EXPECT_EQ(locate({"process", "vim"}, proc.path()).why, "there is no process vim");
  EXPECT_EQ(locate({"soul"}, proc.path()).why, "this agent does not know what that is");
  EXPECT_TRUE(locate({"process"}, proc.path()).ranges.empty());
}

TEST(Locate, FindsAProcessByNumberAndByName) {
  const Proc proc;
  // Page 2 is a page of its own, page 3 a file's, page 4 is shared, page 5 is not in memory.
  std::string entries(6 * 8, '\0');
  const auto set = [&](std::size_t page, std::uint64_t entry) {
    for (std::size_t byte = 0; byte < 8; ++byte) {
      entries[page * 8 + byte] = static_cast<char>(entry >> (8 * byte));
    }
  };
  set(2, 1ULL << 63 | 1ULL << 56 | 0x777);
  set(3, 1ULL << 63 | 1ULL << 61 | 1ULL << 56 | 0x888);
  set(4, 1ULL << 63 | 0x999);
  proc.write("12/comm", "vim\n");
  proc.write("12/maps", "00002000-00006000 rw-p 00000000 00:00 0  [heap]\nnonsense\n");
  proc.write("12/pagemap", entries);
  proc.write("9/comm", "sshd\n");
  proc.write("9/maps", "");
  proc.write("9/pagemap", "");
  for (const char* name : {"vim", "12"}) {
    const Located located = locate({"process", name}, proc.path());
    ASSERT_EQ(located.ranges.size(), 1U) << located.why;
    EXPECT_EQ(located.ranges[0].start, 0x777000U);
    EXPECT_EQ(located.ranges[0].size, 4096U);
  }
  EXPECT_THAT(locate({"process", "sshd"}, proc.path()).why, HasSubstr("no pages of its own"));
}

TEST(Locate, FindsTheTreesOfAProcess) {
  const Proc proc;
  const kernel::FakeKernel kernel;
  proc.write("30/comm", "vim\n");
  proc.write("2/comm", "kthreadd\n");
  const auto ask = [&](const char* tree, const char* process) {
    return locate({tree, process}, proc.path(), proc.path() + "/sys");
  };
  EXPECT_EQ(ask("cow-tree", "emacs").why, "there is no process emacs");
  EXPECT_THAT(ask("address-map", "vim").why,
              AllOf(HasSubstr("the guest's kernel has no"),
                    HasSubstr("/kernel/btf/vmlinux: where=address-map and cow-tree need one")));
  proc.write("sys/kernel/btf/vmlinux", kernel::linux_types());
  EXPECT_THAT(ask("address-map", "vim").why, HasSubstr("/kcore: No such file"));
  proc.write("kcore", kernel.core_file());
  const Located map = ask("address-map", "vim");
  EXPECT_EQ(map.why, "");
  // By their physical addresses: the root, and in front of it nothing.
  ASSERT_FALSE(map.ranges.empty());
  EXPECT_EQ(map.ranges[0].start, 0x104048U);
  EXPECT_EQ(map.ranges[0].size, 8U);
  EXPECT_EQ(map.ranges[1].start, 0x105050U);
  EXPECT_EQ(map.ranges[1].size, 16U);
  const Located tree = ask("cow-tree", "30");
  EXPECT_EQ(tree.why, "");
  ASSERT_FALSE(tree.ranges.empty());
  EXPECT_EQ(tree.ranges[0].start, 0x106040U) << "the area's list, and its anon_vma behind it";
  EXPECT_EQ(tree.ranges[0].size, 24U);
  EXPECT_THAT(ask("address-map", "kthreadd").why, HasSubstr("has no address map"));
  proc.write("sys/kernel/btf/vmlinux", "");
  EXPECT_THAT(ask("cow-tree", "vim").why, HasSubstr("BTF is too short"));
}

TEST(Pieces, BecomeRanges) {
  const auto ranges = gather({{0x5000, 8}, {0x1000, 0x1000}, {0x2000, 0x1000}, {0x2000, 8}});
  ASSERT_EQ(ranges.size(), 2U);
  EXPECT_EQ(ranges[0].start, 0x1000U);
  EXPECT_EQ(ranges[0].size, 0x2000U);
  EXPECT_EQ(ranges[1].start, 0x5000U);
  EXPECT_EQ(ranges[1].size, 8U);
}

TEST(Pieces, AreBoundedAndSpread) {
  std::vector<Range> many;
  for (std::uint64_t page = 0; page < 1000; ++page) many.push_back({page * 0x2000, 0x1000});
  const auto ranges = gather(many);
  EXPECT_EQ(ranges.size(), HIVE_AGENT_MAX_RANGES);
  EXPECT_GT(ranges.back().start, 900U * 0x2000);
}

TEST(Panic, IsAskedForByItsTrigger) {
  const Proc proc;
  EXPECT_THAT(panic(proc.path() + "/sysrq-trigger"), HasSubstr("No such file"));
  proc.write("sysrq-trigger", "");
  EXPECT_EQ(panic(proc.path() + "/sysrq-trigger"), "");
  std::ifstream file(proc.path() + "/sysrq-trigger");
  std::string text;
  file >> text;
  EXPECT_EQ(text, "c");
}

}  // namespace
}  // namespace hive::agent
