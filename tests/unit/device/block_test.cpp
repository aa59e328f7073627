// Disks: their images, and what a driver finds.
#include <fcntl.h>
#include <seccomp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <random>

#include "tests/support/fuse_file.h"
#include "tests/support/loop_device.h"
#include "tests/unit/device/block_fixture.h"

namespace hive::device {
namespace {

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

TEST(DiskImage, TellsWhatIsWrongAndWhatToDo) {
  const TempFolder folder;
  const auto open_error = [&](const std::string& path, bool read_only = false) {
    return error_of([&] { DiskImage::open(path, read_only); });
  };
  const std::string missing = folder.file("missing.img");
  EXPECT_NE(open_error(missing).find(missing + ": No such file"), std::string::npos);
  EXPECT_NE(open_error(missing).find("truncate"), std::string::npos);
  EXPECT_NE(open_error(folder.file(".")).find("Is a directory"), std::string::npos);
  EXPECT_NE(open_error("/dev/null").find("neither a file nor a block device"), std::string::npos);
  const std::string fifo = folder.file("fifo");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_NE(open_error(fifo).find("neither a file nor a block device"), std::string::npos);

  const std::string odd = folder.file("odd.img");
  make_image(odd, 1000);
  EXPECT_NE(open_error(odd).find("1000 bytes is not a multiple of 512"), std::string::npos);
  const std::string empty = folder.file("empty.img");
  make_image(empty, 0);
  EXPECT_NE(open_error(empty).find("is empty"), std::string::npos);
}

TEST(DiskImage, IsLocked) {
  const TempFolder folder;
  const std::string path = folder.file("disk.img");
  make_image(path, 4096);
  {
    const DiskImage writer = DiskImage::open(path, false);
    EXPECT_EQ(writer.sectors(), 8U);
    const std::string busy = error_of([&] { DiskImage::open(path, false); });
    EXPECT_NE(busy.find(path + ": busy"), std::string::npos) << busy;
    EXPECT_NE(busy.find("read-only"), std::string::npos);
    EXPECT_NE(error_of([&] { DiskImage::open(path, true); }), "");
  }
  const DiskImage reader = DiskImage::open(path, true);
  EXPECT_EQ(error_of([&] { DiskImage::open(path, true); }), "");
  EXPECT_NE(error_of([&] { DiskImage::open(path, false); }), "");
}

TEST(DiskImage, IsNotABlockDeviceThatSomebodyHolds) {
  const std::string why = hive::test::LoopDevice::unavailable();
  if (!why.empty()) GTEST_SKIP() << why;
  const hive::test::LoopDevice device(1 * kMiB);
  {
    // As a mount holds it.
    const UniqueFd holder(::open(device.path().c_str(), O_RDWR | O_EXCL | O_CLOEXEC));
    ASSERT_TRUE(holder);
    const std::string busy = error_of([&] { DiskImage::open(device.path(), false); });
    EXPECT_NE(busy.find("disk " + device.path() + ": busy: "), std::string::npos) << busy;
    EXPECT_NE(busy.find("unmount it, or make it read-only"), std::string::npos) << busy;
    EXPECT_EQ(error_of([&] { DiskImage::open(device.path(), true); }), "");
  }
  const DiskImage disk = DiskImage::open(device.path(), false);
  EXPECT_EQ(disk.sectors(), kMiB / DiskImage::kSectorSize);
  EXPECT_LT(UniqueFd(::open(device.path().c_str(), O_RDWR | O_EXCL | O_CLOEXEC)).get(), 0)
      << "it can be mounted under a guest";
}

TEST_F(BlockTest, TellsItsGeometry) {
  EXPECT_EQ(driver_->device<std::uint64_t>(0), kDiskSize / 512);
  EXPECT_EQ(driver_->device<std::uint32_t>(12), 126U);
  EXPECT_EQ(driver_->device<std::uint32_t>(20), 512U);
  EXPECT_NE(features_ & 1ULL << VIRTIO_BLK_F_FLUSH, 0U);
  EXPECT_EQ(features_ & 1ULL << VIRTIO_BLK_F_RO, 0U);
}

TEST_F(BlockTest, WritesAndReadsBack) {
  fill(kData, 4096, 'w');
  fill(kData + 4096, 512, 'x');
  EXPECT_EQ(request(VIRTIO_BLK_T_OUT, 3, {{kData, 4096, false}, {kData + 4096, 512, false}}), 0);
  EXPECT_EQ(length_, 1U);
  EXPECT_EQ(image(3 * 512, 4608), std::string(4096, 'w') + std::string(512, 'x'));
  EXPECT_EQ(
      request(VIRTIO_BLK_T_IN, 4, {{kData + 0x4000, 512, true}, {kData + 0x8000, 4096, true}}), 0);
  EXPECT_EQ(length_, 4609U);
  EXPECT_EQ(memory(kData + 0x4000, 512), std::string(512, 'w'));
  EXPECT_EQ(memory(kData + 0x8000, 4096),
            std::string(3072, 'w') + std::string(512, 'x') + std::string(512, '\0'));
  EXPECT_EQ(request(VIRTIO_BLK_T_FLUSH, 0, {}), 0);
  EXPECT_EQ(length_, 1U);
  EXPECT_EQ(driver_->interrupts(0), 3U);
}

TEST_F(BlockTest, CountsRequestsBytesAndErrors) {
  const auto counted = [this](BlockOperation operation) {
    const auto& one = counters_.operations.at(static_cast<std::size_t>(operation));
    return std::array<std::uint64_t, 3>{one.requests, one.bytes, one.errors};
  };
  using Counts = std::array<std::uint64_t, 3>;
  fill(kData, 4096, 'w');
  EXPECT_EQ(request(VIRTIO_BLK_T_OUT, 3, {{kData, 4096, false}, {kData + 4096, 512, false}}), 0);
  EXPECT_EQ(request(VIRTIO_BLK_T_IN, 3, {{kData, 1024, true}}), 0);
  EXPECT_EQ(request(VIRTIO_BLK_T_FLUSH, 0, {}), 0);
  EXPECT_EQ(range(VIRTIO_BLK_T_DISCARD, 8, 8), 0);
  EXPECT_NE(request(VIRTIO_BLK_T_IN, kDiskSize / 512, {{kData, 512, true}}), 0);
  EXPECT_EQ(counted(BlockOperation::kWrite), (Counts{1, 4608, 0}));
  EXPECT_EQ(counted(BlockOperation::kRead), (Counts{1, 1024, 0}));
  EXPECT_EQ(counted(BlockOperation::kFlush), (Counts{1, 0, 0}));
  EXPECT_EQ(counted(BlockOperation::kDiscard), (Counts{1, 4096, 0}));
  EXPECT_EQ(counted(BlockOperation::kOther), (Counts{1, 0, 1}));
}

TEST_F(BlockTest, TakesHeaderAndStatusInAnyLayout) {
  fill(kData, 512, 'y');
  const virtio_blk_outhdr header{VIRTIO_BLK_T_OUT, 0, 1};
  ASSERT_TRUE(machine_->ram.store({kData - 16}, header));  // One buffer for header and data.
  queue_->add(0, {{kData - 16, 7, false}, {kData - 9, 521, false}, {kStatuses, 1, true}});
  driver_->kick(0);
  EXPECT_EQ(wait_used().length, 1U);
  EXPECT_EQ(image(512, 512), std::string(512, 'y'));
  const virtio_blk_outhdr read{VIRTIO_BLK_T_IN, 0, 1};
  ASSERT_TRUE(machine_->ram.store({kHeaders}, read));
  queue_->add(0, {{kHeaders, 16, false}, {kData + 0x1000, 513, true}});
  driver_->kick(0);
  EXPECT_EQ(wait_used().length, 513U);
  EXPECT_EQ(memory(kData + 0x1000, 513), std::string(512, 'y') + '\0');
}

TEST_F(BlockTest, RefusesWhatIsOutOfRangeOrUneven) {
  const auto sectors = kDiskSize / 512;
  EXPECT_EQ(request(VIRTIO_BLK_T_IN, sectors, {{kData, 512, true}}), VIRTIO_BLK_S_IOERR);
  EXPECT_EQ(length_, 0U);  // The data before the status was not written.
  EXPECT_EQ(request(VIRTIO_BLK_T_IN, sectors - 1, {{kData, 1024, true}}), VIRTIO_BLK_S_IOERR);
  EXPECT_EQ(request(VIRTIO_BLK_T_OUT, ~0ULL, {{kData, 512, false}}), VIRTIO_BLK_S_IOERR);
  EXPECT_EQ(request(VIRTIO_BLK_T_OUT, ~0ULL >> 9, {{kData, 512, false}}), VIRTIO_BLK_S_IOERR);
  EXPECT_EQ(request(VIRTIO_BLK_T_IN, 0, {{kData, 511, true}}), VIRTIO_BLK_S_IOERR);
  EXPECT_EQ(request(VIRTIO_BLK_T_OUT, 0, {{kData, 513, false}}), VIRTIO_BLK_S_IOERR);
  EXPECT_EQ(request(77, 0, {{kData, 512, true}}), VIRTIO_BLK_S_UNSUPP);
  EXPECT_EQ(request(VIRTIO_BLK_T_IN, 0, {}), 0);
  EXPECT_TRUE(machine_->broken.empty());
}

TEST_F(BlockTest, TellsItsSerialNumber) {
  fill(kData, 32, 'z');
  EXPECT_EQ(request(VIRTIO_BLK_T_GET_ID, 0, {{kData, 20, true}}), 0);
  EXPECT_EQ(length_, 21U);
  EXPECT_EQ(memory(kData, 21), std::string("serial-42") + std::string(11, '\0') + 'z');
}

TEST_F(BlockTest, DiscardsAndZeroes) {
  fill(kData, 0x1'0000, 'd');
  ASSERT_EQ(request(VIRTIO_BLK_T_OUT, 0, {{kData, 0x1'0000, false}}), 0);
  EXPECT_EQ(range(VIRTIO_BLK_T_WRITE_ZEROES, 8, 8), 0);
  EXPECT_EQ(range(VIRTIO_BLK_T_WRITE_ZEROES, 24, 8, VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP), 0);
  EXPECT_EQ(range(VIRTIO_BLK_T_DISCARD, 40, 8), 0);
  const std::string kept(4096, 'd');
  const std::string zeroed(4096, '\0');
  EXPECT_EQ(image(0, 8 * 4096), kept + zeroed + kept + zeroed + kept + zeroed + kept + kept);
  EXPECT_EQ(std::filesystem::file_size(path_), kDiskSize);
}

TEST_F(BlockTest, RefusesMalformedRanges) {
  const auto sectors = static_cast<std::uint32_t>(kDiskSize / 512);
  EXPECT_EQ(range(VIRTIO_BLK_T_DISCARD, 1, sectors), VIRTIO_BLK_S_IOERR);
  EXPECT_EQ(range(VIRTIO_BLK_T_WRITE_ZEROES, ~0ULL, 1), VIRTIO_BLK_S_IOERR);
  EXPECT_EQ(range(VIRTIO_BLK_T_DISCARD, 0, 8, VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP),
            VIRTIO_BLK_S_UNSUPP);
  EXPECT_EQ(range(VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 2), VIRTIO_BLK_S_UNSUPP);
  EXPECT_EQ(request(VIRTIO_BLK_T_DISCARD, 0, {{kData, 15, false}}), VIRTIO_BLK_S_IOERR);
  EXPECT_EQ(request(VIRTIO_BLK_T_DISCARD, 0, {{kData, 32, false}}), VIRTIO_BLK_S_IOERR);
  EXPECT_EQ(range(VIRTIO_BLK_T_WRITE_ZEROES, 0, 0), 0);
}

TEST_F(BlockTest, BreaksOnRequestsThatCannotBeAnswered) {
  queue_->add(0, {{kHeaders, 16, false}});
  driver_->kick(0);
  ASSERT_TRUE(machine_->run_until([&] { return !machine_->broken.empty(); }));
  EXPECT_EQ(machine_->broken[0], "disk " + path_ + ": queue 0: request without header or status");
  driver_->reset();
  ASSERT_TRUE(driver_->negotiate(kAll));
  queue_.emplace(machine_->ram, kRing, 128);
  driver_->enable(0, *queue_);
  driver_->ready();
  EXPECT_EQ(request(VIRTIO_BLK_T_IN, 0, {{kData, 512, true}}), 0);
}

TEST_F(BlockTest, ReportsAnImageThatShrank) {
  std::filesystem::resize_file(path_, 1024);
  EXPECT_EQ(request(VIRTIO_BLK_T_IN, 0, {{kData, 4096, true}}), VIRTIO_BLK_S_IOERR);
  EXPECT_EQ(length_, 1024U);
}

TEST_F(BlockTest, KeepsRangesAllocatedThatTheGuestWantsZeroedOnly) {
  fill(kData, 0x1'0000, 'd');
  ASSERT_EQ(request(VIRTIO_BLK_T_OUT, 0, {{kData, 0x1'0000, false}}), 0);
  ASSERT_EQ(request(VIRTIO_BLK_T_FLUSH, 0, {}), 0);
  const auto blocks = [&] {
    struct stat status {};
    EXPECT_EQ(::stat(path_.c_str(), &status), 0);
    return status.st_blocks;
  };
  const auto before = blocks();
  EXPECT_EQ(range(VIRTIO_BLK_T_WRITE_ZEROES, 0, 64), 0);
  ASSERT_EQ(request(VIRTIO_BLK_T_FLUSH, 0, {}), 0);
  EXPECT_GE(blocks(), before);
  EXPECT_EQ(range(VIRTIO_BLK_T_WRITE_ZEROES, 0, 64, VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP), 0);
  EXPECT_LT(blocks(), before);
}

TEST_F(BlockTest, ReadsWhatIsNotInThePageCache) {
  fill(kData, 0x1'0000, 'c');
  ASSERT_EQ(request(VIRTIO_BLK_T_OUT, 0, {{kData, 0x1'0000, false}}), 0);
  ASSERT_EQ(request(VIRTIO_BLK_T_FLUSH, 0, {}), 0);
  const int fd = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  for (std::uint64_t sector = 0; sector < 128; sector += 8) {
    ASSERT_EQ(::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    ASSERT_EQ(request(VIRTIO_BLK_T_IN, sector, {{kData + 0x2'0000, 4096, true}}), 0);
    ASSERT_EQ(memory(kData + 0x2'0000, 4096), std::string(4096, 'c'));
  }
  ::close(fd);
}

TEST_F(BlockTest, ServesMoreRequestsThanItHasSlots) {
  std::mt19937 random(7);
  std::vector<std::uint8_t> model(kDiskSize / 512);
  for (int round = 0; round < 30; ++round) {
    std::vector<std::uint64_t> sectors(128);
    for (std::uint16_t head = 0; head < 128; ++head) {
      const std::uint64_t sector = (head * 32U + random() % 32) % model.size();
      const auto value = static_cast<std::uint8_t>(random());
      sectors[head] = sector;
      model[sector] = value;
      fill(kData + head * 512U, 512, static_cast<char>(value));
      submit(head, VIRTIO_BLK_T_OUT, sector, {{kData + head * 512U, 512, false}}, true);
    }
    driver_->kick(0);
    for (int i = 0; i < 128; ++i) ASSERT_LT(wait_used().head, 128U);
    for (std::uint16_t head = 0; head < 128; ++head) ASSERT_EQ(status(head), 0);
  }
  for (std::size_t sector = 0; sector < model.size(); sector += 7) {
    ASSERT_EQ(image(sector * 512, 512), std::string(512, static_cast<char>(model[sector])));
  }
  EXPECT_LT(driver_->interrupts(0), 30U * 128U);  // Some were answered together.
}

TEST_F(BlockTest, WaitsForRequestsInFlightWhenItEnds) {
  for (int round = 0; round < 5; ++round) {
    for (std::uint16_t head = 0; head < 64; ++head) {
      submit(head, VIRTIO_BLK_T_OUT, head * 8U, {{kData + head * 4096U, 4096, false}}, true);
    }
    driver_->kick(0);
    machine_->loop.restart();
    machine_->loop.run_one();
    TearDown();
    start(false, kAll);
  }
}

TEST_F(BlockTest, ResetsWithRequestsInFlight) {
  for (int round = 0; round < 20; ++round) {
    for (std::uint16_t head = 0; head < 64; ++head) {
      submit(head, VIRTIO_BLK_T_OUT, head * 8U, {{kData + head * 4096U, 4096, false}}, true);
    }
    driver_->kick(0);
    machine_->loop.restart();
    machine_->loop.run_one();
    driver_->reset();
    ASSERT_EQ(driver_->status(), 0);
    ASSERT_TRUE(drive(kAll));
  }
  EXPECT_EQ(request(VIRTIO_BLK_T_IN, 0, {{kData, 512, true}}), 0);
}

TEST_F(BlockTest, IsQuietOnlyOnceRequestsAreDone) {
  for (std::uint16_t head = 0; head < 64; ++head) {
    submit(head, VIRTIO_BLK_T_OUT, head * 8U, {{kData + head * 4096U, 4096, false}}, true);
  }
  driver_->kick(0);
  machine_->loop.restart();
  machine_->loop.run_one();
  bool quiet = false;
  machine_->bridge.quiesce([&] { quiet = true; });
  ASSERT_TRUE(machine_->run_until([&] { return quiet; }));
  const auto done = queue_->used_index();
  submit(64, VIRTIO_BLK_T_OUT, 0, {{kData, 512, false}});
  driver_->kick(0);
  machine_->settle();
  EXPECT_EQ(queue_->used_index(), done);
  machine_->bridge.resume();
  EXPECT_TRUE(machine_->run_until([&] { return queue_->used_index() == 65; }));
}

TEST_F(BlockTest, MakesWritesDurableWithoutFlush) {
  TearDown();
  start(false, kAll & ~(1ULL << VIRTIO_BLK_F_FLUSH));
  fill(kData, 512, 's');
  EXPECT_EQ(request(VIRTIO_BLK_T_OUT, 0, {{kData, 512, false}}), 0);
  EXPECT_EQ(image(0, 512), std::string(512, 's'));
}

TEST_F(BlockTest, MakesChangedRangesDurableWithoutFlush) {
  const std::string why = hive::test::FuseFile::unavailable();
  if (!why.empty()) GTEST_SKIP() << why;
  TearDown();
  const hive::test::FuseFile file(kDiskSize);
  path_ = file.path();
  start(false, kAll & ~(1ULL << VIRTIO_BLK_F_FLUSH));
  EXPECT_EQ(range(VIRTIO_BLK_T_DISCARD, 0, 8), 0);
  EXPECT_EQ(range(VIRTIO_BLK_T_WRITE_ZEROES, 8, 8), 0);
  EXPECT_EQ(file.operations(),
            (std::vector<std::uint32_t>{FUSE_FALLOCATE, FUSE_FSYNC, FUSE_FALLOCATE, FUSE_FSYNC}));
  TearDown();
  start(false, kAll);
  EXPECT_EQ(range(VIRTIO_BLK_T_DISCARD, 0, 8), 0);
  EXPECT_EQ(file.operations().size(), 5U) << "made durable although the driver flushes";
  TearDown();
}

/// The calling thread's io_urings take no more operations from now on.
void refuse_submissions() {
  const scmp_filter_ctx filter = ::seccomp_init(SCMP_ACT_ALLOW);
  ASSERT_EQ(::seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAGAIN), SCMP_SYS(io_uring_enter), 1,
                               SCMP_A1(SCMP_CMP_NE, 0)),
            0);
  ASSERT_EQ(::seccomp_load(filter), 0);
}

TEST_F(BlockTest, EndsThoughTheHostNeverTookItsRequests) {
  const auto end_with_requests = [this] {
    ::alarm(60);
    start(false, kAll);
    refuse_submissions();
    fill(kData, 512, 'n');
    submit(0, VIRTIO_BLK_T_OUT, 0, {{kData, 512, false}});
    driver_->kick(0);
    machine_->settle();
    TearDown();
    std::_Exit(0);
  };
  TearDown();
  EXPECT_EXIT(end_with_requests(), testing::ExitedWithCode(0), "");
}

TEST_F(BlockTest, NeverWritesToAReadOnlyDisk) {
  TearDown();
  start(true, kAll);
  EXPECT_NE(features_ & 1ULL << VIRTIO_BLK_F_RO, 0U);
  EXPECT_EQ(features_ & 1ULL << VIRTIO_BLK_F_DISCARD, 0U);
  fill(kData, 512, 'r');
  EXPECT_EQ(request(VIRTIO_BLK_T_OUT, 0, {{kData, 512, false}}), VIRTIO_BLK_S_IOERR);
  EXPECT_EQ(range(VIRTIO_BLK_T_DISCARD, 0, 8), VIRTIO_BLK_S_IOERR);
  EXPECT_EQ(range(VIRTIO_BLK_T_WRITE_ZEROES, 0, 8), VIRTIO_BLK_S_IOERR);
  EXPECT_EQ(request(VIRTIO_BLK_T_FLUSH, 0, {}), 0);
  EXPECT_EQ(request(VIRTIO_BLK_T_IN, 0, {{kData, 512, true}}), 0);
  EXPECT_EQ(memory(kData, 512), std::string(512, '\0'));
}

}  // namespace
}  // namespace hive::device
