#include "vmm/device/virtio/virtqueue.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "tests/unit/device/virtqueue_fixture.h"

namespace hive::device {
namespace {

using namespace test;

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
