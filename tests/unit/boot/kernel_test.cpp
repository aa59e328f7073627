#include "vmm/boot/kernel.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "tests/unit/boot/images.h"

namespace hive::boot {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using namespace std::string_literals;

std::string refusal(const std::string& content) {
  const auto memory = make_memory(4 * kMiB);
  return error_of([&] { load_kernel(memory, MemoryImage(content)); });
}

TEST(LoadKernel, SaysWhatAFileIsThatIsNoKernel) {
  const std::string rest(600, 'x');
  EXPECT_THAT(refusal(""), HasSubstr("kernel /test: not a kernel: the file is empty"));
  EXPECT_THAT(refusal("\x7f"), HasSubstr("not a kernel; give the path of a bzImage"));
  EXPECT_THAT(refusal("hello" + rest), HasSubstr("not a kernel; give the path of a bzImage"));
  EXPECT_THAT(refusal("\x1f\x8b\x08" + rest), HasSubstr("gunzip"));
  EXPECT_THAT(refusal("\xfd"s + "7zXZ\0"s + rest), HasSubstr("unxz"));
  EXPECT_THAT(refusal("\x28\xb5\x2f\xfd" + rest), HasSubstr("unzstd"));
  EXPECT_THAT(refusal("\x02\x21\x4c\x18" + rest), HasSubstr("unlz4"));
  EXPECT_THAT(refusal("BZh9" + rest), HasSubstr("bunzip2"));
  EXPECT_THAT(refusal("070701" + rest), HasSubstr("initrd"));
  EXPECT_THAT(refusal("#!/bin/sh\n" + rest), HasSubstr("a script"));
  EXPECT_THAT(refusal("MZ" + rest), HasSubstr("EFI program"));
  EXPECT_THAT(refusal("MZ" + std::string(54, '\0') + "ARM\x64" + rest), HasSubstr("arm64"));
}

/// A kernel that uses memory from 16 to 32 MiB.
LoadedKernel test_kernel() {
  LoadedKernel kernel;
  kernel.memory = {16 * kMiB, 16 * kMiB};
  kernel.initrd_max = 0x7fff'ffff;
  return kernel;
}

TEST(LoadInitrd, GoesToTheTopOfMemory) {
  const auto memory = make_memory(64 * kMiB);
  const Range range = load_initrd(memory, test_kernel(), MemoryImage("abcde"));
  EXPECT_EQ(range, (Range{64 * kMiB - kPageSize, 5}));
  EXPECT_EQ(memory.load<char>({range.start + 4}), 'e');
}

TEST(LoadInitrd, StaysBelowTheKernelsLimit) {
  const auto memory = make_memory(64 * kMiB);
  LoadedKernel kernel = test_kernel();
  kernel.initrd_max = 40 * kMiB - 1;
  const Range range = load_initrd(memory, kernel, MemoryImage(std::string(kPageSize, 'x')));
  EXPECT_EQ(range, (Range{40 * kMiB - kPageSize, kPageSize}));
}

TEST(LoadInitrd, FillsAllThatIsFreeAndNoMore) {
  const auto memory = make_memory(34 * kMiB);
  EXPECT_EQ(load_initrd(memory, test_kernel(), MemoryImage(Bytes(2 * kMiB))),
            (Range{32 * kMiB, 2 * kMiB}));
  EXPECT_THAT(
      error_of([&] { load_initrd(memory, test_kernel(), MemoryImage(Bytes(2 * kMiB + 1))); }),
      AllOf(HasSubstr("its 3 MiB do not fit"), HasSubstr("34 MiB of memory 2 MiB are free"),
            HasSubstr("more memory")));
}

TEST(LoadInitrd, RefusesWhatIsLargerThanMemory) {
  const auto memory = make_memory(34 * kMiB);
  EXPECT_THAT(error_of([&] { load_initrd(memory, test_kernel(), MemoryImage(Bytes(40 * kMiB))); }),
              AllOf(HasSubstr("40 MiB"), HasSubstr("34 MiB")));
  EXPECT_THAT(error_of([&] { load_initrd(memory, test_kernel(), MemoryImage(Bytes{})); }),
              HasSubstr("empty"));
  LoadedKernel kernel = test_kernel();
  kernel.initrd_max = 100;
  EXPECT_THAT(error_of([&] { load_initrd(memory, kernel, MemoryImage("x")); }),
              HasSubstr("0 MiB are free"));
}

TEST(FileImage, SaysWhatIsWrongWithAFile) {
  EXPECT_THAT(error_of([] { FileImage("/nonexistent/vmlinuz", "kernel"); }),
              AllOf(HasSubstr("kernel /nonexistent/vmlinuz: No such file"), HasSubstr("path")));
  EXPECT_THAT(error_of([] { FileImage("/tmp", "initrd"); }),
              HasSubstr("initrd /tmp: not a regular file"));
}

TEST(FileImage, DoesNotHangOnAFifo) {
  const std::string path = ::testing::TempDir() + "hive-fifo-" + std::to_string(::getpid());
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_THAT(error_of([&] { FileImage(path, "kernel"); }), HasSubstr("not a regular file"));
  ::unlink(path.c_str());
}

TEST(FileImage, ReadsAndNoticesAFileThatShrinks) {
  const std::string path = ::testing::TempDir() + "hive-file-" + std::to_string(::getpid());
  std::ofstream(path) << "0123456789";
  const FileImage file(path, "kernel");
  EXPECT_EQ(file.size(), 10U);
  std::array<std::byte, 4> bytes{};
  file.read(6, bytes);
  EXPECT_EQ(bytes[3], std::byte{'9'});
  ASSERT_EQ(::truncate(path.c_str(), 8), 0);
  EXPECT_THAT(error_of([&] { file.read(6, bytes); }), HasSubstr("became shorter"));
  ::unlink(path.c_str());
}

}  // namespace
}  // namespace hive::boot
