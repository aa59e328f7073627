#include "vmm/device/virtio/virtqueue.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>

#include "tests/unit/device/guest_driver.h"

namespace hive::device {
namespace {

using test::Buffer;
using test::GuestQueue;

constexpr std::uint64_t kRing = 0x1'0000;
constexpr std::uint64_t kTable = 0x2'0000;
constexpr std::uint64_t kData = 0x10'0000;
constexpr std::uint64_t kRamSize = 4 * kMiB;
constexpr std::uint16_t kSize = 8;

class VirtqueueTest : public testing::Test {
 protected:
  void enable(Virtqueue::Rules rules = {.indirect = true, .event_index = true}) {
    ASSERT_TRUE(queue_.enable(setup(), rules));
  }
  [[nodiscard]] VirtqueueSetup setup() const {
    return {guest_.size(), guest_.descriptors(), guest_.available(), guest_.used()};
  }
  [[nodiscard]] std::uint64_t address_of(const iovec& buffer) const {
    return static_cast<std::uint64_t>(static_cast<std::byte*>(buffer.iov_base) -
                                      ram_.regions()[0].host);
  }
  void expect_broken(const std::string& fault) {
    EXPECT_FALSE(queue_.pop(chain_));
    EXPECT_EQ(queue_.fault(), fault);
    // It stays quiet, whatever comes.
    guest_.add(0, {{kData, 16, false}});
    EXPECT_FALSE(queue_.pop(chain_));
    queue_.push(0, 0);
    EXPECT_FALSE(queue_.publish());
    EXPECT_FALSE(queue_.want_kicks());
    EXPECT_EQ(guest_.used_index(), 0);
  }

  memory::GuestMemory ram_{kRamSize, memory::layout::kHole, memory::Backing::kSmallPages};
  GuestQueue guest_{ram_, kRing, kSize};
  Virtqueue queue_{ram_, 16};
  std::array<iovec, 16> storage_{};
  Chain chain_{.storage = storage_};
};

TEST_F(VirtqueueTest, GivesChainsInOrder) {
  enable();
  guest_.add(0, {{kData, 16, false}, {kData + 0x1000, 512, true}, {kData + 0x2000, 1, true}});
  guest_.add(5, {{kData + 0x3000, 7, true}});
  ASSERT_TRUE(queue_.pop(chain_));
  EXPECT_EQ(chain_.head, 0);
  ASSERT_EQ(chain_.to_read().size(), 1U);
  ASSERT_EQ(chain_.to_write().size(), 2U);
  EXPECT_EQ(address_of(chain_.to_read()[0]), kData);
  EXPECT_EQ(address_of(chain_.to_write()[1]), kData + 0x2000);
  EXPECT_EQ(chain_.readable_bytes, 16U);
  EXPECT_EQ(chain_.writable_bytes, 513U);
  ASSERT_TRUE(queue_.pop(chain_));
  EXPECT_EQ(chain_.head, 5);
  EXPECT_FALSE(queue_.pop(chain_));
  EXPECT_FALSE(queue_.broken());
}

TEST_F(VirtqueueTest, ReturnsChainsWhenPublished) {
  enable();
  guest_.add(3, {{kData, 16, true}});
  ASSERT_TRUE(queue_.pop(chain_));
  queue_.push(3, 12);
  EXPECT_EQ(guest_.used_index(), 0);
  EXPECT_TRUE(queue_.publish());
  const auto used = guest_.take_used();
  ASSERT_TRUE(used);
  EXPECT_EQ(used->head, 3U);
  EXPECT_EQ(used->length, 12U);
  EXPECT_FALSE(queue_.publish());
}

TEST_F(VirtqueueTest, FollowsIndirectTables) {
  enable();
  guest_.add_indirect(2, kTable, {{kData, 1, false}, {kData + 8, 2, false}, {kData + 16, 3, true}});
  ASSERT_TRUE(queue_.pop(chain_));
  EXPECT_EQ(chain_.head, 2);
  EXPECT_EQ(chain_.readable, 2);
  EXPECT_EQ(chain_.writable, 1);
  EXPECT_EQ(chain_.writable_bytes, 3U);
}

// Virtio 1.2, 2.7.5.3.2: a table may follow ordinary descriptors, and its write flag means nothing.
TEST_F(VirtqueueTest, FollowsAnIndirectTableAtTheEndOfAChain) {
  enable();
  const vring_desc entry{kData + 0x100, 5, VRING_DESC_F_WRITE, 0};
  ASSERT_TRUE(ram_.store({kTable}, entry));
  guest_.set_descriptor(0, kData, 4, VRING_DESC_F_NEXT, 1);
  guest_.set_descriptor(1, kTable, 16, VRING_DESC_F_INDIRECT | VRING_DESC_F_WRITE, 0);
  guest_.make_available(0);
  ASSERT_TRUE(queue_.pop(chain_));
  EXPECT_EQ(chain_.readable_bytes, 4U);
  EXPECT_EQ(chain_.writable_bytes, 5U);
}

TEST_F(VirtqueueTest, ToleratesEmptyBuffers) {
  enable();
  guest_.add(0, {{~0ULL, 0, false}, {kData, 4, false}, {0, 0, true}, {kData, 4, true}});
  ASSERT_TRUE(queue_.pop(chain_));
  EXPECT_EQ(chain_.readable, 1);
  EXPECT_EQ(chain_.writable, 1);
}

TEST_F(VirtqueueTest, ReadsDescriptorsOnce) {
  enable();
  guest_.add(0, {{kData, 16, true}});
  ASSERT_TRUE(queue_.pop(chain_));
  guest_.set_descriptor(0, ~0ULL, ~0U, VRING_DESC_F_INDIRECT, 0xffff);
  EXPECT_EQ(address_of(chain_.to_write()[0]), kData);
  EXPECT_EQ(chain_.to_write()[0].iov_len, 16U);
}

TEST_F(VirtqueueTest, RunsAroundTheRingAndTheIndex) {
  enable();
  for (unsigned i = 0; i < 70000; ++i) {
    const auto head = static_cast<std::uint16_t>(i % kSize);
    guest_.add(head, {{kData, 16, true}});
    ASSERT_TRUE(queue_.pop(chain_)) << i << ": " << queue_.fault();
    queue_.push(chain_.head, i);
    (void)queue_.publish();
    const auto used = guest_.take_used();
    ASSERT_TRUE(used);
    EXPECT_EQ(used->head, head);
    EXPECT_EQ(used->length, i);
  }
}

TEST_F(VirtqueueTest, RefusesMalformedSetups) {
  const auto refused = [&](VirtqueueSetup bad) {
    return !queue_.enable(bad, {}) && queue_.broken();
  };
  VirtqueueSetup bad = setup();
  for (const unsigned size : {0U, 3U, 32U, 0xffffU}) {
    bad.size = static_cast<std::uint16_t>(size);
    EXPECT_TRUE(refused(bad)) << size;
  }
  for (const std::uint64_t address : {kRing + 8, kRamSize - 16, kRamSize, ~0UL - 15}) {
    bad = setup();
    bad.descriptors = address;
    EXPECT_TRUE(refused(bad)) << address;
  }
  for (const std::uint64_t address : {kRing + 1, kRamSize - 20, ~0UL - 1}) {
    bad = setup();
    bad.available = address;
    EXPECT_TRUE(refused(bad)) << address;
  }
  for (const std::uint64_t address : {kRing + 2, kRamSize - 68, ~0UL - 3}) {
    bad = setup();
    bad.used = address;
    EXPECT_TRUE(refused(bad)) << address;
  }
  EXPECT_FALSE(queue_.pop(chain_));
  EXPECT_TRUE(queue_.enable(setup(), {}));
  EXPECT_FALSE(queue_.broken());
}

TEST_F(VirtqueueTest, BreaksWhenTheIndexRunsAhead) {
  enable();
  guest_.set_available_index(kSize + 1);
  expect_broken("available index runs ahead of the ring");
}

TEST_F(VirtqueueTest, BreaksWhenTheIndexRunsBack) {
  enable();
  guest_.set_available_index(0xffff);
  expect_broken("available index runs ahead of the ring");
}

TEST_F(VirtqueueTest, BreaksOnMoreChainsThanDescriptors) {
  enable();
  for (unsigned i = 0; i < kSize; ++i) guest_.add(0, {{kData, 16, true}});
  for (unsigned i = 0; i < kSize; ++i) ASSERT_TRUE(queue_.pop(chain_));
  guest_.add(0, {{kData, 16, true}});
  expect_broken("more chains than descriptors");
}

TEST_F(VirtqueueTest, BreaksOnAHeadOutOfRange) {
  enable();
  guest_.make_available(kSize);
  expect_broken("available ring names a descriptor out of range");
}

TEST_F(VirtqueueTest, BreaksOnANextOutOfRange) {
  enable();
  guest_.set_descriptor(0, kData, 1, VRING_DESC_F_NEXT, kSize);
  guest_.make_available(0);
  expect_broken("descriptor index out of range");
}

TEST_F(VirtqueueTest, BreaksOnALoop) {
  enable();
  guest_.set_descriptor(0, kData, 1, VRING_DESC_F_NEXT, 1);
  guest_.set_descriptor(1, kData, 1, VRING_DESC_F_NEXT, 0);
  guest_.make_available(0);
  expect_broken("descriptor chain is longer than the queue");
}

TEST_F(VirtqueueTest, BreaksOnALoopOfEmptyBuffersInATable) {
  enable();
  const vring_desc entry{0, 0, VRING_DESC_F_NEXT, 0};
  ASSERT_TRUE(ram_.store({kTable}, entry));
  guest_.set_descriptor(0, kTable, 16, VRING_DESC_F_INDIRECT, 0);
  guest_.make_available(0);
  expect_broken("descriptor chain is longer than the queue");
}

TEST_F(VirtqueueTest, BreaksOnBuffersOutsideMemory) {
  for (const Buffer& bad : {Buffer{kRamSize, 1, true}, Buffer{kRamSize - 1, 2, true},
                            Buffer{~0ULL, 1, true}, Buffer{~0ULL - 4, 8, false}}) {
    enable();
    guest_ = GuestQueue(ram_, kRing, kSize);
    guest_.add(0, {bad});
    expect_broken("buffer is not in memory");
    queue_.disable();
  }
}

TEST_F(VirtqueueTest, BreaksOnAReadableBufferAfterAWritableOne) {
  enable();
  guest_.add(0, {{kData, 1, true}, {kData, 1, false}});
  expect_broken("readable buffer after a writable one");
}

TEST_F(VirtqueueTest, BreaksOnIndirectWithoutTheFeature) {
  enable({.indirect = false, .event_index = true});
  guest_.add_indirect(0, kTable, {{kData, 1, false}});
  expect_broken("indirect descriptor without the feature");
}

TEST_F(VirtqueueTest, BreaksOnNestedTables) {
  enable();
  const vring_desc entry{kTable + 0x100, 16, VRING_DESC_F_INDIRECT, 0};
  ASSERT_TRUE(ram_.store({kTable}, entry));
  guest_.set_descriptor(0, kTable, 16, VRING_DESC_F_INDIRECT, 0);
  guest_.make_available(0);
  expect_broken("indirect descriptor within an indirect table");
}

TEST_F(VirtqueueTest, BreaksOnMalformedTables) {
  struct Case {
    std::uint64_t address;
    std::uint32_t length;
    std::uint16_t flags;
    const char* fault;
  };
  for (const Case& bad :
       {Case{kTable, 0, VRING_DESC_F_INDIRECT,
             "indirect table is not a whole number of descriptors"},
        Case{kTable, 24, VRING_DESC_F_INDIRECT,
             "indirect table is not a whole number of descriptors"},
        Case{kRamSize - 16, 32, VRING_DESC_F_INDIRECT, "indirect table is not in memory"},
        Case{kTable, 0xffff'fff0, VRING_DESC_F_INDIRECT, "indirect table is not in memory"},
        Case{kTable, 16, VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT,
             "indirect descriptor with a next"}}) {
    enable();
    guest_ = GuestQueue(ram_, kRing, kSize);
    guest_.set_descriptor(0, bad.address, bad.length, bad.flags, 1);
    guest_.make_available(0);
    expect_broken(bad.fault);
    queue_.disable();
  }
}

TEST_F(VirtqueueTest, AsksForKicksByEventIndex) {
  enable();
  queue_.suppress_kicks();
  EXPECT_EQ(guest_.used_flags(), 0);
  guest_.add(0, {{kData, 16, true}});
  EXPECT_TRUE(queue_.want_kicks());  // One has come meanwhile.
  ASSERT_TRUE(queue_.pop(chain_));
  EXPECT_FALSE(queue_.want_kicks());
  EXPECT_EQ(guest_.available_event(), 1);
}

TEST_F(VirtqueueTest, AsksForKicksByFlag) {
  enable({});
  queue_.suppress_kicks();
  EXPECT_EQ(guest_.used_flags(), VRING_USED_F_NO_NOTIFY);
  EXPECT_FALSE(queue_.want_kicks());
  EXPECT_EQ(guest_.used_flags(), 0);
}

TEST_F(VirtqueueTest, InterruptsByEventIndex) {
  enable();
  for (unsigned i = 0; i < 4; ++i) {
    guest_.add(static_cast<std::uint16_t>(i), {{kData, 16, true}});
    ASSERT_TRUE(queue_.pop(chain_));
  }
  guest_.set_used_event(2);  // When the third is used.
  queue_.push(0, 0);
  EXPECT_FALSE(queue_.publish());
  queue_.push(1, 0);
  queue_.push(2, 0);
  EXPECT_TRUE(queue_.publish());
  queue_.push(3, 0);
  EXPECT_FALSE(queue_.publish());
}

TEST_F(VirtqueueTest, InterruptsByFlag) {
  enable({});
  guest_.add(0, {{kData, 16, true}});
  guest_.add(1, {{kData, 16, true}});
  ASSERT_TRUE(queue_.pop(chain_));
  ASSERT_TRUE(queue_.pop(chain_));
  guest_.set_available_flags(VRING_AVAIL_F_NO_INTERRUPT);
  queue_.push(0, 0);
  EXPECT_FALSE(queue_.publish());
  guest_.set_available_flags(0);
  queue_.push(1, 0);
  EXPECT_TRUE(queue_.publish());
}

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
TEST_F(VirtqueueTest, HoldsItsPromisesAgainstRandomRings) {
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
TEST_F(VirtqueueTest, GivesRandomWellFormedChainsUnchanged) {
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

TEST(Chain, CopiesAndDropsAcrossBuffers) {
  std::array<char, 10> bytes{'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'};
  std::array<iovec, 3> buffers{iovec{&bytes[0], 3}, iovec{&bytes[3], 4}, iovec{&bytes[7], 3}};
  std::array<char, 5> out{};
  EXPECT_EQ(copy_from(buffers, 2, std::as_writable_bytes(std::span(out))), 5U);
  EXPECT_EQ(std::string(out.data(), 5), "cdefg");
  EXPECT_EQ(copy_from(buffers, 8, std::as_writable_bytes(std::span(out))), 2U);
  EXPECT_EQ(copy_to(buffers, 9, std::as_bytes(std::span(out))), 1U);
  EXPECT_EQ(copy_to(buffers, 99, std::as_bytes(std::span(out))), 0U);
  auto rest = drop_front(buffers, 4);
  ASSERT_EQ(rest.size(), 2U);
  EXPECT_EQ(rest[0].iov_base, &bytes[4]);
  EXPECT_EQ(rest[0].iov_len, 3U);
  rest = drop_back(rest, 3);
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(rest[0].iov_len, 3U);
  EXPECT_TRUE(drop_front(rest, 99).empty());
}

}  // namespace
}  // namespace hive::device
