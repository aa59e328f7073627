// The write firewall binds a cell's devices as it binds its vCPUs.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <optional>
#include <thread>
#include <vector>

#include "tests/kvm/harness/global_cells.h"
#include "tests/kvm/harness/micro_disk.h"
#include "tests/kvm/harness/micro_machine.h"
#include "vmm/base/units.h"

namespace hive::test {
namespace {

using cell::ReportKind;
using firewall::PageRanges;

constexpr std::uint64_t kContribution = 2 * kMiB;
constexpr CellId kBeta{1};

class DmaOnKvm : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string why = MicroMachine::unavailable();
    if (!why.empty()) GTEST_SKIP() << why;
  }

  /// Makes beta, whose guest reads a sector to OFFSET of HOME's contribution, or WRITEs one from
  /// there.
  void aim_at(unsigned home, std::uint64_t offset,
              cell::OnViolation policy = cell::OnViolation::kFault, bool write = false) {
    const std::uint64_t at = GlobalCells::address(home, offset, kContribution);
    const MicroDisk disk{HIVE_MICRO_FREE, at};
    status_ = disk.status();
    std::vector<micro::Action> script = write ? disk.write() : disk.read();
    script.push_back(disk.await());
    const std::vector<cell::DiskConfig> disks{{image_.path(), false}};
    cells_.emplace(std::vector<std::vector<std::vector<micro::Action>>>{{{micro::end()}}, {script}},
                   kContribution, policy, disks);
  }

  std::uint8_t status() {
    return cells_->cell(1).cell().memory().load<std::uint8_t>({status_}).value();
  }

  /// How many bytes of HOME's contribution from OFFSET on are the disk's.
  std::ptrdiff_t written(unsigned home, std::uint64_t offset) {
    const std::byte* at = cells_->home(home).content() + offset;
    return std::find_if(at, at + 2 * MicroDisk::kSector,
                        [](std::byte each) { return each != std::byte{0xa5}; }) -
           at;
  }

  const TempFile image_{std::vector<std::byte>(kPageSize, std::byte{0xa5})};
  std::uint64_t status_ = 0;
  std::optional<GlobalCells> cells_;
};

TEST_F(DmaOnKvm, WritesTheCellsOwnPages) {
  aim_at(1, 0x4000);
  cells_->start();
  ASSERT_TRUE(cells_->cell(1).run_until_done());
  EXPECT_EQ(status(), VIRTIO_BLK_S_OK);
  EXPECT_EQ(written(1, 0x4000), MicroDisk::kSector);
}

TEST_F(DmaOnKvm, WritesAGrantedPageAndMarksIt) {
  aim_at(0, 0x4100);
  cells_->home(0).grant(kBeta, {3, 4});
  cells_->start();
  ASSERT_TRUE(cells_->cell(1).run_until_done());
  EXPECT_EQ(status(), VIRTIO_BLK_S_OK);
  EXPECT_EQ(written(0, 0x4100), MicroDisk::kSector);
  EXPECT_EQ(cells_->home(0).written_by(kBeta), (PageRanges{{4, 1}}));
  EXPECT_TRUE(cells_->home(0).violations().empty());
}

/// The same with each policy under which the cell goes on.
class MildDmaOnKvm : public DmaOnKvm, public ::testing::WithParamInterface<cell::OnViolation> {};

INSTANTIATE_TEST_SUITE_P(Policies, MildDmaOnKvm,
                         ::testing::Values(cell::OnViolation::kFault, cell::OnViolation::kIgnore),
                         [](const auto& policy) {
                           return policy.param == cell::OnViolation::kFault ? "Fault" : "Ignore";
                         });

TEST_P(MildDmaOnKvm, EndsInAnIoErrorAtAProtectedPage) {
  aim_at(0, 0x4000, GetParam());
  cells_->home(0).grant(kBeta, {3, 1});
  cells_->start();
  ASSERT_TRUE(cells_->cell(1).run_until_done());
  EXPECT_EQ(status(), VIRTIO_BLK_S_IOERR);
  EXPECT_EQ(written(0, 0x4000), 0);
  EXPECT_TRUE(cells_->home(0).written_by(kBeta).empty());
  EXPECT_TRUE(cells_->cell(1).run_until_report(ReportKind::kViolation));
  EXPECT_FALSE(cells_->cell(1).find(ReportKind::kDeviceBroken));
  const auto violations = cells_->home(0).await_violations(1);
  ASSERT_EQ(violations.size(), 1U);
  EXPECT_EQ(violations[0].page, 4U);
  EXPECT_EQ(violations[0].vcpu, -1);
}

TEST_P(MildDmaOnKvm, EndsInAnIoErrorAtAHomeThatIsClosed) {
  aim_at(0, 0x4000, GetParam());
  cells_->home(0).grant(kBeta, {4, 1});
  cells_->cell(1).cell().close_homes(1);
  cells_->start();
  ASSERT_TRUE(cells_->cell(1).run_until_done());
  EXPECT_EQ(status(), VIRTIO_BLK_S_IOERR);
  EXPECT_EQ(written(0, 0x4000), 0);
  EXPECT_TRUE(cells_->home(0).written_by(kBeta).empty());
  EXPECT_TRUE(cells_->cell(1).run_until_report(ReportKind::kViolation));
  EXPECT_FALSE(cells_->cell(1).find(ReportKind::kDeviceBroken));
}

TEST_F(DmaOnKvm, ReadsAHomeThatIsClosedAsAllOnes) {
  aim_at(0, 0x4000, cell::OnViolation::kFault, true);
  std::fill_n(cells_->home(0).content() + 0x4000, MicroDisk::kSector, std::byte{0x11});
  cells_->cell(1).cell().close_homes(1);
  cells_->start();
  ASSERT_TRUE(cells_->cell(1).run_until_done());
  EXPECT_EQ(status(), VIRTIO_BLK_S_OK);
  std::ifstream image(image_.path(), std::ios::binary);
  std::vector<char> sector(MicroDisk::kSector);
  image.read(sector.data(), static_cast<std::streamsize>(sector.size()));
  EXPECT_EQ(sector, std::vector<char>(MicroDisk::kSector, static_cast<char>(0xff)));
}

TEST_F(DmaOnKvm, StopsWhereAPermittedPageEnds) {
  aim_at(0, 0x4000 - 256);
  cells_->home(0).grant(kBeta, {3, 1});
  cells_->start();
  ASSERT_TRUE(cells_->cell(1).run_until_done());
  EXPECT_EQ(status(), VIRTIO_BLK_S_IOERR);
  EXPECT_EQ(written(0, 0x4000), 0);
  EXPECT_LE(written(0, 0x4000 - 256), 256);
}

TEST_F(DmaOnKvm, EndsInAnIoErrorAtAHomeThatHangs) {
  aim_at(0, 0x4000);
  cells_->home(0).grant(kBeta, {4, 1});
  cells_->home(0).hang(true);
  std::atomic<bool> done{false};
  std::atomic<bool> rescued{false};
  cells_->start();
  std::thread rescuer([&] {
    for (int turn = 0; turn < 3000 && !done; ++turn) ::usleep(10'000);
    rescued = !done;
    cells_->home(0).hang(false);
  });
  EXPECT_TRUE(cells_->cell(1).run_until_done());
  done = true;
  EXPECT_FALSE(rescued) << "it waits for the home";
  EXPECT_EQ(status(), VIRTIO_BLK_S_IOERR);
  EXPECT_EQ(written(0, 0x4000), 0);
  EXPECT_FALSE(cells_->cell(1).find(ReportKind::kDeviceBroken));
  rescuer.join();
  ::usleep(100'000);
  EXPECT_EQ(written(0, 0x4000), 0) << "the write was given up, and is made all the same";
}

TEST_F(DmaOnKvm, StopsTheCellWhereThePlanWantsThat) {
  aim_at(0, 0x4000, cell::OnViolation::kStop);
  cells_->start();
  EXPECT_TRUE(cells_->cell(1).run_until_report(ReportKind::kFailed));
  EXPECT_EQ(written(0, 0x4000), 0);
}

}  // namespace
}  // namespace hive::test
