#include "vmm/boot/elf_kernel.h"

#include <gmock/gmock.h>

#include "tests/unit/boot/images.h"

namespace hive::boot {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string refusal(const TestElf& kernel) {
  const auto memory = make_memory(32 * kMiB);
  return error_of([&] { load_kernel(memory, kernel.image()); });
}

TEST(ElfKernel, LoadsItsSegments) {
  const auto memory = make_memory(32 * kMiB);
  const LoadedKernel kernel = load_kernel(memory, TestElf().image());
  EXPECT_EQ(kernel.entry, Entry::kPvh);
  EXPECT_EQ(kernel.entry_address, 0x100'0040U);
  EXPECT_EQ(kernel.memory, (Range{0x100'0000, TestElf::kSegmentSize + 0x5000}));
  const auto loaded = memory.window({0x100'0000}, TestElf::kSegmentSize).value();
  for (std::size_t i = 0; i < loaded.size(); ++i) ASSERT_EQ(loaded[i], pattern(i)) << i;
}

TEST(ElfKernel, FindsTheEntryInANoteOf32Bits) {
  TestElf kernel;
  kernel.note_bytes.clear();
  Bytes entry;
  poke(entry, 0, std::uint32_t{0x100'0010});
  kernel.add_note("Xen", 18, entry);
  const auto memory = make_memory(32 * kMiB);
  EXPECT_EQ(load_kernel(memory, kernel.image()).entry_address, 0x100'0010U);
}

TEST(ElfKernel, LoadsTheMicroGuest) {
  const auto memory = make_memory(2 * kMiB);
  const FileImage file(HIVE_MICRO_ELF, "kernel");
  const LoadedKernel kernel = load_kernel(memory, file);
  EXPECT_EQ(kernel.entry, Entry::kPvh);
  EXPECT_EQ(kernel.memory.start, 1 * kMiB);
}

TEST(ElfKernel, NeedsAPvhNote) {
  TestElf kernel;
  kernel.notes.p_filesz = 0;
  EXPECT_THAT(refusal(kernel), AllOf(HasSubstr("without a PVH entry note"), HasSubstr("bzImage")));
  kernel = {};
  kernel.note_bytes.clear();
  kernel.add_note("Xem", 18, Bytes(8));
  EXPECT_THAT(refusal(kernel), HasSubstr("without a PVH entry note"));
  kernel.note_bytes.clear();
  kernel.add_note("Xen", 18, Bytes(16));
  EXPECT_THAT(refusal(kernel), HasSubstr("without a PVH entry note"));
}

TEST(ElfKernel, BoundsTheNotesThatItReads) {
  TestElf kernel;
  const Bytes found = kernel.note_bytes;
  kernel.note_bytes.clear();
  for (int i = 0; i < 256; ++i) kernel.add_note("", 0, {});
  kernel.note_bytes.insert(kernel.note_bytes.end(), found.begin(), found.end());
  kernel.notes.p_filesz = kernel.note_bytes.size();
  kernel.segment.p_offset = kernel.segment.p_filesz = 0;
  EXPECT_THAT(refusal(kernel), HasSubstr("without a PVH entry note"));
}

TEST(ElfKernel, RefusesNotesThatOverrunTheirSegment) {
  TestElf kernel;
  poke(kernel.note_bytes, 0, Elf64_Nhdr{0xffff'ffff, 0xffff'ffff, 18});
  EXPECT_THAT(refusal(kernel), HasSubstr("without a PVH entry note"));
}

TEST(ElfKernel, RefusesOtherMachines) {
  TestElf kernel;
  kernel.header.e_ident[EI_CLASS] = ELFCLASS32;
  EXPECT_THAT(refusal(kernel), HasSubstr("not 64-bit"));
  kernel = {};
  kernel.header.e_machine = EM_AARCH64;
  EXPECT_THAT(refusal(kernel), HasSubstr("another processor"));
  kernel = {};
  kernel.header.e_type = ET_REL;
  EXPECT_THAT(refusal(kernel), HasSubstr("not executable"));
}

TEST(ElfKernel, RefusesImpossibleProgramHeaders) {
  TestElf kernel;
  kernel.header.e_phnum = 129;
  EXPECT_THAT(refusal(kernel), HasSubstr("impossible program headers"));
  kernel.header.e_phnum = 0;
  EXPECT_THAT(refusal(kernel), HasSubstr("impossible program headers"));
  kernel = {};
  kernel.header.e_phentsize = 32;
  EXPECT_THAT(refusal(kernel), HasSubstr("impossible program headers"));
  kernel = {};
  kernel.header.e_phoff = ~0ULL - 8;
  EXPECT_THAT(refusal(kernel), HasSubstr("truncated"));
}

TEST(ElfKernel, RefusesSegmentsBeyondTheFile) {
  TestElf kernel;
  kernel.segment.p_offset = ~0ULL;
  EXPECT_THAT(refusal(kernel), HasSubstr("truncated: segment 1"));
  kernel = {};
  kernel.segment.p_filesz = kernel.segment.p_memsz = TestElf::kSegmentSize + 1;
  EXPECT_THAT(refusal(kernel), HasSubstr("truncated: segment 1"));
  kernel = {};
  kernel.notes.p_filesz = ~0ULL;
  EXPECT_THAT(refusal(kernel), HasSubstr("truncated: segment 0"));
}

TEST(ElfKernel, RefusesSegmentsOutsideMemory) {
  TestElf kernel;
  kernel.segment.p_memsz = 17 * kMiB;
  EXPECT_THAT(refusal(kernel),
              AllOf(HasSubstr("17 MiB"), HasSubstr("32 MiB"), HasSubstr("more memory")));
  kernel.segment.p_memsz = ~0ULL;
  EXPECT_THAT(refusal(kernel), HasSubstr("more memory"));
  kernel = {};
  kernel.segment.p_paddr = ~0ULL - 16;
  EXPECT_THAT(refusal(kernel), HasSubstr("more memory"));
  kernel.segment.p_paddr = 0xf'f000;
  EXPECT_THAT(refusal(kernel), HasSubstr("below 1 MiB"));
  kernel = {};
  kernel.segment.p_memsz = 1;
  EXPECT_THAT(refusal(kernel), HasSubstr("larger in the file than in memory"));
}

TEST(ElfKernel, RefusesAnEntryOutsideItsSegments) {
  TestElf kernel;
  kernel.segment.p_paddr = 0x110'0000;
  EXPECT_THAT(refusal(kernel), HasSubstr("entry lies outside"));
  kernel.segment.p_type = PT_NULL;
  EXPECT_THAT(refusal(kernel), HasSubstr("nothing to load"));
}

}  // namespace
}  // namespace hive::boot
