// Every second page of a large section, granted and revoked: each page is judged and looked at.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <vector>

#include "tests/kvm/harness/global_cells.h"
#include "tests/kvm/harness/micro_machine.h"
#include "vmm/base/units.h"

namespace hive::test {
namespace {

using firewall::PageIndex;
using firewall::PageRange;
using firewall::PageRanges;
using micro::Action;

constexpr CellId kBeta{1};
constexpr std::uint64_t kTurnWord = 8 * kMiB;  // In the guest's own RAM: what it may begin.
constexpr std::chrono::seconds kPatience{240};
// Denied writes of the guest in each part of the test. All other pages are looked at, too.
constexpr unsigned kDenied = 100;

/// 1 GiB; HIVE_PATTERN_MIB makes it smaller on a machine that has not half of that free.
std::uint64_t section_size() {
  const char* text = std::getenv("HIVE_PATTERN_MIB");
  return text == nullptr ? kGiB : std::strtoull(text, nullptr, 10) * kMiB;
}

/// Which pages of a cell's mapping are protected against its writes, as the kernel has it
/// (Documentation/admin-guide/mm/pagemap.rst, bit 57).
std::vector<bool> protected_pages(std::uint64_t base, std::uint64_t pages) {
  constexpr std::uint64_t kUffdProtected = std::uint64_t{1} << 57;
  const UniqueFd pagemap(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  std::vector<std::uint64_t> entries(pages);
  const auto size = static_cast<ssize_t>(pages * sizeof entries[0]);
  const auto offset = static_cast<off_t>(base / kPageSize * sizeof entries[0]);
  EXPECT_EQ(::pread(pagemap.get(), entries.data(), pages * sizeof entries[0], offset), size);
  std::vector<bool> found(pages);
  for (PageIndex page = 0; page < pages; ++page) {
    found[page] = (entries[page] & kUffdProtected) != 0;
  }
  return found;
}

/// Alpha's section, and beta's guest, which writes each granted page once and then tries its luck.
class EverySecondPage {
 public:
  EverySecondPage() : cells_({{{micro::end()}}, {script()}}, size_) {
    for (PageIndex page = 0; page < pages_; page += 2) pattern_.push_back({page, 1});
    section_ = home().create_section("pattern", pages_);
  }

  void run() {
    ASSERT_EQ(section_.range, (PageRange{0, pages_}));
    home().grant(kBeta, pattern_);
    EXPECT_EQ(home().writable_by(kBeta), pattern_);
    cells_.start();
    ASSERT_TRUE(await(kDenied + 3)) << "the guest stands still";
    expect_denied(4, kDenied);
    EXPECT_EQ(cells_.cell(1).result(0, 3).status, HIVE_MICRO_OK);
    expect_memory();
    EXPECT_EQ(home().written_by(kBeta), pattern_);
    expect_protected([](PageIndex page) { return page % 2 != 0; });

    home().revoke(kBeta, pattern_);
    EXPECT_TRUE(home().writable_by(kBeta).empty());
    EXPECT_TRUE(home().written_by(kBeta).empty());
    expect_protected([](PageIndex) { return true; });
    ASSERT_TRUE(cells_.cell(1).cell().memory().store<std::uint64_t>({kTurnWord}, 1));
    ASSERT_TRUE(cells_.cell(1).run_until_done()) << "the guest stands still";
    expect_denied(kDenied + 5, 2 * kDenied);
    expect_memory();
    EXPECT_EQ(home().await_violations(3 * kDenied).size(), 3 * kDenied);
  }

 private:
  Home& home() { return cells_.home(0); }
  [[nodiscard]] std::uint64_t at(PageIndex page, std::uint64_t offset = 0) const {
    return GlobalCells::address(0, page * kPageSize + offset, size_);
  }
  /// A page of PARITY, one of COUNT that are spread over the section, the last page among them.
  [[nodiscard]] PageIndex sample(unsigned number, unsigned count, unsigned parity) const {
    return (pages_ / 2 - 1) * number / (count - 1) * 2 + parity;
  }

  [[nodiscard]] std::vector<Action> script() const {
    std::vector<Action> actions{micro::map(at(0)), micro::map(at(pages_ - 1)),
                                micro::store(8, kTurnWord, 0),
                                micro::sweep(at(0), 2 * kPageSize, pages_ / 2)};
    for (unsigned turn = 0; turn < kDenied; ++turn) {
      actions.push_back(micro::store(8, at(sample(turn, kDenied, 1), 8 * turn), ~0ULL));
    }
    actions.push_back(micro::wait(8, kTurnWord, 1));
    for (unsigned turn = 0; turn < 2 * kDenied; ++turn) {
      actions.push_back(micro::store(8, at(sample(turn, 2 * kDenied, turn % 2), 8 * turn), ~0ULL));
    }
    return actions;
  }

  bool await(unsigned action) {
    MicroCell& guest = cells_.cell(1);
    return guest.run_until([&] { return guest.result(0, action).status != HIVE_MICRO_NOT_RUN; },
                           kPatience);
  }

  void expect_denied(unsigned first, unsigned count) {
    for (unsigned action = first; action < first + count; ++action) {
      EXPECT_EQ(cells_.cell(1).result(0, action).status, HIVE_MICRO_EXCEPTION) << action;
    }
  }

  template <typename Expected>
  void expect_protected(Expected expected) {
    const std::vector<bool> found = protected_pages(home().mapped_at(kBeta), pages_);
    std::uint64_t wrong = 0;
    for (PageIndex page = 0; page < pages_; ++page) wrong += found[page] == expected(page) ? 0 : 1;
    EXPECT_EQ(wrong, 0U) << "pages";
  }

  /// Each byte: a granted page begins with its own address; all else is zero.
  void expect_memory() {
    const UniqueFd file = home().file();
    std::vector<std::byte> want(kHugePageSize), have(kHugePageSize);
    for (std::uint64_t start = 0; start < size_; start += kHugePageSize) {
      for (std::uint64_t byte = 0; byte < kHugePageSize; byte += 2 * kPageSize) {
        const std::uint64_t address = at(0) + start + byte;
        std::memcpy(want.data() + byte, &address, sizeof address);
      }
      ASSERT_EQ(::pread(file.get(), have.data(), have.size(), static_cast<off_t>(start)),
                static_cast<ssize_t>(have.size()));
      ASSERT_EQ(std::memcmp(want.data(), have.data(), have.size()), 0) << "byte " << start;
    }
  }

  std::uint64_t size_ = section_size();
  std::uint64_t pages_ = size_ / kPageSize;
  PageRanges pattern_;
  GlobalCells cells_;
  firewall::Section section_;
};

TEST(EverySecondPageOnKvm, IsRightAtEveryPage) {
  const std::string why = MicroMachine::unavailable();
  if (!why.empty()) GTEST_SKIP() << why;
  EverySecondPage().run();
}

}  // namespace
}  // namespace hive::test
