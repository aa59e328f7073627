#include "guests/abi/agent_codec.h"

#include <gtest/gtest.h>

#include <vector>

#include "guests/abi/agent_protocol.h"

namespace hive::abi {
namespace {

std::vector<AgentFrame> all(FrameDecoder& decoder) {
  std::vector<AgentFrame> frames;
  while (auto frame = decoder.next()) frames.push_back(*frame);
  return frames;
}

TEST(FrameDecoder, GivesBackWhatWasEncoded) {
  FrameDecoder decoder;
  decoder.feed(encode_frame(HIVE_AGENT_EXEC, 7, "[\"ls\"]") + encode_frame(HIVE_AGENT_PING, 0, ""));
  const auto frames = all(decoder);
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[0].type, HIVE_AGENT_EXEC);
  EXPECT_EQ(frames[0].session, 7U);
  EXPECT_EQ(frames[0].payload, "[\"ls\"]");
  EXPECT_EQ(frames[1].type, HIVE_AGENT_PING);
  EXPECT_EQ(frames[1].payload, "");
}

TEST(Ranges, SurviveTheirWireForm) {
  const std::vector<hive_agent_range> ranges{{0x1000, 16}, {~std::uint64_t{0} - 8, 8}};
  const auto back = decode_ranges(encode_ranges(ranges));
  ASSERT_TRUE(back.has_value());
  ASSERT_EQ(back->size(), 2U);
  EXPECT_EQ(back->at(1).start, ~std::uint64_t{0} - 8);
  EXPECT_EQ(back->at(1).size, 8U);
}

TEST(Ranges, AreBounded) {
  const std::vector<hive_agent_range> many(HIVE_AGENT_MAX_RANGES + 1, {0, 1});
  EXPECT_EQ(decode_ranges(encode_ranges(many))->size(), HIVE_AGENT_MAX_RANGES);
  const std::string one = encode_ranges(std::span(many).first(1));
  EXPECT_FALSE(decode_ranges({}).has_value());
  EXPECT_FALSE(decode_ranges(one.substr(1)).has_value());
  std::string more;
  for (unsigned i = 0; i <= HIVE_AGENT_MAX_RANGES; ++i) more += one;
  EXPECT_FALSE(decode_ranges(more).has_value());
  const std::vector<hive_agent_range> empty{{0, 0}};
  EXPECT_FALSE(decode_ranges(encode_ranges(empty)).has_value());
  const std::vector<hive_agent_range> past{{~std::uint64_t{0}, 2}};
  EXPECT_FALSE(decode_ranges(encode_ranges(past)).has_value());
}

TEST(FrameDecoder, TakesAnySplitOfTheStream) {
  const std::string bytes = encode_frame(1, 2, "abc") + encode_frame(3, 4, "") +
                            encode_frame(5, 6, std::string(HIVE_AGENT_MAX_PAYLOAD, 'x'));
  for (const std::size_t step : {1U, 2U, 15U, 16U, 17U, 4096U}) {
    FrameDecoder decoder;
    std::vector<AgentFrame> frames;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      decoder.feed(std::string_view(bytes).substr(at, step));
      for (auto& frame : all(decoder)) frames.push_back(frame);
    }
    ASSERT_EQ(frames.size(), 3U) << step;
    EXPECT_EQ(frames[0].payload, "abc");
    EXPECT_EQ(frames[2].payload.size(), HIVE_AGENT_MAX_PAYLOAD);
    EXPECT_FALSE(decoder.broken());
  }
}

TEST(FrameDecoder, StopsAtABadHeader) {
  std::string bad_flags = encode_frame(1, 2, "abc");
  bad_flags[6] = 1;
  std::string too_long = encode_frame(1, 2, "abc");
  too_long[13] = 0x7f;
  for (const std::string& bad : {std::string(16, 'x'), bad_flags, too_long}) {
    FrameDecoder decoder;
    decoder.feed(encode_frame(1, 0, "first") + bad + encode_frame(1, 0, "never"));
    EXPECT_EQ(all(decoder).size(), 1U);
    EXPECT_TRUE(decoder.broken());
    decoder.feed(encode_frame(1, 0, "never"));
    EXPECT_TRUE(all(decoder).empty());
  }
}

TEST(FrameDecoder, CanJoinInTheMiddle) {
  const std::string first = encode_frame(1, 0, std::string(100, 'x'));
  FrameDecoder decoder(FrameDecoder::Begin::kAnywhere);
  decoder.feed(std::string_view(first).substr(9));
  EXPECT_TRUE(all(decoder).empty());
  decoder.feed(encode_frame(2, 3, "here"));
  const auto frames = all(decoder);
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].payload, "here");
}

TEST(Numbers, SurviveTheirBytes) {
  for (const std::uint32_t value : {0U, 1U, 0x01020304U, ~0U}) {
    EXPECT_EQ(decode_u32(encode_u32(value)), value);
  }
  EXPECT_EQ(encode_u32(0x01020304), "\x04\x03\x02\x01");
  EXPECT_EQ(decode_u32("abc"), std::nullopt);
  EXPECT_EQ(decode_u32("abcde"), std::nullopt);
}

}  // namespace
}  // namespace hive::abi
