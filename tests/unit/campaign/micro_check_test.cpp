// The reference computation of the micro guest's workload, against the rounds done one by one.
#include "cellmon/campaign/micro_check.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <vector>

#include "guests/abi/micro_places.h"
#include "guests/abi/micro_work.h"

namespace hive::campaign {
namespace {

using ::testing::HasSubstr;

/// As the guest does it: all rounds, then all words.
std::uint64_t digest_by_rounds(std::uint64_t seed, std::uint64_t words, std::uint64_t rounds) {
  std::vector<std::uint64_t> memory;
  for (std::uint64_t i = 0; i < words; ++i) memory.push_back(hive_micro_work_first(seed, i));
  const std::uint64_t chunks = (words + HIVE_MICRO_WORK_CHUNK - 1) / HIVE_MICRO_WORK_CHUNK;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    const std::uint64_t first = round % chunks * HIVE_MICRO_WORK_CHUNK;
    for (std::uint64_t i = first; i < std::min(first + HIVE_MICRO_WORK_CHUNK, words); ++i) {
      memory[i] += hive_micro_work_step(seed, i);
    }
  }
  std::uint64_t digest = 0;
  for (const std::uint64_t word : memory) digest = hive_micro_work_digest(digest, word);
  return digest;
}

TEST(MicroCheck, KnowsTheDigestOfAnyRound) {
  for (const std::uint64_t words : {1ULL, 127ULL, 128ULL, 129ULL, 1000ULL, 5120ULL}) {
    for (const std::uint64_t rounds : {0ULL, 1ULL, 7ULL, 8ULL, 9ULL, 200ULL}) {
      EXPECT_EQ(expected_digest(3, words, rounds), digest_by_rounds(3, words, rounds))
          << words << " " << rounds;
    }
  }
}

TEST(MicroCheck, SeesOneBitInOneWord) {
  const std::uint64_t seed = 9;
  std::uint64_t digest = 0;
  for (std::uint64_t i = 0; i < 512; ++i) {
    digest = hive_micro_work_digest(digest, hive_micro_work_first(seed, i) ^ (i == 100 ? 1 : 0));
  }
  EXPECT_NE(digest, expected_digest(seed, 512, 0));
}

TEST(MicroCheck, ReadsReportsAndSaysWhatIsWrong) {
  const std::string line =
      fmt::format("hive-work seed=9 words=200 rounds=1f digest={:x} stamped=20 wrong=0 check=2",
                  expected_digest(9, 512, 31));
  const auto report = parse_report(line);
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->rounds, 31U);
  EXPECT_EQ(report->check, 2U);
  EXPECT_EQ(fault_of(*report, 9, 512), "");
  EXPECT_THAT(fault_of(*report, 8, 512), HasSubstr("from seed 9, not on 512 from 8"));
  MicroReport broken = *report;
  ++broken.digest;
  EXPECT_THAT(fault_of(broken, 9, 512), HasSubstr("digest after round 31"));
  broken = *report;
  broken.wrong = 3;
  EXPECT_THAT(fault_of(broken, 9, 512), HasSubstr("3 words"));
  for (const char* bad : {"", "hive-work", "hive-work seed=9", "hive-work seed=x words=1"}) {
    EXPECT_FALSE(parse_report(bad)) << bad;
  }
  EXPECT_FALSE(parse_report(line + " more=1"));
  EXPECT_FALSE(parse_report(" " + line));
}

TEST(MicroCheck, CountsTheWordsThatTheScriptIsGiven) {
  micro::WorkPlace place;
  place.pages = 3;
  EXPECT_EQ(words_of({1, 3}, false), micro::make_work(place).private_words);
  place.part = 2 << 20;
  const hive_micro_work work = micro::make_work(place);
  EXPECT_EQ(words_of({1, 3}, true), work.private_words + work.own_words);
}

TEST(MicroPlaces, GiveEachGuestItsNeighboursWords) {
  micro::WorkPlace place;
  place.cells = 3;
  place.part = 2 << 20;
  place.window = 1ULL << 32;
  place.seed = 10;
  for (place.index = 0; place.index < 3; ++place.index) {
    micro::WorkPlace next = place;
    next.index = (place.index + 1) % 3;
    const hive_micro_work mine = micro::make_work(place);
    const hive_micro_work neighbours = micro::make_work(next);
    EXPECT_EQ(mine.stamps, neighbours.stamped);
    EXPECT_EQ(mine.seed, neighbours.stamper);
  }
  EXPECT_LE(micro::work_script(place).size(), HIVE_MICRO_MAX_ACTIONS);
}

}  // namespace
}  // namespace hive::campaign
