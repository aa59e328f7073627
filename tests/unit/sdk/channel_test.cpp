// Channels between two cells, and ends that lie.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "guests/sdk/channel/receiver.h"
#include "guests/sdk/channel/sender.h"
#include "tests/unit/sdk/cells.h"

namespace {

using hive::sdk::ChannelPlace;
using hive::sdk::ChannelReceiver;
using hive::sdk::ChannelSender;
using hive::sdk::Clock;
using hive::sdk::Machine;
using hive::testing::Cells;
using hive::testing::store;
using namespace std::chrono_literals;

using Bytes = std::vector<std::byte>;

constexpr std::uint64_t kRing = 8192;
constexpr std::uint64_t kCredit = 4096;
constexpr std::uint64_t kMost = 1 << 20;

ChannelPlace place(std::uint32_t capacity) { return {{0, kRing}, {1, kCredit}, capacity}; }

Bytes record_of(std::uint32_t number, std::size_t size) {
  Bytes record(size);
  for (std::size_t i = 0; i < size; ++i) record[i] = static_cast<std::byte>(number * 31 + i * 7);
  return record;
}

Clock::time_point soon() { return Clock::now() + 30s; }
Clock::time_point now() { return Clock::now(); }

class ChannelTest : public ::testing::Test {
 protected:
  void open(std::uint32_t capacity) {
    place_ = place(capacity);
    sender_.emplace(ChannelSender::create(*alpha_, place_).value());
    receiver_.emplace(ChannelReceiver::attach(*beta_, place_).value());
  }
  hive_status send(std::uint32_t number, std::size_t size, Clock::time_point end = now()) {
    return sender_->send(record_of(number, size), end).status();
  }
  hive_status receive(Clock::time_point end = now()) {
    return receiver_->receive(record_, kMost, end).status();
  }
  hive_channel_ring& ring() {
    return *reinterpret_cast<hive_channel_ring*>(cells_.fake.memory(0) + kRing);
  }
  hive_channel_credit& credit() {
    return *reinterpret_cast<hive_channel_credit*>(cells_.fake.memory(1) + kCredit);
  }
  hive_channel_record& first_record() {
    return *reinterpret_cast<hive_channel_record*>(cells_.fake.memory(0) + kRing + sizeof ring());
  }

  Cells cells_;
  std::unique_ptr<Machine> alpha_ = cells_.machine(0);
  std::unique_ptr<Machine> beta_ = cells_.machine(1);
  ChannelPlace place_;
  std::optional<ChannelSender> sender_;
  std::optional<ChannelReceiver> receiver_;
  Bytes record_;
};

TEST_F(ChannelTest, CarriesRecordsInOrder) {
  open(256);
  EXPECT_EQ(receive(), HIVE_DEADLINE);
  for (std::uint32_t number = 0; number < 200; ++number) {
    const std::size_t size = number % 97;
    ASSERT_EQ(send(number, size), HIVE_OK);
    ASSERT_EQ(receive(), HIVE_OK);
    ASSERT_EQ(record_, record_of(number, size));
  }
  EXPECT_EQ(receive(), HIVE_DEADLINE);
}

TEST_F(ChannelTest, JoinsTwoPieces) {
  open(256);
  const Bytes whole = record_of(1, 100);
  const std::span<const std::byte> all(whole);
  ASSERT_TRUE(sender_->send(all.first(37), all.subspan(37), now()).ok());
  ASSERT_EQ(receive(), HIVE_OK);
  EXPECT_EQ(record_, whole);
}

TEST_F(ChannelTest, IsFullUntilTheReceiverHasTakenSomething) {
  open(256);
  std::uint32_t sent = 0;
  while (send(sent, 40) == HIVE_OK) ++sent;
  EXPECT_EQ(sent, 256U / 56);
  EXPECT_EQ(send(sent, 40, Clock::now() + 5ms), HIVE_DEADLINE);
  std::thread later([&] { EXPECT_EQ(send(sent, 40, soon()), HIVE_OK); });
  std::this_thread::sleep_for(5ms);
  for (std::uint32_t number = 0; number <= sent; ++number) {
    ASSERT_EQ(receive(soon()), HIVE_OK);
    ASSERT_EQ(record_, record_of(number, 40));
  }
  later.join();
}

TEST_F(ChannelTest, TakesRecordsAsLongAsItsRing) {
  open(64);
  EXPECT_EQ(sender_->most(), 48U);
  EXPECT_EQ(send(0, 49), HIVE_TOO_LONG);
  EXPECT_EQ(send(1, 48), HIVE_OK);
  EXPECT_EQ(receiver_->receive(record_, 10, now()).status(), HIVE_TOO_LONG);
  EXPECT_EQ(send(2, 48), HIVE_OK) << "the long one is passed over";
  EXPECT_EQ(receive(), HIVE_OK);
  EXPECT_EQ(record_, record_of(2, 48));
}

TEST_F(ChannelTest, EndsWhenEitherEndCloses) {
  open(128);
  ASSERT_EQ(send(0, 20), HIVE_OK);
  sender_->close();
  EXPECT_EQ(send(1, 20), HIVE_CLOSED);
  EXPECT_EQ(receive(), HIVE_OK);
  EXPECT_EQ(receive(soon()), HIVE_CLOSED);
  open(128);
  EXPECT_EQ(receive(), HIVE_DEADLINE);
  receiver_->close();
  EXPECT_EQ(send(0, 80), HIVE_OK);
  EXPECT_EQ(send(0, 80, soon()), HIVE_CLOSED);
}

TEST_F(ChannelTest, BeginsAnewWithANewSender) {
  open(128);
  ASSERT_EQ(send(0, 30), HIVE_OK);
  ASSERT_EQ(receive(), HIVE_OK);
  ASSERT_EQ(send(1, 30), HIVE_OK);
  sender_.emplace(ChannelSender::create(*alpha_, place_).value());
  ASSERT_EQ(send(7, 60), HIVE_OK) << "the receiver's index is of another session";
  ASSERT_EQ(receive(), HIVE_OK);
  EXPECT_EQ(record_, record_of(7, 60));
}

TEST_F(ChannelTest, GoesOnWithANewReceiver) {
  open(128);
  ASSERT_EQ(send(0, 30), HIVE_OK);
  ASSERT_EQ(receive(), HIVE_OK);
  ASSERT_EQ(send(1, 30), HIVE_OK);
  receiver_.emplace(ChannelReceiver::attach(*beta_, place_).value());
  ASSERT_EQ(receive(), HIVE_OK);
  EXPECT_EQ(record_, record_of(1, 30));
  ASSERT_EQ(send(2, 30), HIVE_OK);
  EXPECT_EQ(receive(), HIVE_OK);
}

TEST_F(ChannelTest, RefusesPlacesThatAreNone) {
  const auto create = [&](const ChannelPlace& where) {
    return ChannelSender::create(*alpha_, where).status();
  };
  EXPECT_EQ(create({{0, kRing}, {1, kCredit}, 100}), HIVE_INVALID);
  EXPECT_EQ(create({{0, kRing}, {1, kCredit}, 32}), HIVE_INVALID);
  EXPECT_EQ(create({{0, kRing + 8}, {1, kCredit}, 64}), HIVE_INVALID);
  EXPECT_EQ(create({{1, kRing}, {1, kCredit}, 64}), HIVE_INVALID) << "not its own memory";
  EXPECT_EQ(create({{0, Cells::kPages * 4096 - 64}, {1, kCredit}, 64}), HIVE_OUT_OF_RANGE);
  EXPECT_EQ(create({{0, kRing}, {9, kCredit}, 64}), HIVE_NO_SUCH_CELL);
  EXPECT_EQ(ChannelReceiver::attach(*alpha_, place(64)).status(), HIVE_INVALID);
}

TEST_F(ChannelTest, SendersThatLieAreFoundOut) {
  const auto lie = [&](auto change) {
    open(256);
    EXPECT_EQ(send(0, 40), HIVE_OK);
    change();
    const hive_status first = receive();
    EXPECT_TRUE(record_.empty() || first == HIVE_OK);
    if (first == HIVE_BROKEN || first == HIVE_ROTTEN) {
      EXPECT_EQ(receive(), HIVE_BROKEN);
    }
    return first;
  };
  EXPECT_EQ(lie([] {}), HIVE_OK);
  EXPECT_EQ(lie([&] { store(&ring().produced, 264); }), HIVE_BROKEN);
  EXPECT_EQ(lie([&] { store(&ring().produced, 4); }), HIVE_BROKEN);
  EXPECT_EQ(lie([&] { store(&ring().produced, 8); }), HIVE_BROKEN);
  EXPECT_EQ(lie([&] { store(&ring().produced, 0xffffffff); }), HIVE_GONE);
  EXPECT_EQ(lie([&] { first_record().length = 41; }), HIVE_BROKEN);
  EXPECT_EQ(lie([&] { first_record().length = 0xffffffff; }), HIVE_BROKEN);
  EXPECT_EQ(lie([&] { first_record().length = 39; }), HIVE_ROTTEN);
  EXPECT_EQ(lie([&] { first_record().checksum ^= 1; }), HIVE_ROTTEN);
  EXPECT_EQ(lie([&] { first_record().sequence = 1; }), HIVE_BROKEN);
  EXPECT_EQ(lie([&] { ring().magic = 0xffffffff; }), HIVE_GONE);
  EXPECT_EQ(lie([&] { ring().magic = 0; }), HIVE_DEADLINE);
  open(256);
  ring().capacity = 512;
  EXPECT_EQ(receive(), HIVE_BROKEN);
}

TEST_F(ChannelTest, ReceiversThatLieAreFoundOut) {
  const auto lie = [&](std::uint64_t session, std::uint32_t consumed) {
    open(64);
    EXPECT_EQ(send(0, 40), HIVE_OK);
    credit().session = session == 0 ? ring().session : session;
    store(&credit().consumed, consumed);
    return send(1, 40, Clock::now() + 5ms);
  };
  EXPECT_EQ(lie(0, 0), HIVE_DEADLINE);
  EXPECT_EQ(lie(77, 56), HIVE_DEADLINE) << "of another session";
  EXPECT_EQ(lie(0, 64), HIVE_BROKEN) << "more than was sent";
  EXPECT_EQ(lie(0, 0xfffffff8), HIVE_BROKEN);
  EXPECT_EQ(lie(0, 4), HIVE_BROKEN);
  EXPECT_EQ(lie(0, 0xffffffff), HIVE_GONE);
  EXPECT_EQ(lie(~std::uint64_t{0}, 0), HIVE_GONE);
  EXPECT_EQ(lie(0, 56), HIVE_OK);
}

/// Sends or checks COUNT records of random sizes from SEED; false at the first that is wrong.
bool send_all(ChannelSender& sender, std::uint32_t count, unsigned seed) {
  std::minstd_rand random(seed);
  for (std::uint32_t number = 0; number < count; ++number) {
    const Bytes record = record_of(number, random() % sender.most());
    if (!sender.send(record, Clock::now() + 40s).ok()) return false;
    if (random() % 16 == 0) std::this_thread::sleep_for(std::chrono::microseconds(random() % 300));
  }
  return true;
}

bool receive_all(ChannelReceiver& receiver, std::uint32_t count, unsigned seed, std::size_t most) {
  std::minstd_rand random(seed);
  Bytes record;
  for (std::uint32_t number = 0; number < count; ++number) {
    const std::size_t size = random() % most;
    if (random() % 16 == 0) (void)random();
    if (!receiver.receive(record, kMost, Clock::now() + 40s).ok()) return false;
    if (record != record_of(number, size)) return false;
  }
  return true;
}

TEST_F(ChannelTest, KeepsUpUnderStressAmongThreads) {
  for (const std::uint32_t capacity : {128U, 4096U, 65536U}) {
    open(capacity);
    std::thread sends([&] { EXPECT_TRUE(send_all(*sender_, 2000, capacity)); });
    EXPECT_TRUE(receive_all(*receiver_, 2000, capacity, sender_->most()));
    sends.join();
  }
}

TEST_F(ChannelTest, KeepsUpUnderStressAmongProcesses) {
  open(512);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto machine = cells_.machine(1);
    auto receiver = ChannelReceiver::attach(*machine, place_);
    const bool good =
        receiver.ok() &&
        receive_all(*std::make_unique<ChannelReceiver>(receiver.value()), 2000, 5, sender_->most());
    ::_exit(good ? 0 : 1);
  }
  EXPECT_TRUE(send_all(*sender_, 2000, 5));
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
