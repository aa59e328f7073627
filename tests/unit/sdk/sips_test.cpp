// Short messages among cells.
#include "guests/sdk/channel/sips.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include "tests/unit/sdk/cells.h"

namespace {

using hive::sdk::Clock;
using hive::sdk::Machine;
using hive::sdk::SipsMessage;
using hive::sdk::SipsPort;
using hive::testing::Cells;
using namespace std::chrono_literals;

SipsMessage message_of(std::uint32_t number) {
  SipsMessage message{};
  for (std::size_t at = 0; at + 4 <= message.size(); at += 4) {
    std::memcpy(message.data() + at, &number, 4);
  }
  return message;
}

std::uint32_t number_of(const SipsMessage& message) {
  std::uint32_t number = 0;
  std::memcpy(&number, message.data(), 4);
  return message == message_of(number) ? number : 0xffffffff;
}

class SipsTest : public ::testing::Test {
 protected:
  SipsTest() { cells_.fake.set_trusting(true); }

  static std::unique_ptr<SipsPort> open(Machine& machine, std::uint32_t port = 7) {
    auto opened = SipsPort::open(machine, port);
    EXPECT_TRUE(opened.ok()) << (opened.ok() ? "" : opened.failure().message);
    return std::move(opened).value();
  }
  static Clock::time_point soon() { return Clock::now() + 40s; }

  Cells cells_;
  std::unique_ptr<Machine> alpha_ = cells_.machine(0);
  std::unique_ptr<Machine> beta_ = cells_.machine(1);
};

TEST_F(SipsTest, CarriesMessagesBothWaysAndToItself) {
  const auto alpha = open(*alpha_);
  EXPECT_EQ(alpha->send(1, message_of(1), soon()).status(), HIVE_NOT_FOUND);
  EXPECT_EQ(alpha->send(99, message_of(1), soon()).status(), HIVE_NOT_FOUND);
  EXPECT_EQ(alpha->receive(Clock::now()).status(), HIVE_DEADLINE);
  const auto beta = open(*beta_);
  ASSERT_TRUE(alpha->send(1, message_of(1), soon()).ok());
  ASSERT_TRUE(beta->send(0, message_of(2), soon()).ok());
  ASSERT_TRUE(beta->send(1, message_of(3), soon()).ok());
  const auto at_alpha = alpha->receive(soon()).value();
  EXPECT_EQ(at_alpha.cell, 1U);
  EXPECT_EQ(number_of(at_alpha.message), 2U);
  std::uint32_t sum = 0;
  for (int i = 0; i < 2; ++i) sum += number_of(beta->receive(soon()).value().message);
  EXPECT_EQ(sum, 1U + 3U);
  EXPECT_EQ(beta->receive(Clock::now()).status(), HIVE_DEADLINE);
}

TEST_F(SipsTest, WakesASleepingReceiver) {
  const auto alpha = open(*alpha_);
  const auto beta = open(*beta_);
  std::thread receiver([&] { EXPECT_EQ(number_of(beta->receive(soon()).value().message), 5U); });
  const auto& areas = alpha_->events().areas();
  const hive::sdk::WaitKey key{1, areas.sips_section(1, 7).value()};
  while (!areas.has_waiters(1, key)) std::this_thread::sleep_for(1ms);
  ASSERT_TRUE(alpha->send(1, message_of(5), soon()).ok());
  receiver.join();
  EXPECT_EQ(cells_.bells.rings(1), 1U) << "one doorbell";
}

TEST_F(SipsTest, KeepsTheOrderOfEachSender) {
  constexpr std::uint32_t kCount = 2000;
  const auto alpha = open(*alpha_);
  const auto beta = open(*beta_);
  const auto flood = [&](SipsPort& from) {
    for (std::uint32_t i = 0; i < kCount; ++i)
      ASSERT_TRUE(from.send(1, message_of(i), soon()).ok());
  };
  std::thread one([&] { flood(*alpha); });
  std::thread two([&] { flood(*beta); });
  std::vector<std::uint32_t> next(2);
  for (std::uint32_t i = 0; i < 2 * kCount; ++i) {
    const auto got = beta->receive(soon());
    ASSERT_TRUE(got.ok());
    ASSERT_EQ(number_of(got.value().message), next.at(got.value().cell)++);
  }
  one.join();
  two.join();
}

TEST_F(SipsTest, IsFullWhereNobodyReceives) {
  const auto alpha = open(*alpha_);
  const auto beta = open(*beta_);
  std::uint32_t sent = 0;
  while (alpha->send(1, message_of(sent), Clock::now()).ok()) ++sent;
  EXPECT_EQ(sent, HIVE_SIPS_RING_CAPACITY / 144);
  EXPECT_TRUE(beta->receive(soon()).ok());
  EXPECT_TRUE(alpha->send(1, message_of(sent), Clock::now()).ok());
}

TEST_F(SipsTest, AFullRingDelaysNoSendsToOthers) {
  const auto alpha = open(*alpha_);
  const auto beta = open(*beta_);
  while (alpha->send(1, message_of(0), Clock::now()).ok()) continue;
  std::atomic<bool> sent{false};
  std::thread waiter([&] { sent = alpha->send(1, message_of(1), soon()).ok(); });
  std::this_thread::sleep_for(50ms);
  const auto start = Clock::now();
  EXPECT_TRUE(alpha->send(0, message_of(2), start + 10s).ok());
  EXPECT_EQ(alpha->send(1, message_of(3), Clock::now()).status(), HIVE_DEADLINE);
  EXPECT_LT(Clock::now() - start, 10s);
  EXPECT_FALSE(sent);
  EXPECT_TRUE(beta->receive(soon()).ok());
  waiter.join();
  EXPECT_TRUE(sent);
}

TEST_F(SipsTest, AReceiverThatWaitsDelaysNoOther) {
  const auto alpha = open(*alpha_);
  std::atomic<bool> got{false};
  std::thread waiter([&] { got = alpha->receive(soon()).ok(); });
  std::this_thread::sleep_for(50ms);
  const auto start = Clock::now();
  EXPECT_EQ(alpha->receive(start + 10ms).status(), HIVE_DEADLINE);
  EXPECT_LT(Clock::now() - start, 10s);
  EXPECT_TRUE(alpha->send(0, message_of(1), soon()).ok());
  waiter.join();
  EXPECT_TRUE(got);
}

TEST_F(SipsTest, GoesOnAfterEitherEndWasOpenedAnew) {
  auto alpha = open(*alpha_);
  auto beta = open(*beta_);
  ASSERT_TRUE(alpha->send(1, message_of(1), soon()).ok());
  beta.reset();
  EXPECT_EQ(alpha->send(1, message_of(2), soon()).status(), HIVE_NOT_FOUND);
  beta = open(*beta_);
  alpha.reset();
  alpha = open(*alpha_);
  ASSERT_TRUE(alpha->send(1, message_of(3), soon()).ok());
  EXPECT_EQ(number_of(beta->receive(soon()).value().message), 3U);
}

TEST_F(SipsTest, WhatWasSentIsTakenBeforeTheSenderIsGone) {
  const auto alpha = open(*alpha_);
  const auto beta = open(*beta_);
  for (std::uint32_t i = 1; i <= 5; ++i) ASSERT_TRUE(alpha->send(1, message_of(i), soon()).ok());
  EXPECT_EQ(alpha->flush(Clock::now()).status(), HIVE_DEADLINE);
  std::thread receiver([&] {
    for (std::uint32_t i = 1; i <= 5; ++i) {
      EXPECT_EQ(number_of(beta->receive(soon()).value().message), i);
    }
  });
  EXPECT_TRUE(alpha->flush(soon()).ok());
  receiver.join();
}

TEST_F(SipsTest, ClosingWaitsForNobodyForEver) {
  auto alpha = open(*alpha_);
  auto beta = open(*beta_);
  ASSERT_TRUE(alpha->send(1, message_of(1), soon()).ok());
  const auto start = Clock::now();
  alpha.reset();
  EXPECT_GE(Clock::now() - start, SipsPort::kClosingPatience);
  EXPECT_LT(Clock::now() - start, 30s);
  alpha = open(*alpha_);
  ASSERT_TRUE(alpha->send(1, message_of(1), soon()).ok());
  beta.reset();
  EXPECT_TRUE(alpha->flush(Clock::now()).ok()) << "that port is closed";
}

TEST_F(SipsTest, PassesOverSendersThatLie) {
  const auto alpha = open(*alpha_);
  const auto beta = open(*beta_);
  ASSERT_TRUE(alpha->send(1, message_of(1), soon()).ok());
  const std::uint64_t section = alpha_->events().areas().sips_section(0, 7).value();
  auto* ring =
      reinterpret_cast<hive_channel_ring*>(cells_.fake.memory(0) + section + HIVE_SIPS_RING(1));
  hive::testing::store(&ring->produced, 80);
  ASSERT_TRUE(beta->send(1, message_of(2), soon()).ok());
  EXPECT_EQ(number_of(beta->receive(soon()).value().message), 2U);
  // A directory that leads out of the contribution.
  for (const std::uint64_t page : {0xfffffffeULL, 511ULL, 600ULL}) {
    alpha_->events().areas().set_sips_section(7, page);
    EXPECT_EQ(beta->receive(Clock::now() + 1ms).status(), HIVE_DEADLINE);
    if (page != 511) {
      EXPECT_FALSE(beta->send(0, message_of(3), soon()).ok());
    }
  }
}

TEST_F(SipsTest, NeedsMemoryOfItsOwnAndAPort) {
  EXPECT_EQ(SipsPort::open(*cells_.machine(2), 1).status(), HIVE_NOT_MAPPED);
  EXPECT_EQ(SipsPort::open(*alpha_, 256).status(), HIVE_INVALID);
}

}  // namespace
