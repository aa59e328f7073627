// What monitors take as packets of one another's.
#include "cellmon/mesh/packet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>
#include <variant>

#include "cellmon/wire/packet_socket.h"

namespace hive::mesh {
namespace {

TEST(MeshPacket, IsOnlyWhatHasItsSize) {
  EXPECT_FALSE(parse_packet(""));
  EXPECT_FALSE(parse_packet("abc"));
  std::string bytes(wire::as_packet(Request{}));
  EXPECT_TRUE(parse_packet(bytes));
  EXPECT_FALSE(parse_packet(bytes + "x"));
  bytes.pop_back();
  EXPECT_FALSE(parse_packet(bytes));
  bytes = wire::as_packet(Leave{});
  bytes[0] = 99;
  EXPECT_FALSE(parse_packet(bytes));
}

TEST(MeshPacket, CarriesAMessageOfAnyLengthUpToTheLongest) {
  for (const std::size_t size : {std::size_t{1}, std::size_t{24}, Agree::kMaxBytes}) {
    const Agree sent = Agree::of(std::string(size, 'm'));
    std::string bytes(as_bytes(sent));
    EXPECT_EQ(bytes.size(), 8 + size);
    const auto packet = parse_packet(bytes);
    ASSERT_TRUE(packet && std::holds_alternative<Agree>(*packet));
    EXPECT_EQ(std::get<Agree>(*packet).message(), std::string(size, 'm'));
    EXPECT_FALSE(parse_packet(bytes + "x"));
    bytes.pop_back();
    EXPECT_FALSE(parse_packet(bytes));
  }
  EXPECT_FALSE(parse_packet(as_bytes(Agree::of(""))));
}

TEST(MeshPacket, HoldsAMessageOfRecovery) {
  Recover recover;
  recover.message.back() = 7;
  const auto packet = parse_packet(as_bytes(recover));
  ASSERT_TRUE(packet);
  EXPECT_EQ(std::get<Recover>(*packet).message, recover.message);
  EXPECT_FALSE(parse_packet(as_bytes(recover).substr(1)));
}

TEST(MeshPacket, HoldsFindingsWithoutReservedBits) {
  Findings findings;
  findings.evidence = 5;
  EXPECT_TRUE(parse_packet(as_bytes(findings)));
  findings.reserved[5] = 1;
  EXPECT_FALSE(parse_packet(as_bytes(findings)));
}

TEST(MeshPacket, HoldsAWordOfLoans) {
  Loan loan;
  loan.word = {3, 2, 5, 6, 16, 4};
  const auto packet = parse_packet(as_bytes(loan));
  ASSERT_TRUE(packet && std::holds_alternative<Loan>(*packet));
  EXPECT_EQ(std::get<Loan>(*packet).word, loan.word);
  EXPECT_FALSE(parse_packet(as_bytes(loan).substr(1)));
  loan.reserved = 1;
  EXPECT_FALSE(parse_packet(as_bytes(loan)));
}

TEST(MeshPacket, HoldsAMoveThatMakesSense) {
  Move move;
  move.word.number = 3;
  move.word.step = MoveStep::kOffer;
  move.word.pages = 700;
  move.word.name = {'h', 'o', 't'};
  const auto packet = parse_packet(as_bytes(move));
  ASSERT_TRUE(packet && std::holds_alternative<Move>(*packet));
  EXPECT_EQ(std::get<Move>(*packet).word, move.word);
  const auto is_refused = [&](const std::function<void(Move&)>& spoil) {
    Move spoilt = move;
    spoil(spoilt);
    return !parse_packet(as_bytes(spoilt));
  };
  EXPECT_TRUE(is_refused([](Move& each) { each.reserved = 1; }));
  EXPECT_TRUE(is_refused([](Move& each) { each.word.number = 0; }));
  EXPECT_TRUE(is_refused([](Move& each) { each.word.step = MoveStep{}; }));
  EXPECT_TRUE(is_refused([](Move& each) { each.word.step = MoveStep{10}; }));
  EXPECT_TRUE(is_refused([](Move& each) { each.word.fault = MoveFault{9}; }));
  EXPECT_TRUE(is_refused([](Move& each) { each.word.name.back() = 'x'; }));
}

TEST(MeshPacket, HoldsAHint) {
  Hint hint;
  hint.hint = {7, 2, HIVE_WAX_LEND, 1, 2, 16, 0};
  const auto packet = parse_packet(as_bytes(hint));
  ASSERT_TRUE(packet && std::holds_alternative<Hint>(*packet));
  EXPECT_EQ(std::get<Hint>(*packet).hint.amount, 16U);
  EXPECT_EQ(std::get<Hint>(*packet).hint.epoch, 7U);
  EXPECT_FALSE(parse_packet(as_bytes(hint).substr(0, 32)));
  hint.reserved = 1;
  EXPECT_FALSE(parse_packet(as_bytes(hint)));
}

}  // namespace
}  // namespace hive::mesh
