#include "cellmon/cli/pages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

namespace hive::cli {
namespace {

using testing::ElementsAre;

std::vector<PagePattern> patterns_of(const char* text) {
  const auto list = parse_pages(text);
  EXPECT_TRUE(list && !list->all) << text;
  return list ? list->patterns : std::vector<PagePattern>{};
}

TEST(ParsePages, TakesPagesRangesAndGroups) {
  EXPECT_THAT(patterns_of("5"), ElementsAre(PagePattern{5, 1, 1, 1}));
  EXPECT_THAT(patterns_of("0-63"), ElementsAre(PagePattern{0, 64, 64, 1}));
  EXPECT_THAT(patterns_of("0-63:1/2"), ElementsAre(PagePattern{0, 1, 2, 32}));
  EXPECT_THAT(patterns_of("7,9-10"), ElementsAre(PagePattern{7, 1, 1, 1}, PagePattern{9, 2, 2, 1}));
  EXPECT_TRUE(parse_pages("all")->all);
}

TEST(ParsePages, CutsTheLastGroupShort) {
  EXPECT_THAT(patterns_of("0-62:1/2"), ElementsAre(PagePattern{0, 1, 2, 32}));
  EXPECT_THAT(patterns_of("0-8:3/4"),
              ElementsAre(PagePattern{0, 3, 4, 2}, PagePattern{8, 1, 1, 1}));
  EXPECT_THAT(patterns_of("4-5:3/4"), ElementsAre(PagePattern{4, 2, 2, 1}));
}

TEST(ParsePages, RefusesEverythingElse) {
  for (const char* text : {"",
                           "-",
                           "-1",
                           "1-",
                           "2-1",
                           "x",
                           "1 ",
                           " 1",
                           "0x10",
                           "1,",
                           ",1",
                           "1,,2",
                           "0-7:",
                           "0-7:1",
                           "0-7:0/2",
                           "0-7:3/2",
                           "0-7:1/0",
                           "0-7:/2",
                           "0-7:1/2/3",
                           "All",
                           "all,1",
                           "1.5",
                           "1099511627776",
                           "18446744073709551616",
                           "0-18446744073709551615"}) {
    EXPECT_FALSE(parse_pages(text)) << text;
  }
  EXPECT_TRUE(parse_pages("1099511627775"));
}

TEST(FormatPages, IsWhatParsePagesTakes) {
  for (const PagePattern& pattern : {PagePattern{5, 1, 1, 1}, PagePattern{0, 64, 64, 1},
                                     PagePattern{3, 1, 2, 32}, PagePattern{8, 3, 7, 4}}) {
    const std::string text = format_pages(pattern);
    EXPECT_THAT(patterns_of(text.c_str()), ElementsAre(pattern)) << text;
  }
  EXPECT_EQ(format_pages({5, 1, 1, 1}), "5");
  EXPECT_EQ(format_pages({0, 1, 2, 32}), "0-62:1/2");
}

std::vector<std::string> texts_of(const std::vector<PageRun>& runs) {
  std::vector<std::string> texts;
  for (const PatternOfRuns& found : find_patterns(runs)) {
    texts.push_back(format_pages(found.pattern) + " " + std::to_string(found.written));
  }
  return texts;
}

TEST(FindPatterns, JoinsRunsThatAreAlikeAndEquallyFarApart) {
  EXPECT_THAT(texts_of({}), ElementsAre());
  EXPECT_THAT(texts_of({{0, 1, 1}, {2, 1, 0}, {4, 1, 1}}), ElementsAre("0-4:1/2 2"));
  EXPECT_THAT(texts_of({{0, 1, 0}, {2, 1, 0}}), ElementsAre("0 0", "2 0"));
  EXPECT_THAT(texts_of({{0, 2, 2}, {5, 2, 0}, {10, 2, 0}, {15, 3, 0}, {20, 1, 1}}),
              ElementsAre("0-11:2/5 2", "15-17 0", "20 1"));
}

TEST(FindPatterns, KeepEveryPage) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<PageRun> runs;
    std::set<std::uint64_t> expected;
    std::uint64_t written = 0;
    for (std::uint64_t at = random() % 3; at < 60; at += 1 + random() % 2) {
      const std::uint64_t pages = 1 + random() % 2;
      runs.push_back({at, pages, random() % (pages + 1)});
      written += runs.back().written;
      for (std::uint64_t i = 0; i < pages; ++i) expected.insert(at++);
    }
    std::set<std::uint64_t> pages;
    for (const PatternOfRuns& found : find_patterns(runs)) {
      for (std::uint64_t run = 0; run < found.pattern.runs; ++run) {
        for (std::uint64_t i = 0; i < found.pattern.pages; ++i) {
          EXPECT_TRUE(pages.insert(found.pattern.first + run * found.pattern.stride + i).second);
        }
      }
      written -= found.written;
    }
    EXPECT_EQ(pages, expected);
    EXPECT_EQ(written, 0U);
  }
}

}  // namespace
}  // namespace hive::cli
