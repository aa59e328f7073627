#include <gtest/gtest.h>
#include <sys/mman.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <cstring>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/device/vsock_machine.h"
#include "vmm/device/virtio/chain.h"
#include "vmm/device/vsock/outgoing.h"
#include "vmm/device/vsock/ring.h"
#include "vmm/memory/ring_file.h"

namespace hive::device::vsock {
namespace {

constexpr std::uint64_t kCapacity = memory::kRingDataBytes;
using State = RingConsumer::State;

/// Memory as a ring file has it.
struct Memory {
  alignas(4096) std::array<std::byte, memory::kRingFileBytes> bytes{};
  std::byte* base() { return bytes.data(); }
  ProducerPage& producer() { return *reinterpret_cast<ProducerPage*>(base()); }
  ConsumerPage& consumer() {
    return *reinterpret_cast<ConsumerPage*>(base() + memory::kRingPageBytes);
  }
};

std::vector<std::byte> pattern(std::uint32_t seed, std::uint32_t length) {
  std::vector<std::byte> bytes(length);
  for (std::uint32_t i = 0; i < length; ++i) bytes[i] = static_cast<std::byte>(seed * 31 + i * 7);
  return bytes;
}

bool put(RingProducer& ring, std::uint32_t number, std::uint32_t length) {
  RecordHead head;
  head.length = length;
  head.from = 1;
  head.to = 2;
  head.header.source_port = number;
  auto bytes = pattern(number, length);
  const std::array payload{iovec{bytes.data(), bytes.size()}};
  return ring.put(head, payload, 0);
}

std::vector<std::byte> payload_of(const RingConsumer& ring, std::uint32_t length) {
  std::vector<std::byte> bytes(length);
  EXPECT_EQ(copy_from(ring.payload(), 0, bytes), length);
  return bytes;
}

/// Takes a record and checks that it is NUMBER.
void expect_record(RingConsumer& ring, std::uint32_t number, std::uint32_t length) {
  RecordHead head;
  ASSERT_EQ(ring.peek(head), State::kRecord);
  EXPECT_EQ(head.header.source_port, number);
  ASSERT_EQ(head.length, length);
  EXPECT_EQ(payload_of(ring, length), pattern(number, length));
  (void)ring.pop();
}

class VsockRing : public testing::Test {
 protected:
  std::unique_ptr<Memory> memory = std::make_unique<Memory>();
  RecordHead head;
};

TEST_F(VsockRing, CarriesRecordsInOrderAndAcrossItsEnd) {
  RingProducer producer(memory->base(), 1);
  RingConsumer consumer(memory->base());
  std::uint32_t length = 0;
  for (std::uint32_t number = 0; number < 200; ++number) {
    length = (length * 5 + 977) % (kMaxPayload + 1);
    ASSERT_TRUE(put(producer, number, length));
    ASSERT_EQ(consumer.peek(head), State::kEmpty);
    (void)producer.publish();
    expect_record(consumer, number, length);
  }
}

TEST_F(VsockRing, RefusesWhatHasNoRoomUntilThereIsSome) {
  RingProducer producer(memory->base(), 1);
  RingConsumer consumer(memory->base());
  std::uint32_t count = 0;
  while (put(producer, count, 60'000)) ++count;
  EXPECT_EQ(count, kCapacity / record_size(60'000));
  (void)producer.publish();
  EXPECT_FALSE(producer.await_space(60'000));
  expect_record(consumer, 0, 60'000);
  EXPECT_TRUE(put(producer, count, 60'000));
}

TEST_F(VsockRing, SignalsAConsumerOnlyWhileItSleeps) {
  RingProducer producer(memory->base(), 1);
  RingConsumer consumer(memory->base());
  ASSERT_FALSE(consumer.sleep());
  ASSERT_TRUE(put(producer, 0, 10));
  EXPECT_TRUE(producer.publish());
  EXPECT_FALSE(producer.publish());
  ASSERT_TRUE(put(producer, 1, 10));
  EXPECT_FALSE(producer.publish());
  EXPECT_TRUE(consumer.sleep());  // There is something: it must not.
  expect_record(consumer, 0, 10);
  expect_record(consumer, 1, 10);
  EXPECT_FALSE(consumer.sleep());
  ASSERT_TRUE(put(producer, 2, 10));
  EXPECT_TRUE(producer.publish());
}

TEST_F(VsockRing, SignalsAProducerOnceHalfOfItIsFree) {
  RingProducer producer(memory->base(), 1);
  RingConsumer consumer(memory->base());
  std::uint32_t count = 0;
  while (put(producer, count, 1000)) ++count;
  (void)producer.publish();
  ASSERT_FALSE(producer.await_space(1000));
  std::uint32_t signals = 0;
  for (std::uint32_t number = 0; number < count; ++number) {
    RecordHead next;
    ASSERT_EQ(consumer.peek(next), State::kRecord);
    if (!consumer.pop()) continue;
    ++signals;
    EXPECT_GE((number + 1) * record_size(1000), kCapacity / 2 - record_size(1000));
  }
  EXPECT_EQ(signals, 1U);
}

TEST_F(VsockRing, AConsumerThatStartsPassesOverWhatIsThere) {
  RingProducer producer(memory->base(), 1);
  ASSERT_TRUE(put(producer, 0, 100));
  (void)producer.publish();
  RingConsumer consumer(memory->base());
  EXPECT_EQ(consumer.peek(head), State::kEmpty);
  ASSERT_TRUE(put(producer, 1, 100));
  (void)producer.publish();
  expect_record(consumer, 1, 100);
}

TEST_F(VsockRing, AProducerThatStartsGoesOnWhereTheLastOneEnded) {
  RingConsumer consumer(memory->base());
  {
    RingProducer first(memory->base(), 1);
    ASSERT_TRUE(put(first, 0, 100));
    (void)first.publish();
    ASSERT_TRUE(put(first, 1, 100));  // Never shown.
  }
  RingProducer second(memory->base(), 2);
  ASSERT_TRUE(put(second, 2, 100));
  (void)second.publish();
  expect_record(consumer, 0, 100);
  expect_record(consumer, 2, 100);
}

TEST_F(VsockRing, AProducerThatStartsAfterNonsenseGoesOnFromTheConsumer) {
  RingConsumer consumer(memory->base());
  memory->producer().produced = 0x1234'5678'9abc'def0;
  RingProducer producer(memory->base(), 2);
  ASSERT_TRUE(put(producer, 2, 100));
  (void)producer.publish();
  expect_record(consumer, 2, 100);
}

TEST_F(VsockRing, IsBrokenByNonsenseUntilANewIncarnationHasBegun) {
  RingConsumer consumer(memory->base());
  {
    RingProducer first(memory->base(), 1);
    ASSERT_TRUE(put(first, 0, 100));
    (void)first.publish();
  }
  reinterpret_cast<RecordHead*>(memory->base() + 2 * memory::kRingPageBytes)->length = ~0U;
  EXPECT_EQ(consumer.peek(head), State::kBroken);
  EXPECT_TRUE(consumer.mend(1));
  EXPECT_EQ(consumer.peek(head), State::kBroken);
  EXPECT_FALSE(consumer.mend(2));  // It is there, but has not opened its ring yet.
  EXPECT_EQ(consumer.peek(head), State::kBroken);
  RingProducer second(memory->base(), 2);
  ASSERT_TRUE(put(second, 7, 100));
  (void)second.publish();
  EXPECT_TRUE(consumer.mend(2));
  EXPECT_FALSE(consumer.mend(2));
  expect_record(consumer, 7, 100);
}

TEST_F(VsockRing, BelievesNoPositionOfTheProducerThatCannotBe) {
  for (const std::uint64_t produced :
       {kCapacity + kRecordUnit, std::uint64_t{1}, ~std::uint64_t{0}, kRecordUnit - 1}) {
    RingConsumer consumer(memory->base());
    memory->producer().produced += produced;
    EXPECT_EQ(consumer.peek(head), State::kBroken) << produced;
    memory->producer().produced = 0;
  }
}

TEST_F(VsockRing, AProducerWritesNowhereElseWhateverTheConsumerSays) {
  RingProducer producer(memory->base(), 1);
  std::mt19937_64 random(7);
  for (int round = 0; round < 2000; ++round) {
    memory->consumer().consumed = random() >> (random() % 64);
    memory->consumer().wake_at = random() >> (random() % 64);
    (void)put(producer, 1, static_cast<std::uint32_t>(random() % (kMaxPayload + 1)));
    (void)producer.publish();
    (void)producer.await_space(1);
  }
}

/// What a hostile producer leaves is either a record within the ring or nothing.
TEST_F(VsockRing, AConsumerSurvivesWhateverTheProducerWrites) {
  std::mt19937_64 random(11);
  std::unique_ptr<RingConsumer> consumer;
  unsigned records = 0;
  for (int round = 0; round < 4000; ++round) {
    if (consumer == nullptr || consumer->broken()) {
      consumer = std::make_unique<RingConsumer>(memory->base());
    }
    for (int word = 0; word < 20; ++word) {
      const std::uint64_t value = random() >> (random() % 64);
      std::memcpy(memory->base() + 2 * memory::kRingPageBytes + random() % (kCapacity / 8) * 8,
                  &value, 8);
    }
    memory->producer().produced += (random() % (kCapacity / 64 + 8)) * 64;
    memory->producer().space_at = random() >> (random() % 64);
    while (consumer->peek(head) == State::kRecord) {
      ++records;
      ASSERT_LE(head.length, kMaxPayload);
      const auto pieces = consumer->payload();
      std::uint64_t total = 0;
      for (const iovec& piece : pieces) {
        const auto* start = static_cast<const std::byte*>(piece.iov_base);
        ASSERT_GE(start, memory->base() + 2 * memory::kRingPageBytes);
        ASSERT_LE(start + piece.iov_len, memory->base() + memory::kRingFileBytes);
        total += piece.iov_len;
      }
      ASSERT_EQ(total, head.length);
      (void)consumer->pop();
    }
  }
  EXPECT_GT(records, 300U);
}

/// Where the ring file of an Outgoing is mapped: the only one there is.
std::byte* mapped_ring() {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find("memfd:ring") == std::string::npos) continue;
    return reinterpret_cast<std::byte*>(std::stoull(line, nullptr, 16));
  }
  return nullptr;
}

/// A consumer that takes a whole ring between any two looks at it, since `consumed` is the very
/// memory of `produced`, and that never signals: the backlog waits for its turn, not for an event.
TEST(VsockOutgoing, GoesOnAfterItsTurn) {
  const test::SharedRing shared;
  boost::asio::io_context loop;
  unsigned turns = 0;
  std::unique_ptr<Outgoing> out;
  out = std::make_unique<Outgoing>(loop, shared.copy(), 1, "ring", [&] {
    ++turns;
    out->flush();
  });
  std::vector<std::byte> bytes(60'000);
  const std::array payload{iovec{bytes.data(), bytes.size()}};
  Header header;
  header.op = Op::kPayload;
  header.length = 60'000;
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(out->send(1, header, payload));
  loop.poll();
  ASSERT_EQ(turns, 0U);
  std::byte* base = mapped_ring();
  ASSERT_NE(base, nullptr);
  ASSERT_NE(::mmap(base + memory::kRingPageBytes, memory::kRingPageBytes, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_FIXED, shared.file.get(), 0),
            MAP_FAILED);
  out->flush();
  EXPECT_FALSE(out->backlog().empty());
  for (int i = 0; i < 10; ++i) {
    loop.restart();
    loop.poll();
  }
  EXPECT_TRUE(out->backlog().empty());
  EXPECT_EQ(turns, 2U);
}

/// Two ends that sleep and wake by signals alone, as fast as they can: nothing is lost, nothing
/// hangs.
TEST_F(VsockRing, MovesEverythingBetweenThreadsThatSleep) {
  constexpr std::uint32_t kRecords = 4000;
  std::atomic<std::uint32_t> data = 0;
  std::atomic<std::uint32_t> space = 0;
  const auto wait = [](std::atomic<std::uint32_t>& event) {
    while (event.exchange(0) == 0) event.wait(0);
  };
  const auto signal = [](std::atomic<std::uint32_t>& event) {
    event.store(1);
    event.notify_one();
  };
  const auto length_of = [](std::uint32_t number) { return number * 7919 % 3000; };
  RingConsumer consumer(memory->base());
  RingProducer producer(memory->base(), 1);
  std::thread writer([&] {
    for (std::uint32_t number = 0; number < kRecords; ++number) {
      while (!put(producer, number, length_of(number))) {
        if (producer.publish()) signal(data);
        if (!producer.await_space(length_of(number))) wait(space);
      }
      if (number % 3 != 0 && number + 1 != kRecords) continue;
      if (producer.publish()) signal(data);
    }
  });
  for (std::uint32_t number = 0; number < kRecords; ++number) {
    RecordHead next;
    while (consumer.peek(next) == State::kEmpty) {
      if (!consumer.sleep()) wait(data);
    }
    ASSERT_EQ(next.header.source_port, number);
    ASSERT_EQ(next.length, length_of(number));
    ASSERT_EQ(payload_of(consumer, next.length), pattern(number, next.length));
    if (consumer.pop()) signal(space);
  }
  writer.join();
}

}  // namespace
}  // namespace hive::device::vsock
