// Properties of the virtqueue over random rings.
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <vector>

#include "tests/unit/device/virtqueue_fixture.h"

namespace hive::device {
namespace {

using namespace test;

class VirtqueuePropertyTest : public VirtqueueTest {};

/// Fills guest memory's rings, tables and descriptors with values that are mostly plausible.
class HostileGuest {
 public:
  HostileGuest(const memory::GuestMemory& ram, std::uint32_t seed) : ram_(ram), random_(seed) {}

  std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(random_()) % limit; }

  void scribble(const GuestQueue& queue) {
    for (std::uint16_t i = 0; i < queue.size(); ++i) descriptor(queue.descriptors() + i * 16U);
    for (unsigned i = 0; i < 32; ++i) descriptor(kTable + i * 16U);
    for (unsigned i = 0; i < queue.size(); ++i) {
      const auto head =
          static_cast<std::uint16_t>(below(queue.size() + (below(20) == 0 ? 2U : 0U)));
      (void)ram_.store({queue.available() + 4 + i * 2U}, head);
    }
  }

 private:
  void descriptor(std::uint64_t place) {
    static constexpr std::array<std::uint64_t, 6> kEdges{
        0, kRamSize - 1, kRamSize, ~0ULL, memory::layout::kHole.start, kTable};
    const bool edge = below(8) == 0;
    std::uint64_t address = edge ? kEdges[below(kEdges.size())] : below(kRamSize);
    std::uint32_t length = below(10) == 0 ? ~0U - below(64) : below(0x3000);
    unsigned flags = below(16) == 0 ? random_() & 0xffff : below(4);
    if (below(4) == 0) {
      address = kTable;
      length = 16 * below(32);
      flags = VRING_DESC_F_INDIRECT;
    }
    const auto next = static_cast<std::uint16_t>(below(16));
    (void)ram_.store({place}, vring_desc{address, length, static_cast<std::uint16_t>(flags), next});
  }

  const memory::GuestMemory& ram_;
  std::mt19937 random_;
};

// Whatever the rings hold: every buffer lies in memory, chains are bounded, and a broken queue is
// quiet until it is enabled again.
TEST_F(VirtqueuePropertyTest, HoldsItsPromisesAgainstRandomRings) {
  const std::byte* const begin = ram_.regions()[0].host;
  const std::byte* const end = begin + kRamSize;
  std::size_t chains = 0;
  std::size_t breaches = 0;
  for (std::uint32_t seed = 0; seed < 20000; ++seed) {
    HostileGuest hostile(ram_, seed);
    guest_ = GuestQueue(ram_, kRing, kSize);
    hostile.scribble(guest_);
    enable({.indirect = seed % 4 != 0, .event_index = seed % 2 == 0});
    guest_.set_available_index(static_cast<std::uint16_t>(hostile.below(kSize + 2)));
    unsigned popped = 0;
    while (queue_.pop(chain_)) {
      ASSERT_LE(++popped, kSize);
      ASSERT_LE(chain_.readable + chain_.writable, kSize);
      std::uint64_t bytes = 0;
      for (const iovec& buffer : chain_.storage.first(chain_.readable + chain_.writable)) {
        const auto* host = static_cast<const std::byte*>(buffer.iov_base);
        ASSERT_TRUE(host >= begin && host < end && buffer.iov_len != 0 &&
                    buffer.iov_len <= static_cast<std::size_t>(end - host));
        bytes += buffer.iov_len;
      }
      ASSERT_EQ(bytes, chain_.readable_bytes + chain_.writable_bytes);
      if (hostile.below(2) == 0) queue_.push(chain_.head, 0);
      (void)queue_.publish();
      ++chains;
    }
    if (queue_.broken()) {
      ++breaches;
      ASSERT_FALSE(queue_.pop(chain_));
      ASSERT_FALSE(queue_.want_kicks());
    }
  }
  // The guest was hostile enough, but not so much that nothing got through.
  EXPECT_GT(chains, 2000U);
  EXPECT_GT(breaches, 2000U);
}

// Whatever well-formed chains a driver makes, the device gets them unchanged.
TEST_F(VirtqueuePropertyTest, GivesRandomWellFormedChainsUnchanged) {
  std::mt19937 random(1);
  const auto below = [&](std::uint32_t limit) {
    return static_cast<std::uint32_t>(random()) % limit;
  };
  enable();
  for (unsigned round = 0; round < 20000; ++round) {
    std::vector<Buffer> buffers(1 + below(kSize));
    const std::size_t readable = below(static_cast<std::uint32_t>(buffers.size()) + 1);
    for (std::size_t i = 0; i < buffers.size(); ++i) {
      const std::uint32_t length = 1 + below(0x4000);
      buffers[i] = {kData + below(kMiB), length, i >= readable};
    }
    if (below(2) == 0) {
      guest_.add(static_cast<std::uint16_t>(below(kSize)), buffers);
    } else {
      guest_.add_indirect(static_cast<std::uint16_t>(below(kSize)), kTable, buffers);
    }
    ASSERT_TRUE(queue_.pop(chain_)) << queue_.fault();
    ASSERT_EQ(chain_.readable, readable);
    ASSERT_EQ(chain_.readable + chain_.writable, buffers.size());
    for (std::size_t i = 0; i < buffers.size(); ++i) {
      ASSERT_EQ(address_of(storage_[i]), buffers[i].address);
      ASSERT_EQ(storage_[i].iov_len, buffers[i].length);
    }
    queue_.push(chain_.head, 0);
    (void)queue_.publish();
    ASSERT_TRUE(guest_.take_used());
  }
}

}  // namespace
}  // namespace hive::device
