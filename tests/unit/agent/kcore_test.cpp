#include "guests/agent/kernel/kcore.h"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>
#include <fstream>

#include "tests/unit/agent/fake_kernel.h"
#include "vmm/base/error.h"

namespace hive::agent::kernel {
namespace {

using testing::HasSubstr;

/// A file with CONTENT, gone with this object.
class File {
 public:
  explicit File(const std::string& content)
      : path_(testing::TempDir() + "/kcore-" +
              testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::ofstream(path_, std::ios::binary) << content;
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { std::remove(path_.c_str()); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// Why HEAD is no header; empty where it is one.
std::string refusal(const std::string& head) {
  try {
    (void)parse_core_header(head);
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

TEST(Kcore, ReadsTheKernelsMemory) {
  const FakeKernel kernel;
  const File file(kernel.core_file());
  const Kcore core(file.path());
  EXPECT_EQ(core.number(FakeKernel::kMap + 72), FakeKernel::kRoot | FakeKernel::kAllocatorWord | 2);
  EXPECT_EQ(core.number<std::uint32_t>(FakeKernel::task(2) + 124), 30U);
  EXPECT_EQ(core.physical(FakeKernel::kMap, 8), 0x104000U);
  EXPECT_EQ(core.task(), kernel.task_bytes());
}

TEST(Kcore, ReadsOnlyRam) {
  const File file(FakeKernel().core_file());
  const Kcore core(file.path());
  constexpr std::uint64_t kEnd = FakeMemory::kVirtual + 65536;
  EXPECT_TRUE(core.number(kEnd - 8).has_value());
  for (const std::uint64_t address :
       {kEnd, kEnd - 4, FakeMemory::kVirtual - 8, std::uint64_t{0}, ~std::uint64_t{7},
        std::uint64_t{0xffff'c900'0000'0000}, FakeMemory::kVirtual + 1}) {
    EXPECT_EQ(core.number(address), std::nullopt) << std::hex << address;
  }
  EXPECT_EQ(core.physical(kEnd - 8, 16), std::nullopt);
  EXPECT_EQ(core.physical(FakeMemory::kVirtual, ~std::uint64_t{0}), std::nullopt);
}

TEST(Kcore, SaysWhyItCannotBeRead) {
  const auto refused = [](const std::string& path) -> std::string {
    try {
      const Kcore core(path);
    } catch (const Error& error) {
      return error.what();
    }
    return {};
  };
  EXPECT_THAT(refused("/nowhere/kcore"), HasSubstr("/nowhere/kcore: No such file"));
  EXPECT_THAT(refused("/nowhere/kcore"), HasSubstr("not to be locked down"));
  const std::string whole = FakeKernel().core_file();
  const File short_file(whole.substr(0, 300));
  EXPECT_THAT(refused(short_file.path()), HasSubstr("no note with the reader's task_struct"));
}

TEST(CoreHeader, IsRefusedWhereItIsNone) {
  const std::string whole = FakeKernel().core_file().substr(0, kMaxCoreHeader);
  EXPECT_EQ(refusal(whole), "");
  EXPECT_THAT(refusal(""), HasSubstr("is too short"));
  for (const std::size_t at :
       {std::size_t{0}, std::size_t{EI_CLASS}, std::size_t{EI_DATA}, offsetof(Elf64_Ehdr, e_type),
        offsetof(Elf64_Ehdr, e_machine), offsetof(Elf64_Ehdr, e_phentsize)}) {
    std::string other = whole;
    other[at] = 1 ^ other[at];
    other[at] = static_cast<char>(other[at] + 2);
    EXPECT_THAT(refusal(other), HasSubstr("is no core file of x86-64")) << at;
  }
  constexpr std::size_t kHeaders = sizeof(Elf64_Ehdr) + 3 * sizeof(Elf64_Phdr);
  for (std::size_t size = 0; size < kHeaders; ++size) {
    EXPECT_NE(refusal(whole.substr(0, size)), "") << size;
  }
  std::string none = whole;
  none.replace(sizeof(Elf64_Ehdr), 3 * sizeof(Elf64_Phdr), 3 * sizeof(Elf64_Phdr), '\0');
  EXPECT_THAT(refusal(none), HasSubstr("shows no RAM"));
}

TEST(CoreHeader, LeavesOutSegmentsThatCannotBe) {
  const std::string whole = FakeKernel().core_file();
  for (const std::size_t member :
       {offsetof(Elf64_Phdr, p_vaddr), offsetof(Elf64_Phdr, p_paddr),
        offsetof(Elf64_Phdr, p_offset), offsetof(Elf64_Phdr, p_filesz)}) {
    std::string wrong = whole;
    const std::uint64_t huge = ~std::uint64_t{0} - 100;
    std::memcpy(wrong.data() + sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr) + member, &huge, 8);
    EXPECT_THAT(refusal(wrong), HasSubstr("shows no RAM")) << member;
  }
}

TEST(TaskNote, IsFoundOrNot) {
  const std::string whole = FakeKernel().core_file();
  const CoreHeader header = parse_core_header(std::string_view(whole).substr(0, kMaxCoreHeader));
  const std::string notes = whole.substr(header.notes.start, header.notes.size);
  EXPECT_EQ(find_task_note(notes).size(), 0x200U);
  for (std::size_t size = 0; size < notes.size(); ++size) {
    EXPECT_TRUE(find_task_note(std::string_view(notes).substr(0, size)).empty()) << size;
  }
  std::string long_name = notes;
  long_name.replace(0, 4, "\xff\xff\xff\xff");
  EXPECT_TRUE(find_task_note(long_name).empty());
}

}  // namespace
}  // namespace hive::agent::kernel
