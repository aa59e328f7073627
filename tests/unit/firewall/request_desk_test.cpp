// What guests may ask of a home, and what they are told.
#include "cellmon/firewall/request_desk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "guests/abi/system_area.h"

namespace hive::firewall {
namespace {

using testing::HasSubstr;

constexpr CellId kHome{1};
constexpr CellId kOther{2};
constexpr std::uint64_t kPages = 512;

class RequestDeskTest : public testing::Test {
 protected:
  static hive_global_request request(std::uint32_t operation, const char* name = "") {
    hive_global_request made{};
    made.tag = 77;
    made.operation = operation;
    made.home = static_cast<std::uint32_t>(kHome);
    made.cell = static_cast<std::uint32_t>(kOther);
    made.pages = 1;
    made.runs = 1;
    std::strncpy(made.name, name, sizeof made.name);
    return made;
  }

  hive_global_reply ask(CellId from, const hive_global_request& asked) {
    const hive_global_reply reply = desk_.answer(from, asked);
    EXPECT_EQ(reply.tag, asked.tag);
    EXPECT_EQ(reply.status == HIVE_GLOBAL_OK, reply.message[0] == '\0') << reply.message;
    return reply;
  }

  hive_global_reply create(const char* name, std::uint64_t pages) {
    auto asked = request(HIVE_GLOBAL_SECTION_CREATE, name);
    asked.pages = pages;
    return ask(kHome, asked);
  }

  Gatekeeper gatekeeper_{Contribution(kHome, kPages), [](const ViolationRecord&) {}};
  RequestDesk desk_{gatekeeper_, {"alpha", "beta", "gamma"}};
};

TEST_F(RequestDeskTest, TellsWhoItIs) {
  const auto reply = ask(kOther, request(HIVE_GLOBAL_CELL));
  EXPECT_STREQ(reply.name, "beta");
  EXPECT_EQ(reply.pages, kPages);
  EXPECT_EQ(reply.home, 1U);
}

TEST_F(RequestDeskTest, OpensWhatHomeCreatedAndShowsWhoUsesIt) {
  const auto made = create("queue", 3);
  ASSERT_EQ(made.status, HIVE_GLOBAL_OK) << made.message;
  const auto opened = ask(kOther, request(HIVE_GLOBAL_SECTION_OPEN, "queue"));
  EXPECT_EQ(opened.section, made.section);
  EXPECT_EQ(opened.first, made.first);
  EXPECT_EQ(opened.pages, 3U);
  EXPECT_STREQ(opened.name, "queue");
  EXPECT_EQ(opened.writers, 0b100U);

  auto destroy = request(HIVE_GLOBAL_SECTION_DESTROY);
  destroy.section = made.section;
  EXPECT_EQ(ask(kHome, destroy).status, HIVE_GLOBAL_IN_USE);
  auto close = request(HIVE_GLOBAL_SECTION_CLOSE);
  close.section = made.section;
  EXPECT_EQ(ask(kOther, close).status, HIVE_GLOBAL_OK);
  EXPECT_EQ(ask(kOther, close).status, HIVE_GLOBAL_NOT_OPEN);
  EXPECT_EQ(ask(kHome, destroy).status, HIVE_GLOBAL_OK);
  EXPECT_EQ(ask(kHome, destroy).status, HIVE_GLOBAL_NO_SUCH_SECTION);
}

TEST_F(RequestDeskTest, MakesSectionsForOthersWhoDecideAboutThemThen) {
  gatekeeper_.set_hosting(4);
  auto asked = request(HIVE_GLOBAL_SECTION_CREATE, "theirs");
  asked.pages = 3;
  const auto made = ask(kOther, asked);
  ASSERT_EQ(made.status, HIVE_GLOBAL_OK) << made.message;
  EXPECT_EQ(gatekeeper_.ledger().count_writable(kOther), 3U);
  asked = request(HIVE_GLOBAL_SECTION_CREATE, "more");
  asked.pages = 2;
  EXPECT_EQ(ask(kOther, asked).status, HIVE_GLOBAL_NO_SPACE);

  auto grant = request(HIVE_GLOBAL_GRANT);
  grant.cell = 0;
  EXPECT_EQ(ask(kOther, grant).status, HIVE_GLOBAL_NOT_HOME) << "pages outside its section";
  grant.section = made.section;
  grant.pages = 2;
  EXPECT_EQ(ask(CellId{0}, grant).status, HIVE_GLOBAL_NOT_HOME) << "another one's section";
  EXPECT_EQ(ask(kOther, grant).pages, 2U);
  grant.operation = HIVE_GLOBAL_REVOKE;
  EXPECT_EQ(ask(kOther, grant).pages, 2U);
  grant.cell = static_cast<std::uint32_t>(kHome);
  EXPECT_EQ(ask(kOther, grant).status, HIVE_GLOBAL_HOME_WRITES);

  auto destroy = request(HIVE_GLOBAL_SECTION_DESTROY);
  destroy.section = made.section;
  EXPECT_EQ(ask(CellId{0}, destroy).status, HIVE_GLOBAL_NOT_HOME);
  gatekeeper_.drop_cell(kOther);
  EXPECT_TRUE(gatekeeper_.sections().find("theirs")) << "the creator's end is not the section's";
  EXPECT_EQ(gatekeeper_.ledger().count_writable(kOther), 0U);
  EXPECT_EQ(ask(kOther, destroy).status, HIVE_GLOBAL_OK);
  EXPECT_EQ(ask(kOther, destroy).status, HIVE_GLOBAL_NO_SUCH_SECTION);
}

TEST_F(RequestDeskTest, TellsWhichSectionsMayBeMoved) {
  auto asked = request(HIVE_GLOBAL_SECTION_CREATE, "moves");
  asked.flags = HIVE_GLOBAL_MOVABLE;
  EXPECT_EQ(ask(kHome, asked).generation, HIVE_GLOBAL_MOVABLE);
  EXPECT_EQ(ask(kOther, request(HIVE_GLOBAL_SECTION_OPEN, "moves")).generation,
            HIVE_GLOBAL_MOVABLE);
  EXPECT_EQ(create("stays", 1).generation, 0U);
  EXPECT_EQ(ask(kOther, request(HIVE_GLOBAL_PAGE)).generation, 1U) << "that of the page";
}

TEST_F(RequestDeskTest, DestroysByForceWhatOthersUse) {
  const auto made = create("queue", 3);
  ask(kOther, request(HIVE_GLOBAL_SECTION_OPEN, "queue"));
  auto destroy = request(HIVE_GLOBAL_SECTION_DESTROY);
  destroy.section = made.section;
  destroy.flags = HIVE_GLOBAL_FORCE;
  EXPECT_EQ(ask(kHome, destroy).status, HIVE_GLOBAL_OK);
}

TEST_F(RequestDeskTest, ListsSectionsInTheOrderOfTheirPlaces) {
  create("a", 2);
  create("b", 5);
  auto next = request(HIVE_GLOBAL_SECTION_NEXT);
  auto reply = ask(kOther, next);
  EXPECT_STREQ(reply.name, "a");
  next.first = reply.first + reply.pages;
  reply = ask(kOther, next);
  EXPECT_STREQ(reply.name, "b");
  next.first = reply.first + reply.pages;
  EXPECT_EQ(ask(kOther, next).status, HIVE_GLOBAL_NOT_FOUND);
}

TEST_F(RequestDeskTest, LeavesDecisionsToHome) {
  for (const auto operation : {HIVE_GLOBAL_SECTION_CREATE, HIVE_GLOBAL_SECTION_DESTROY,
                               HIVE_GLOBAL_GRANT, HIVE_GLOBAL_REVOKE}) {
    EXPECT_EQ(ask(kOther, request(operation, "x")).status, HIVE_GLOBAL_NOT_HOME) << operation;
  }
  EXPECT_TRUE(gatekeeper_.ledger().holders().empty());
  EXPECT_TRUE(gatekeeper_.sections().list().empty());
}

TEST_F(RequestDeskTest, GrantsEverySecondPageOfASection) {
  create("before", 7);
  const auto made = create("striped", 10);
  auto grant = request(HIVE_GLOBAL_GRANT);
  grant.section = made.section;
  grant.first = 1;
  grant.stride = 2;
  grant.runs = 5;
  EXPECT_EQ(ask(kHome, grant).pages, 5U);
  for (std::uint64_t page = 0; page < kPages; ++page) {
    const bool expected = page >= 8 && page < 17 && page % 2 == 0;
    EXPECT_EQ(gatekeeper_.ledger().may_write(kOther, page), expected) << page;
  }
  auto seen = request(HIVE_GLOBAL_PAGE);
  seen.section = made.section;
  seen.first = 1;
  EXPECT_EQ(ask(kOther, seen).writers, 0b110U);
  EXPECT_EQ(ask(kOther, seen).generation, 1U);
  EXPECT_STREQ(ask(kOther, seen).name, "striped");

  grant.operation = HIVE_GLOBAL_REVOKE;
  EXPECT_EQ(ask(kHome, grant).pages, 5U);
  EXPECT_TRUE(gatekeeper_.ledger().holders().empty());
}

TEST_F(RequestDeskTest, GrantsNothingOfTheSystemSection) {
  gatekeeper_.create_system_section();
  auto all = request(HIVE_GLOBAL_GRANT);
  all.pages = kPages;
  const auto granted = ask(kHome, all);
  EXPECT_EQ(granted.status, HIVE_GLOBAL_OK);
  EXPECT_EQ(granted.pages, kPages - HIVE_SYSTEM_PAGES);
  EXPECT_EQ(gatekeeper_.ledger().count_writable(kOther), kPages - HIVE_SYSTEM_PAGES);
  auto last = request(HIVE_GLOBAL_GRANT);
  last.first = kPages - 1;
  const auto refused = ask(kHome, last);
  EXPECT_EQ(refused.status, HIVE_GLOBAL_BAD_NAME);
  EXPECT_THAT(refused.message, HasSubstr("hive.system"));
}

TEST_F(RequestDeskTest, RefusesPatternsThatLeaveTheirSection) {
  const auto made = create("small", 4);
  constexpr auto kHuge = std::numeric_limits<std::uint64_t>::max();
  struct Case {
    std::uint64_t first, pages, stride, runs;
    hive_global_status status;
  };
  for (const Case& each : {
           Case{0, 4, 0, 1, HIVE_GLOBAL_OK},
           Case{0, 5, 0, 1, HIVE_GLOBAL_OUT_OF_RANGE},
           Case{4, 1, 0, 1, HIVE_GLOBAL_OUT_OF_RANGE},
           Case{kHuge, kHuge, 0, 1, HIVE_GLOBAL_OUT_OF_RANGE},
           Case{0, 1, 2, 2, HIVE_GLOBAL_OK},
           Case{0, 1, 3, 2, HIVE_GLOBAL_OK},
           Case{0, 1, 4, 2, HIVE_GLOBAL_OUT_OF_RANGE},
           Case{0, 1, kHuge, 2, HIVE_GLOBAL_OUT_OF_RANGE},
           Case{0, 1, kHuge / 2 + 1, 3, HIVE_GLOBAL_OUT_OF_RANGE},
           Case{0, 2, 1, 2, HIVE_GLOBAL_MALFORMED},
           Case{0, 0, 0, 1, HIVE_GLOBAL_MALFORMED},
           Case{0, 1, 1, 0, HIVE_GLOBAL_MALFORMED},
           Case{0, 1, 1, kHuge, HIVE_GLOBAL_LIMIT},
       }) {
    auto grant = request(HIVE_GLOBAL_GRANT);
    grant.section = made.section;
    grant.first = each.first;
    grant.pages = each.pages;
    grant.stride = each.stride;
    grant.runs = each.runs;
    EXPECT_EQ(ask(kHome, grant).status, each.status)
        << each.first << " " << each.pages << " " << each.stride << " " << each.runs;
  }
}

TEST(RequestDesk, FindsTheRunsThatACellHasWritten) {
  Contribution contribution(kHome, kPages);
  ASSERT_TRUE(contribution.ledger().grant(kOther, {0, kPages}).ok());
  for (const PageIndex page : {3, 4, 9, 511}) contribution.ledger().open_for_write(kOther, page);
  for (PageIndex page = 60; page < 270; ++page) contribution.ledger().open_for_write(kOther, page);
  Gatekeeper gatekeeper(std::move(contribution), [](const ViolationRecord&) {});
  RequestDesk desk(gatekeeper, {"alpha", "beta", "gamma"});
  hive_global_request written{};
  written.operation = HIVE_GLOBAL_WRITTEN;
  written.home = 1;
  written.cell = 2;
  std::vector<PageRange> runs;
  for (auto reply = desk.answer(kHome, written); reply.status == HIVE_GLOBAL_OK;
       reply = desk.answer(kHome, written)) {
    runs.push_back({reply.first, reply.pages});
    written.first = reply.first + reply.pages;
  }
  EXPECT_EQ(runs, (std::vector<PageRange>{{3, 2}, {9, 1}, {60, 210}, {511, 1}}));
}

TEST_F(RequestDeskTest, RefusesWhatMakesNoSense) {
  EXPECT_EQ(ask(kHome, request(0)).status, HIVE_GLOBAL_MALFORMED);
  EXPECT_EQ(ask(kHome, request(1000)).status, HIVE_GLOBAL_MALFORMED);
  auto wrong = request(HIVE_GLOBAL_CELL);
  wrong.home = 2;
  EXPECT_EQ(ask(kOther, wrong).status, HIVE_GLOBAL_NO_SUCH_CELL);
  auto grant = request(HIVE_GLOBAL_GRANT);
  grant.cell = 3;
  EXPECT_EQ(ask(kHome, grant).status, HIVE_GLOBAL_NO_SUCH_CELL);
  auto page = request(HIVE_GLOBAL_PAGE);
  page.first = kPages;
  EXPECT_EQ(ask(kOther, page).status, HIVE_GLOBAL_OUT_OF_RANGE);
  page.section = 9;
  EXPECT_EQ(ask(kOther, page).status, HIVE_GLOBAL_NO_SUCH_SECTION);
  EXPECT_EQ(create("no good name", 1).status, HIVE_GLOBAL_BAD_NAME);
  EXPECT_EQ(create("big", kPages + 1).status, HIVE_GLOBAL_NO_SPACE);
  auto endless = request(HIVE_GLOBAL_SECTION_OPEN);
  std::memset(endless.name, 'a', sizeof endless.name);
  EXPECT_EQ(ask(kOther, endless).status, HIVE_GLOBAL_BAD_NAME);
  auto own = request(HIVE_GLOBAL_REVOKE);
  own.cell = 1;
  EXPECT_EQ(ask(kHome, own).status, HIVE_GLOBAL_HOME_WRITES);
}

}  // namespace
}  // namespace hive::firewall
