#include "cellmon/recover/message.h"

#include <gtest/gtest.h>

#include <vector>

namespace hive::recover {
namespace {

Message report() { return {Kind::kReport, CellId{5}, 0x0102030405060708, 9, 0, Phase::kClean}; }
Message reboot() { return {Kind::kReboot, CellId{1}, 7, 1, 3, Phase::kNone}; }

TEST(RecoveryMessage, HasTheBytesThatTheSpecificationSays) {
  const Wire wire = encode(report());
  const Wire expected = {'H', 'R', 'C', 'V', 1, 0, 1, 5, 8, 7, 6, 5, 4, 3, 2, 1,
                         9,   0,   0,   0,   0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0};
  EXPECT_EQ(wire, expected);
}

TEST(RecoveryMessage, ComesBackAsItWas) {
  for (const Message& message :
       {report(), reboot(), Message{Kind::kGo, CellId{63}, 1, 1, 0, Phase::kResumed},
        Message{Kind::kReturning, CellId{0}, ~0ULL, 0, ~0U, Phase::kNone}}) {
    EXPECT_EQ(decode(encode(message)), message);
  }
}

TEST(RecoveryMessage, OtherSizesAreNone) {
  const Wire wire = encode(report());
  std::vector<std::uint8_t> bytes(wire.begin(), wire.end());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode({bytes.data(), size}));
  }
  bytes.push_back(0);
  EXPECT_FALSE(decode(bytes));
}

TEST(RecoveryMessage, OtherMagicVersionsKindsAndPaddingAreNone) {
  for (const std::size_t at : {0U, 3U, 4U, 5U, 29U, 30U, 31U}) {
    Wire wire = encode(report());
    ++wire[at];
    EXPECT_FALSE(decode(wire)) << at;
  }
  for (const unsigned kind : {0U, 5U, 255U}) {
    Wire wire = encode(report());
    wire[6] = static_cast<std::uint8_t>(kind);
    EXPECT_FALSE(decode(wire)) << kind;
  }
}

TEST(RecoveryMessage, NumbersOutOfRangeAreNone) {
  Message message = report();
  message.from = CellId{64};
  EXPECT_FALSE(decode(encode(message)));
  message = report();
  message.epoch = 0;
  EXPECT_FALSE(decode(encode(message)));
  message = report();
  message.life = 0;
  EXPECT_FALSE(decode(encode(message)));
  message = report();
  message.phase = static_cast<Phase>(4);
  EXPECT_FALSE(decode(encode(message)));
}

TEST(RecoveryMessage, WhatAKindDoesNotHaveIsNone) {
  Message message = report();
  message.incarnation = 1;
  EXPECT_FALSE(decode(encode(message)));
  message.incarnation = 0;
  message.phase = Phase::kNone;
  EXPECT_FALSE(decode(encode(message)));
  message = reboot();
  message.phase = Phase::kClean;
  EXPECT_FALSE(decode(encode(message)));
  message = reboot();
  message.incarnation = 0;
  EXPECT_FALSE(decode(encode(message)));
}

}  // namespace
}  // namespace hive::recover
