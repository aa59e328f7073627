// Faults that a VMM does to its guest's devices.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "tests/kvm/harness/micro_cell.h"
#include "tests/kvm/harness/micro_disk.h"
#include "tests/kvm/harness/micro_machine.h"

namespace hive::test {
namespace {

using cell::DeviceFault;
using cell::GuestFault;
using cell::GuestFaultKind;
using cell::ReportKind;
using device::DiskOperations;
using std::chrono::milliseconds;
using testing::HasSubstr;
using Clock = std::chrono::steady_clock;

/// A guest that waits for the word, and then writes to its disk.
class DeviceFaults : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string why = MicroMachine::unavailable();
    if (!why.empty()) GTEST_SKIP() << why;
  }

  void start(bool read_only = false) {
    std::vector<micro::Action> script{
        micro::fill(kDisk.data(), 'w', kDisk.sectors * MicroDisk::kSector), micro::wait(8, kGo, 1)};
    const unsigned first = static_cast<unsigned>(script.size());
    MicroDisk::append(script, kDisk.write());
    MicroDisk::append(script, {kDisk.await()});
    sent_ = static_cast<unsigned>(script.size()) - 1;
    cell_.emplace(std::vector<std::vector<micro::Action>>{script},
                  std::vector<cell::DiskConfig>{{image_.path(), read_only}});
    cell_->cell().start();
    ASSERT_TRUE(cell_->run_until([&] { return cell_->performed(0) == first - 1; }));
  }
  void go() { ASSERT_TRUE(cell_->cell().memory().store({kGo}, std::uint64_t{1})); }

  std::string done(const GuestFault& fault) {
    cell_->cell().inject(fault);
    const auto report = cell_->find(ReportKind::kFaultDone);
    return report ? report->detail : "";
  }
  std::string refusal(const GuestFault& fault) {
    cell_->cell().inject(fault);
    EXPECT_FALSE(cell_->find(ReportKind::kFaultDone).has_value());
    const auto report = cell_->find(ReportKind::kFaultNotDone);
    return report ? report->detail : "";
  }
  std::uint8_t status() {
    return cell_->cell().memory().load<std::uint8_t>({kDisk.status()}).value();
  }
  /// What the image has in the place of the write.
  [[nodiscard]] std::string stored() const {
    std::ifstream file(image_.path(), std::ios::binary);
    const std::string all((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    return all.substr(0, std::size_t{kDisk.sectors} * MicroDisk::kSector);
  }

  static constexpr std::uint64_t kGo = HIVE_MICRO_FREE;
  static constexpr MicroDisk kDisk{HIVE_MICRO_FREE + 0x1000, 0, 4};
  static constexpr std::size_t kLength = std::size_t{kDisk.sectors} * MicroDisk::kSector;
  TempFile image_{std::vector<std::byte>(kPageSize, std::byte{'.'})};
  std::optional<MicroCell> cell_;
  unsigned sent_ = 0;  ///< Actions of the script up to the wait for the disk.
};

TEST_F(DeviceFaults, FailAWrite) {
  start();
  EXPECT_EQ(done({GuestFaultKind::kDiskError, {}, {}, {}, DeviceFault{"disk0"}}),
            "seed 0: for good, 100 % of disk0's requests end with errors");
  go();
  ASSERT_TRUE(cell_->run_until_done());
  EXPECT_EQ(status(), VIRTIO_BLK_S_IOERR);
  EXPECT_EQ(stored(), std::string(kLength, '.'));
  EXPECT_FALSE(cell_->find(ReportKind::kDeviceBroken));
}

TEST_F(DeviceFaults, HoldAWriteBackAndNotTheGuest) {
  start();
  constexpr milliseconds kDelay{700};
  const DeviceFault late{"disk0", 100, 1, DiskOperations::kWrite, kDelay};
  EXPECT_EQ(done({GuestFaultKind::kDiskDelay, {}, milliseconds(60'000), {}, late}),
            "seed 1: for 60000 ms, 100 % of disk0's writes are late by 700 ms");
  const auto begin = Clock::now();
  go();
  ASSERT_TRUE(cell_->run_until([&] { return cell_->performed(0) == sent_; }));
  // It can be paused meanwhile, and goes on.
  cell_->cell().pause();
  ASSERT_TRUE(cell_->run_until_report(ReportKind::kPaused));
  EXPECT_EQ(stored(), std::string(kLength, '.'));
  cell_->cell().resume();
  ASSERT_TRUE(cell_->run_until_done());
  EXPECT_GE(Clock::now() - begin, kDelay);
  EXPECT_EQ(status(), VIRTIO_BLK_S_OK);
  EXPECT_EQ(stored(), std::string(kLength, 'w'));
}

TEST_F(DeviceFaults, TearAWrite) {
  start();
  const DeviceFault torn{"disk0", 100, 5, DiskOperations::kAll, {}, true};
  EXPECT_EQ(done({GuestFaultKind::kDiskTorn, {}, {}, {}, torn}),
            "seed 5: for good, 100 % of disk0's writes of several sectors are torn, and told as "
            "done");
  go();
  ASSERT_TRUE(cell_->run_until_done());
  EXPECT_EQ(status(), VIRTIO_BLK_S_OK);
  const std::size_t end = stored().find('.');
  ASSERT_NE(end, std::string::npos);
  EXPECT_TRUE(end != 0 && end % MicroDisk::kSector == 0) << end;
  EXPECT_EQ(stored(), std::string(end, 'w') + std::string(kLength - end, '.'));
}

TEST_F(DeviceFaults, AreRefusedWhereThereIsNoSuchDisk) {
  start();
  EXPECT_THAT(refusal({GuestFaultKind::kDiskError, {}, {}, {}, DeviceFault{"disk1"}}),
              HasSubstr("there is no disk1: the cell has 1 disks"));
  go();
  ASSERT_TRUE(cell_->run_until_done());
  EXPECT_EQ(status(), VIRTIO_BLK_S_OK);
}

TEST_F(DeviceFaults, TearNothingOnADiskThatIsReadOnly) {
  start(true);
  EXPECT_THAT(refusal({GuestFaultKind::kDiskTorn, {}, {}, {}, DeviceFault{"disk0"}}),
              HasSubstr("disk0 is read-only: nothing is written to it"));
}

}  // namespace
}  // namespace hive::test
