// Sections that are on their way while a cell that could write them ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/unit/control/moving_monitors.h"

namespace hive::control {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// Gamma may write the first page of a section, which has left alpha and has not come to beta yet.
class MoveOnItsWay : public MoveTest {
 protected:
  MoveOnItsWay() : MoveTest(plan::Discard::kWritable) {
    const auto hot = make(kAlpha, "hot", 4);
    fill(kAlpha, hot);
    const auto number = static_cast<std::uint32_t>(hot.id);
    EXPECT_EQ(decide(kAlpha, HIVE_GLOBAL_GRANT, "", number, kGamma).pages, 1U);
    EXPECT_EQ(begin(kAlpha, hot, kBetaCell), "");
    // Alpha last: what it says of its having left is not heard.
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (sections(kAlpha).find("hot") && std::chrono::steady_clock::now() < end) {
      run(kBeta);
      run(kAlpha);
    }
    EXPECT_FALSE(is_there());
  }
  bool is_there() {
    const auto there = sections(kBeta).find("hot");
    return there && there->stage == firewall::Stage::kHere;
  }
  void arrive() {
    run_until([this] { return is_there(); });
    EXPECT_EQ(ledger(kBeta).count_writable(kGammaCell), 0U);
  }
  /// The pages of the section that are not as alpha had them.
  std::vector<std::uint64_t> changed() {
    const auto there = *sections(kBeta).find("hot");
    const std::string wanted = pattern(there);
    std::string bytes(wanted.size(), '\1');
    EXPECT_EQ(::pread(at(kBeta).memory.file(kBetaCell), bytes.data(), bytes.size(),
                      static_cast<off_t>(there.range.first * kPageSize)),
              static_cast<ssize_t>(bytes.size()));
    std::vector<std::uint64_t> pages;
    for (std::uint64_t page = 0; page < there.range.count; ++page) {
      const std::string now = bytes.substr(page * kPageSize, kPageSize);
      if (now == wanted.substr(page * kPageSize, kPageSize)) continue;
      pages.push_back(page);
      EXPECT_EQ(now, std::string(kPageSize, '\0'));
    }
    return pages;
  }
};

TEST_F(MoveOnItsWay, LosesWhatAFailedCellMayHaveWritten) {
  at(kBeta).siblings.cut_off(kGammaCell);
  arrive();
  EXPECT_THAT(changed(), ElementsAre(0));
  EXPECT_EQ(at(kBeta).memory.discarded(), 1U);
}

TEST_F(MoveOnItsWay, KeepsWhatAGuestHasWrittenThatHasEnded) {
  ++at(kBeta).others;
  arrive();
  EXPECT_THAT(changed(), IsEmpty());
  // It may turn out that its cell has failed.
  EXPECT_EQ(at(kBeta).memory.condemn(agree::CellSet::of(kGammaCell)), 1U);
  EXPECT_TRUE(at(kBeta).memory.discard());
  EXPECT_THAT(changed(), ElementsAre(0));
}

}  // namespace
}  // namespace hive::control
