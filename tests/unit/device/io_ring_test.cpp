// What an io_uring of a device can be made to do by whoever has got hold of it.
#include "vmm/device/virtio/io_ring.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <functional>

#include "vmm/base/unique_fd.h"

namespace hive::device {
namespace {

class IoRingTest : public ::testing::Test {
 protected:
  /// What became of the operation that PREPARE prepares.
  std::int32_t result_of(const std::function<void(io_uring_sqe&)>& prepare) {
    io_uring_sqe& entry = ring_.prepare();
    prepare(entry);
    ring_.submit();
    for (;;) {
      if (const auto completion = ring_.take()) return completion->result;
      ring_.wait();
    }
  }

  boost::asio::io_context loop_{1};
  IoRing ring_{loop_, 4, [] {}};
  UniqueFd file_{::memfd_create("file", MFD_CLOEXEC)};
  std::array<char, 16> buffer_{};
  iovec vector_{buffer_.data(), buffer_.size()};
};

TEST_F(IoRingTest, DoesWhatDisksNeed) {
  EXPECT_EQ(result_of([&](auto& e) { ::io_uring_prep_write(&e, file_.get(), "abc", 3, 0); }), 3);
  EXPECT_EQ(result_of([&](auto& e) { ::io_uring_prep_writev(&e, file_.get(), &vector_, 1, 0); }),
            16);
  EXPECT_EQ(result_of([&](auto& e) { ::io_uring_prep_readv(&e, file_.get(), &vector_, 1, 0); }),
            16);
  EXPECT_EQ(result_of([&](auto& e) {
              ::io_uring_prep_read(&e, file_.get(), buffer_.data(), 16, 0);
              ::io_uring_sqe_set_flags(&e, IOSQE_ASYNC);
            }),
            16);
  EXPECT_EQ(result_of([&](auto& e) { ::io_uring_prep_fsync(&e, file_.get(), 0); }), 0);
  EXPECT_EQ(result_of([&](auto& e) { ::io_uring_prep_fallocate(&e, file_.get(), 0, 0, 32); }), 0);
}

TEST_F(IoRingTest, DoesNothingElse) {
  EXPECT_EQ(result_of([&](auto& e) { ::io_uring_prep_close(&e, file_.get()); }), -EACCES);
  EXPECT_EQ(result_of([](auto& e) { ::io_uring_prep_openat(&e, AT_FDCWD, "/", O_RDONLY, 0); }),
            -EACCES);
  EXPECT_EQ(result_of([&](auto& e) {
              ::io_uring_prep_madvise(&e, buffer_.data(), buffer_.size(), MADV_REMOVE);
            }),
            -EACCES);
  EXPECT_EQ(result_of([&](auto& e) {
              ::io_uring_prep_write(&e, 0, "abc", 3, 0);
              ::io_uring_sqe_set_flags(&e, IOSQE_FIXED_FILE);
            }),
            -EACCES);
  EXPECT_EQ(result_of([&](auto& e) {
              ::io_uring_prep_read_fixed(&e, file_.get(), buffer_.data(), 16, 0, 0);
            }),
            -EACCES);
  EXPECT_EQ(::write(file_.get(), "x", 1), 1) << "closed";
}

}  // namespace
}  // namespace hive::device
