#include "vmm/device/virtio/block_faults.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "tests/unit/device/block_fixture.h"

namespace hive::device {
namespace {

using std::chrono::milliseconds;
using Kind = BlockRequest::Kind;

const FaultClock::time_point kStart{std::chrono::hours(1)};

DiskFault error(unsigned percent, std::uint64_t seed = 1) {
  return {DiskFaultKind::kError, DiskOperations::kAll, {percent, seed, {}}, {}, false};
}
DiskFault late(milliseconds delay, DiskOperations of = DiskOperations::kAll) {
  return {DiskFaultKind::kDelay, of, {100, 1, {}}, delay, false};
}
DiskFault torn(bool reports_done = false, std::uint64_t seed = 1) {
  return {DiskFaultKind::kTorn, DiskOperations::kAll, {100, seed, {}}, {}, reports_done};
}

BlockFaults with(const DiskFault& fault) {
  BlockFaults faults;
  faults.set(fault, kStart);
  return faults;
}

/// Which of COUNT reads fail.
std::vector<bool> failures(BlockFaults faults, int count = 1000) {
  std::vector<bool> fails;
  for (int i = 0; i < count; ++i) fails.push_back(faults.judge(Kind::kRead, 512, kStart).fails);
  return fails;
}

TEST(BlockFaults, AreNoneAtFirst) {
  BlockFaults faults;
  EXPECT_FALSE(faults.any());
  const BlockVerdict verdict = faults.judge(Kind::kWrite, 4096, kStart);
  EXPECT_FALSE(verdict.fails || verdict.stored);
  EXPECT_EQ(verdict.delay.count(), 0);
}

TEST(BlockFaults, FollowFromTheirSeed) {
  EXPECT_EQ(failures(with(error(50, 7))), failures(with(error(50, 7))));
  EXPECT_NE(failures(with(error(50, 7))), failures(with(error(50, 8))));
  // Another fault beside it changes nothing.
  BlockFaults both = with(error(50, 7));
  both.set(late(milliseconds(5)), kStart);
  EXPECT_EQ(failures(both), failures(with(error(50, 7))));
}

TEST(BlockFaults, HitTheirShare) {
  for (const unsigned percent : {1U, 10U, 50U, 90U, 100U}) {
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
      const std::vector<bool> fails = failures(with(error(percent, seed)), 100'000);
      const auto count = static_cast<double>(std::count(fails.begin(), fails.end(), true));
      EXPECT_NEAR(count / 1000.0, percent, 0.8) << "seed " << seed;  // 5 standard deviations.
    }
  }
}

TEST(BlockFaults, DelayNothingBeyondTheirTime) {
  DiskFault fault = late(milliseconds(40));
  fault.share.duration = milliseconds(50);
  BlockFaults faults = with(fault);
  const auto delay = [&](int time) {
    return faults.judge(Kind::kRead, 512, kStart + milliseconds(time)).delay;
  };
  EXPECT_EQ(delay(0), milliseconds(40));
  EXPECT_EQ(delay(30), milliseconds(20));
  EXPECT_EQ(delay(50), milliseconds(0));
}

TEST(BlockFaults, EndWhenTheirTimeIsOver) {
  DiskFault fault = error(100);
  fault.share.duration = milliseconds(50);
  BlockFaults faults = with(fault);
  EXPECT_TRUE(faults.judge(Kind::kRead, 512, kStart + milliseconds(49)).fails);
  EXPECT_TRUE(faults.any());
  EXPECT_FALSE(faults.judge(Kind::kRead, 512, kStart + milliseconds(50)).fails);
  EXPECT_FALSE(faults.any());
  faults.set(error(100), kStart);
  EXPECT_TRUE(faults.judge(Kind::kRead, 512, kStart + std::chrono::hours(9999)).fails);
}

TEST(BlockFaults, HitTheirOperations) {
  const auto hits = [](DiskOperations of) {
    DiskFault fault = error(100);
    fault.of = of;
    BlockFaults faults = with(fault);
    std::set<Kind> kinds;
    for (const Kind kind : {Kind::kRead, Kind::kWrite, Kind::kFlush, Kind::kIdentify,
                            Kind::kDiscard, Kind::kWriteZeroes, Kind::kRefused}) {
      if (faults.judge(kind, 512, kStart).fails) kinds.insert(kind);
    }
    return kinds;
  };
  const std::set<Kind> writes{Kind::kWrite, Kind::kDiscard, Kind::kWriteZeroes};
  EXPECT_EQ(hits(DiskOperations::kRead), std::set{Kind::kRead});
  EXPECT_EQ(hits(DiskOperations::kWrite), writes);
  EXPECT_EQ(hits(DiskOperations::kFlush), std::set{Kind::kFlush});
  EXPECT_EQ(hits(DiskOperations::kAll).size(), 5U);
  for (const auto of : {DiskOperations::kAll, DiskOperations::kRead, DiskOperations::kWrite,
                        DiskOperations::kFlush}) {
    EXPECT_EQ(find_operations(name_of(of)), of);
  }
  EXPECT_EQ(find_operations("trim"), std::nullopt);
}

TEST(BlockFaults, TearWritesAtEachSectorButTheFirstAndNowhereElse) {
  constexpr std::uint64_t kSectors = 8;
  BlockFaults faults = with(torn());
  std::set<std::uint64_t> lengths;
  for (int i = 0; i < 1000; ++i) {
    lengths.insert(faults.judge(Kind::kWrite, kSectors * 512, kStart).stored.value());
  }
  EXPECT_EQ(lengths, (std::set<std::uint64_t>{512, 1024, 1536, 2048, 2560, 3072, 3584}));
  EXPECT_FALSE(faults.judge(Kind::kWrite, 512, kStart).stored) << "one sector is stored or not";
  EXPECT_FALSE(faults.judge(Kind::kRead, 4096, kStart).stored);
  EXPECT_FALSE(faults.judge(Kind::kDiscard, 4096, kStart).stored);
}

/// A driver whose disk has faults.
class FaultyDisk : public BlockTest {
 protected:
  static constexpr std::uint64_t kBytes = 8 * 512;

  int write(char value) {
    fill(kData, kBytes, value);
    return request(VIRTIO_BLK_T_OUT, 0, {{kData, 512, false}, {kData + 512, kBytes - 512, false}});
  }
  int read() { return request(VIRTIO_BLK_T_IN, 0, {{kData, kBytes, true}}); }
  std::uint64_t errors(BlockOperation operation) {
    return counters_.operations.at(static_cast<std::size_t>(operation)).errors;
  }
};

TEST_F(FaultyDisk, FailsRequestsAndDoesNothingForThem) {
  ASSERT_EQ(write('a'), VIRTIO_BLK_S_OK);
  DiskFault fault = error(100);
  disk_->set_fault(fault);
  EXPECT_EQ(write('b'), VIRTIO_BLK_S_IOERR);
  EXPECT_EQ(image(0, kBytes), std::string(kBytes, 'a'));
  EXPECT_EQ(read(), VIRTIO_BLK_S_IOERR);
  EXPECT_EQ(length_, 0U);
  EXPECT_EQ(memory(kData, kBytes), std::string(kBytes, 'b'));
  EXPECT_EQ(request(VIRTIO_BLK_T_FLUSH, 0, {}), VIRTIO_BLK_S_IOERR);
  EXPECT_EQ(request(VIRTIO_BLK_T_GET_ID, 0, {{kData, 20, true}}), VIRTIO_BLK_S_OK);
  EXPECT_EQ(errors(BlockOperation::kRead), 1U);
  EXPECT_EQ(errors(BlockOperation::kWrite), 1U);
  fault.share.duration = milliseconds(50);
  disk_->set_fault(fault);
  ASSERT_TRUE(machine_->run_until([this] { return write('c') == VIRTIO_BLK_S_OK; }));
  EXPECT_EQ(read(), VIRTIO_BLK_S_OK);
  EXPECT_EQ(memory(kData, kBytes), std::string(kBytes, 'c'));
  EXPECT_TRUE(machine_->broken.empty());
}

TEST_F(FaultyDisk, StoresAPartOfATornWrite) {
  for (const bool reports_done : {false, true}) {
    std::set<std::size_t> stored;
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
      DiskFault none = torn();
      none.share.duration = milliseconds(0);
      disk_->set_fault(none);
      ASSERT_EQ(write('.'), VIRTIO_BLK_S_OK);
      disk_->set_fault(torn(reports_done, seed));
      EXPECT_EQ(write('x'), reports_done ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR);
      EXPECT_EQ(length_, 1U);
      const std::string bytes = image(0, kBytes);
      const std::size_t length = bytes.find('.');
      ASSERT_LT(length, kBytes);
      EXPECT_EQ(length % 512, 0U);
      EXPECT_EQ(bytes, std::string(length, 'x') + std::string(kBytes - length, '.'));
      stored.insert(length);
    }
    EXPECT_GE(stored.size(), 5U);
    EXPECT_FALSE(stored.contains(0));
  }
}

TEST_F(FaultyDisk, HoldsRequestsBackAndNothingElse) {
  disk_->set_fault(late(milliseconds(2000), DiskOperations::kWrite));
  fill(kData, 512, 'l');
  const auto start = FaultClock::now();
  submit(1, VIRTIO_BLK_T_OUT, 0, {{kData, 512, false}}, true);
  submit(2, VIRTIO_BLK_T_IN, 8, {{kData + 4096, 512, true}}, true);
  driver_->kick(0);
  EXPECT_EQ(wait_used().head, 2U);
  EXPECT_EQ(image(0, 512), std::string(512, '\0'));
  EXPECT_EQ(wait_used().head, 1U);
  EXPECT_GE(FaultClock::now() - start, milliseconds(2000));
  EXPECT_EQ(status(1), VIRTIO_BLK_S_OK);
  EXPECT_EQ(image(0, 512), std::string(512, 'l'));
  EXPECT_EQ(driver_->interrupts(0), 2U);
}

TEST_F(FaultyDisk, HoldsAWholeQueueBack) {
  for (int round = 0; round < 3; ++round) {
    disk_->set_fault(late(milliseconds(50)));
    for (std::uint16_t head = 0; head < 128; ++head) {
      submit(head, VIRTIO_BLK_T_OUT, head, {{kData + head * 512U, 512, false}}, true);
    }
    driver_->kick(0);
    for (int i = 0; i < 128; ++i) ASSERT_LT(wait_used().head, 128U);
    for (std::uint16_t head = 0; head < 128; ++head) ASSERT_EQ(status(head), VIRTIO_BLK_S_OK);
  }
}

TEST_F(FaultyDisk, HoldsReadsBackThatTheHostHasAtOnce) {
  for (int round = 0; round < 20; ++round) {
    disk_->set_fault(late(milliseconds(5)));
    for (std::uint16_t head = 0; head < 128; ++head) {
      submit(head, VIRTIO_BLK_T_IN, head, {{kData + head * 512U, 512, true}}, true);
    }
    driver_->kick(0);
    for (int i = 0; i < 128; ++i) ASSERT_LT(wait_used().head, 128U);
  }
}

TEST_F(FaultyDisk, IsQuietWhileItHoldsRequestsBack) {
  char value = 'q';
  // This process may be kept waiting for so long that the request is not held back any more.
  for (const auto delay : {milliseconds(100), milliseconds(2000), milliseconds(20'000)}) {
    disk_->set_fault(late(delay));
    fill(kData, 512, ++value);
    const std::string before = image(0, 512);
    const auto used = queue_->used_index();
    const auto start = FaultClock::now();
    submit(0, VIRTIO_BLK_T_OUT, 0, {{kData, 512, false}});
    driver_->kick(0);
    machine_->settle();
    bool quiet = false;
    machine_->bridge.quiesce([&] { quiet = true; });
    ASSERT_TRUE(machine_->run_until([&] { return quiet; }));
    const bool is_held = FaultClock::now() < start + delay;
    if (is_held) {
      const auto until = FaultClock::now() + 2 * delay;
      (void)machine_->run_until([&] { return FaultClock::now() > until; });
      EXPECT_EQ(image(0, 512), before);
      EXPECT_EQ(queue_->used_index(), used);
    }
    machine_->bridge.resume();
    EXPECT_EQ(wait_used().head, 0U);
    EXPECT_EQ(image(0, 512), std::string(512, value));
    if (is_held) return;
  }
  FAIL() << "no request was held back";
}

TEST_F(FaultyDisk, ForgetsWhatItHoldsBackWhenItIsReset) {
  disk_->set_fault(late(std::chrono::hours(1)));
  for (int round = 0; round < 5; ++round) {
    for (std::uint16_t head = 0; head < 128; ++head) {
      submit(head, VIRTIO_BLK_T_OUT, head, {{kData, 512, false}}, true);
    }
    driver_->kick(0);
    machine_->settle();
    EXPECT_EQ(queue_->used_index(), 0);
    driver_->reset();
    ASSERT_EQ(driver_->status(), 0);
    ASSERT_TRUE(drive(kAll));
  }
  DiskFault none = late(milliseconds(1));
  none.share.duration = milliseconds(0);
  disk_->set_fault(none);
  EXPECT_EQ(write('f'), VIRTIO_BLK_S_OK);
}

TEST_F(FaultyDisk, EndsWhileItHoldsRequestsBack) {
  disk_->set_fault(late(milliseconds(20)));
  submit(0, VIRTIO_BLK_T_IN, 0, {{kData, 512, true}});
  driver_->kick(0);
  machine_->settle();
  TearDown();
}

}  // namespace
}  // namespace hive::device
