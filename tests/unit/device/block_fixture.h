// A guest's driver with a disk.
#pragma once

#include <gtest/gtest.h>
#include <linux/virtio_blk.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/unit/device/guest_driver.h"
#include "vmm/device/virtio/block.h"

namespace hive::device {

inline constexpr std::uint64_t kRing = 0x1'0000;
inline constexpr std::uint64_t kTable = 0x2'0000;
inline constexpr std::uint64_t kHeaders = 0x3'0000;
inline constexpr std::uint64_t kStatuses = 0x4'0000;
inline constexpr std::uint64_t kData = 0x10'0000;
inline constexpr std::uint64_t kDiskSize = 2 * kMiB;
inline constexpr std::uint64_t kAll =
    1ULL << VIRTIO_RING_F_EVENT_IDX | 1ULL << VIRTIO_RING_F_INDIRECT_DESC |
    1ULL << VIRTIO_BLK_F_FLUSH | 1ULL << VIRTIO_BLK_F_DISCARD | 1ULL << VIRTIO_BLK_F_WRITE_ZEROES;

class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "hive-disk-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::string file(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

inline void make_image(const std::string& path, std::uint64_t size) {
  std::ofstream(path).close();
  std::filesystem::resize_file(path, size);
}

class BlockTest : public testing::Test {
 protected:
  void SetUp() override {
    make_image(path_, kDiskSize);
    start(false, kAll);
  }
  void start(bool read_only, std::uint64_t features) {
    machine_ = std::make_unique<test::TestMachine>();
    auto disk =
        std::make_unique<VirtioBlock>(DiskImage::open(path_, read_only), "serial-42", &counters_);
    disk_ = disk.get();
    driver_.emplace(*machine_, machine_->attach(std::move(disk)));
    features_ = driver_->offered();
    ASSERT_TRUE(drive(features & features_));
  }
  /// Has the driver, whose device has been reset, take FEATURES and go on with an empty queue.
  [[nodiscard]] bool drive(std::uint64_t features) {
    if (!driver_->negotiate(features)) return false;
    queue_.emplace(machine_->ram, kRing, 128);
    driver_->enable(0, *queue_);
    driver_->ready();
    return true;
  }
  void TearDown() override {
    driver_.reset();
    machine_.reset();
  }

  /// Makes a request of type TYPE available, with DATA after its header.
  void submit(std::uint16_t head, std::uint32_t type, std::uint64_t sector,
              std::vector<test::Buffer> data, bool indirect = false) {
    const virtio_blk_outhdr header{type, 0, sector};
    ASSERT_TRUE(machine_->ram.store({kHeaders + head * 16U}, header));
    ASSERT_TRUE(machine_->ram.store({kStatuses + head}, std::uint8_t{0xee}));
    data.insert(data.begin(), {kHeaders + head * 16U, 16, false});
    data.push_back({kStatuses + head, 1, true});
    if (indirect) {
      queue_->add_indirect(head, kTable + head * 256U, data);
    } else {
      queue_->add(head, data);
    }
  }
  test::GuestQueue::Used wait_used() {
    std::optional<test::GuestQueue::Used> used;
    EXPECT_TRUE(machine_->run_until([&] { return (used = queue_->take_used()).has_value(); }));
    return used.value_or(test::GuestQueue::Used{~0U, ~0U});
  }
  std::uint8_t status(std::uint16_t head) {
    return *machine_->ram.load<std::uint8_t>({kStatuses + head});
  }
  /// Does one request. Returns its status; `length_` is the used length.
  int request(std::uint32_t type, std::uint64_t sector, std::vector<test::Buffer> data) {
    submit(0, type, sector, std::move(data));
    driver_->kick(0);
    length_ = wait_used().length;
    return status(0);
  }
  int range(std::uint32_t type, std::uint64_t sector, std::uint32_t sectors,
            std::uint32_t flags = 0) {
    const virtio_blk_discard_write_zeroes segment{sector, sectors, flags};
    EXPECT_TRUE(machine_->ram.store({kData}, segment));
    return request(type, 0, {{kData, 16, false}});
  }
  void fill(std::uint64_t address, std::size_t size, char value) {
    const std::string bytes(size, value);
    ASSERT_TRUE(machine_->ram.write({address}, std::as_bytes(std::span(bytes))));
  }
  std::string memory(std::uint64_t address, std::size_t size) {
    std::string bytes(size, '\0');
    EXPECT_TRUE(machine_->ram.read({address}, std::as_writable_bytes(std::span(bytes))));
    return bytes;
  }
  std::string image(std::uint64_t offset, std::size_t size) {
    std::string bytes(size, '\0');
    std::ifstream file(path_, std::ios::binary);
    file.seekg(static_cast<std::streamoff>(offset));
    file.read(bytes.data(), static_cast<std::streamsize>(size));
    return bytes;
  }

  TempFolder folder_;
  std::string path_ = folder_.file("disk.img");
  BlockCounters counters_{};
  std::unique_ptr<test::TestMachine> machine_;
  VirtioBlock* disk_ = nullptr;
  std::optional<test::GuestDriver> driver_;
  std::optional<test::GuestQueue> queue_;
  std::uint64_t features_ = 0;
  std::uint32_t length_ = 0;
};

}  // namespace hive::device
