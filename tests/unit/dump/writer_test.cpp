#include "vmm/dump/writer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "tests/unit/dump/core_reader.h"
#include "vmm/base/error.h"
#include "vmm/base/units.h"

namespace hive::dump {
namespace {

using test::CoreReader;

constexpr Range kHole{64 * kMiB, 64 * kMiB};

/// Guest memory around a hole, and a file for its core.
class Writer : public testing::Test {
 protected:
  void put(std::uint64_t address, const std::string& text) const {
    ASSERT_TRUE(memory_.write({address}, std::as_bytes(std::span(text.data(), text.size()))));
  }
  [[nodiscard]] CoreReader written() const { return written(memory_); }
  [[nodiscard]] CoreReader written(const memory::GuestMemory& memory) const {
    write_core(memory, {Cpu(), Cpu()}, file_.get());
    std::string bytes(static_cast<std::size_t>(status().st_size), '\0');
    EXPECT_EQ(::pread(file_.get(), bytes.data(), bytes.size(), 0),
              static_cast<ssize_t>(bytes.size()));
    return CoreReader(std::move(bytes));
  }
  static std::uint64_t blocks_of(int file) {
    struct stat status {};
    EXPECT_EQ(::fstat(file, &status), 0);
    return static_cast<std::uint64_t>(status.st_blocks) * 512;
  }
  [[nodiscard]] struct stat status() const {
    struct stat status {};
    EXPECT_EQ(::fstat(file_.get(), &status), 0);
    return status;
  }

  memory::GuestMemory memory_{96 * kMiB, kHole, memory::Backing::kSmallPages};
  UniqueFd file_{::memfd_create("core", MFD_CLOEXEC)};
};

TEST_F(Writer, KeepsAllThatTheGuestHas) {
  put(0, "first");
  put(5 * kMiB - 3, "across pages");
  put(64 * kMiB - 4, "last");
  put(128 * kMiB, "high");
  put(160 * kMiB - 4, "end.");
  const CoreReader core = written();
  EXPECT_TRUE(core.is_core());
  EXPECT_EQ(core.registers().size(), 2U);
  EXPECT_EQ(core.physical(0, 5), "first");
  EXPECT_EQ(core.physical(5 * kMiB - 3, 12), "across pages");
  EXPECT_EQ(core.physical(64 * kMiB - 4, 4), "last");
  EXPECT_EQ(core.physical(128 * kMiB, 4), "high");
  EXPECT_EQ(core.physical(160 * kMiB - 4, 4), "end.");
  EXPECT_EQ(core.physical(100 * kMiB, 1), std::nullopt);
  EXPECT_EQ(core.physical(32 * kMiB, 8), std::string(8, '\0'));
}

TEST_F(Writer, HasAllOfRamWhereNothingWasTouched) {
  const CoreReader core = written();
  EXPECT_EQ(core.physical(160 * kMiB - 1, 1), std::string(1, '\0'));
  EXPECT_EQ(core.physical(0, 1), std::string(1, '\0'));
}

TEST_F(Writer, HasWhatIsPluggedIn) {
  constexpr Range kSpare{256 * kMiB, 4 * kMiB};
  memory::GuestMemory memory(96 * kMiB, kHole, memory::Backing::kSmallPages, kSpare);
  memory.plug({kSpare.start + 2 * kMiB, 2 * kMiB});
  ASSERT_TRUE(memory.store({kSpare.end() - 4}, std::array{'l', 'e', 'n', 't'}));
  const CoreReader core = written(memory);
  EXPECT_EQ(core.physical(kSpare.end() - 4, 4), "lent");
  EXPECT_EQ(core.physical(kSpare.start, 4), std::string(4, '\0')) << "not plugged in";
  EXPECT_EQ(core.physical(kSpare.end(), 1), std::nullopt);
}

TEST_F(Writer, LeavesHolesAndTakesNoMemoryForThem) {
  put(10 * kMiB, "text");
  put(20 * kMiB, "zeros");
  put(20 * kMiB, std::string(5, '\0'));
  const std::uint64_t before = blocks_of(memory_.file());
  const CoreReader core = written();
  EXPECT_EQ(blocks_of(memory_.file()), before) << "RAM that was never touched";
  // The header, the page with text, and the file's last page.
  EXPECT_LE(blocks_of(file_.get()), 64 * kKiB);
  EXPECT_EQ(core.physical(10 * kMiB, 4), "text");
}

TEST_F(Writer, FindsTheNoteOfTheGuestsKernel) {
  const std::string text = "OSRELEASE=6.1.0\n" + std::string(4000, 'x');
  std::string note(12, '\0');
  note[0] = 11;
  note[4] = static_cast<char>(text.size() & 0xff);
  note[5] = static_cast<char>(text.size() >> 8);
  note += std::string("VMCOREINFO\0\0", 12) + text;
  put(kMiB - 24, note);                               // Not at the beginning of a page.
  put(30 * kMiB + kMiB - kPageSize, note);            // It goes on in the next chunk.
  put(40 * kMiB, note.substr(0, 12) + "VMCOREINFO");  // Something else.
  const auto found = written().notes("VMCOREINFO");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].content, text);
}

TEST_F(Writer, HasAKernelsMappings) {
  Cpu cpu;
  cpu.sregs.cr0 = 0x8000'0001;
  cpu.sregs.cr3 = 0x1000;
  cpu.sregs.efer = 0x500;
  ASSERT_TRUE(memory_.store({0x1000 + 511 * 8}, std::uint64_t{0x2001}));
  ASSERT_TRUE(memory_.store({0x2000 + 510 * 8}, std::uint64_t{0x3001}));
  ASSERT_TRUE(memory_.store({0x3000 + 8 * 8}, std::uint64_t{4 * kMiB | 0x81}));
  put(5 * kMiB, "in the kernel");
  write_core(memory_, {cpu}, file_.get());
  const CoreReader core = CoreReader::of_file("/proc/self/fd/" + std::to_string(file_.get()));
  EXPECT_EQ(core.kernel(0xffff'ffff'8110'0000, 13), "in the kernel");
}

TEST_F(Writer, TellsWhyTheFileCannotBeWritten) {
  put(10 * kMiB, "text");
  const UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(full);
  try {
    write_core(memory_, {Cpu()}, full.get());
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("No space left on device"), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace hive::dump
