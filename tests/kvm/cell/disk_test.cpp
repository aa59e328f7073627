// Cells with a disk: above 4 GiB, and with storage that hangs.
#include <gtest/gtest.h>
#include <linux/fuse.h>

#include <chrono>
#include <optional>

#include "tests/kvm/harness/micro_cell.h"
#include "tests/kvm/harness/micro_disk.h"
#include "tests/kvm/harness/micro_machine.h"
#include "tests/support/fuse_file.h"
#include "vmm/base/units.h"
#include "vmm/boot/memory_map.h"
#include "vmm/boot/start_info.h"
#include "vmm/memory/layout.h"

namespace hive::test {
namespace {

using cell::ReportKind;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;
namespace layout = memory::layout;

class Above4Gib : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string why = MicroMachine::unavailable();
    if (!why.empty()) GTEST_SKIP() << why;
  }
  // 3 GiB below the hole, and 2 GiB above it. Only what is touched takes memory.
  static constexpr std::uint64_t kMemory = 5 * kGiB;
  static constexpr std::uint64_t kEnd = 6 * kGiB;
};

TEST_F(Above4Gib, IsRamUpToItsLastByte) {
  constexpr std::uint64_t kLast = kEnd - 8;
  constexpr std::uint64_t kLastLow = layout::kHole.start - 8;
  MicroMachine machine(
      {{micro::map(kLast), micro::map(kLastLow), micro::map(layout::kHole.end()),
        micro::store(8, kLast, 0x1122), micro::store(8, kLastLow, 0x3344),
        micro::store(8, layout::kHole.end(), 0x5566), micro::load(8, kLast),
        micro::load(8, kLastLow), micro::load(8, layout::kHole.end()),
        micro::load(8, layout::kHole.start), micro::map(kEnd), micro::load(8, kEnd)}},
      kMemory);
  ASSERT_EQ(machine.run(), MicroMachine::End::kDone);
  EXPECT_EQ(machine.result(0, 6).value, 0x1122U);
  EXPECT_EQ(machine.result(0, 7).value, 0x3344U);
  EXPECT_EQ(machine.result(0, 8).value, 0x5566U);
  EXPECT_EQ(machine.result(0, 9).value, ~0ULL) << "RAM in the hole";
  EXPECT_EQ(machine.result(0, 11).value, ~0ULL) << "RAM past its end";
  EXPECT_EQ(machine.memory().load<std::uint64_t>({kLast}), 0x1122U);
  EXPECT_EQ(machine.memory().load<std::uint64_t>({layout::kHole.end()}), 0x5566U);
}

TEST_F(Above4Gib, IsInTheMapThatTheGuestGets) {
  MicroMachine machine({{micro::end()}}, kMemory);
  const std::uint64_t at = machine.vcpu(0).regs().rbx;  // As the PVH boot ABI has it.
  const auto info = machine.memory().load<boot::StartInfo>({at}).value();
  ASSERT_EQ(info.magic, boot::kStartInfoMagic);
  std::uint64_t ram = 0;
  std::uint64_t end = 0;
  for (unsigned i = 0; i < info.memory_map_count; ++i) {
    const auto entry =
        machine.memory()
            .load<boot::StartInfoMapEntry>({info.memory_map + i * sizeof(boot::StartInfoMapEntry)})
            .value();
    const Range range{entry.address, entry.size};
    EXPECT_GE(range.start, end) << "entries overlap";
    end = range.end();
    if (entry.kind != static_cast<std::uint32_t>(boot::MemoryKind::kRam)) continue;
    ram += range.size;
    EXPECT_TRUE(range.end() <= layout::kHole.start || range.start >= layout::kHole.end());
    if (range.start >= layout::kHole.end()) {
      EXPECT_EQ(range.start, layout::kHole.end());
      EXPECT_EQ(range.end(), kEnd);
    }
  }
  EXPECT_EQ(end, kEnd);
  EXPECT_GT(ram, kMemory - kMiB) << "all but what is reserved in the first MiB";
}

TEST_F(Above4Gib, IsReachedByADisk) {
  const TempFile image(std::vector<std::byte>(kPageSize, std::byte{0xa5}));
  const MicroDisk disk{kEnd - kPageSize};
  std::vector<micro::Action> script{micro::map(disk.base)};
  MicroDisk::append(script, disk.read());
  MicroDisk::append(script, {disk.await(), micro::load(8, disk.data())});
  MicroCell cell({script}, {{image.path(), false}}, kMemory);
  cell.cell().start();
  ASSERT_TRUE(cell.run_until_done());
  EXPECT_FALSE(cell.find(ReportKind::kDeviceBroken));
  EXPECT_EQ(cell.result(0, static_cast<unsigned>(script.size()) - 1).value, 0xa5a5a5a5a5a5a5a5U);
  const memory::GuestMemory& ram = cell.cell().memory();
  EXPECT_EQ(ram.load<std::uint8_t>({disk.status()}), VIRTIO_BLK_S_OK);
  EXPECT_EQ(ram.load<std::uint8_t>({disk.data() + MicroDisk::kSector - 1}), 0xa5);
  EXPECT_EQ(ram.load<std::uint8_t>({disk.data() + MicroDisk::kSector}), 0);
}

/// A cell with a read in flight that is not answered.
class HungDisk : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const std::string& why : {MicroMachine::unavailable(), FuseFile::unavailable()}) {
      if (!why.empty()) GTEST_SKIP() << why;
    }
    file_.emplace(kPageSize);
    const MicroDisk disk{HIVE_MICRO_FREE};
    std::vector<micro::Action> script = disk.read();
    const unsigned sent = static_cast<unsigned>(script.size());
    MicroDisk::append(script, {micro::loop(1ULL << 40, 1), micro::add(8, kCounter, 1)});
    cell_.emplace(std::vector<std::vector<micro::Action>>{script},
                  std::vector<cell::DiskConfig>{{file_->path(), false}});
    file_->stop();
    cell_->cell().start();
    ASSERT_TRUE(cell_->run_until([&] { return cell_->performed(0) > sent; }));
    // The loop takes the doorbell and hands the read to the host.
    const auto until = Clock::now() + milliseconds(100);
    (void)cell_->run_until([&] { return Clock::now() > until; });
  }
  void TearDown() override {
    file_.reset();  // Which ends the read, so that the cell can be destroyed.
  }
  std::uint64_t counter() { return cell_->cell().memory().load<std::uint64_t>({kCounter}).value(); }

  static constexpr std::uint64_t kCounter = HIVE_MICRO_FREE + 0x10000;
  std::optional<FuseFile> file_;
  std::optional<MicroCell> cell_;
};

TEST_F(HungDisk, DoesNotHoldUpACellsEnd) {
  const auto start = Clock::now();
  EXPECT_FALSE(cell_->cell().shut_down(milliseconds(200)));
  const auto taken = Clock::now() - start;
  EXPECT_GE(taken, milliseconds(200));
  EXPECT_LT(taken, milliseconds(30'000));
  const std::uint64_t at_end = counter();
  std::this_thread::sleep_for(milliseconds(20));
  EXPECT_EQ(counter(), at_end) << "the vCPU runs on";
  file_.reset();
  EXPECT_TRUE(cell_->cell().shut_down(milliseconds(60'000)));
}

TEST_F(HungDisk, MakesAPauseFailInTime) {
  cell_->cell().pause(milliseconds(200));
  ASSERT_TRUE(cell_->run_until_report(ReportKind::kNotPaused));
  EXPECT_NE(cell_->find(ReportKind::kNotPaused)->detail, "");
  EXPECT_FALSE(cell_->find(ReportKind::kPaused));
  const std::uint64_t at_report = counter();
  EXPECT_TRUE(cell_->run_until([&] { return counter() > at_report; })) << "the guest stands still";

  cell_->cell().pause(milliseconds(60'000));
  cell_->cell().resume();
  file_.reset();
  EXPECT_TRUE(cell_->run_until_report(ReportKind::kPaused));
  EXPECT_TRUE(cell_->run_until_report(ReportKind::kResumed));
}

}  // namespace
}  // namespace hive::test
