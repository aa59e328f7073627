#include "cellmon/cli/memory_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hive::cli {
namespace {

using testing::ElementsAre;

Json right(const char* cell, std::uint64_t first, std::uint64_t pages, bool written) {
  return {{"cell", cell}, {"first", first}, {"pages", pages}, {"written", written}};
}

TEST(Table, IsAsWideAsItsTexts) {
  EXPECT_EQ(format_table({{"a", "n"}, {"long", "1"}, {"", "100"}}, "lr"),
            "  a       n\n"
            "  long    1\n"
            "        100\n");
  EXPECT_EQ(format_table({}, "lr"), "");
}

TEST(Table, PrintsNoControlCharactersAndTakesShortAndLongRows) {
  EXPECT_EQ(format_table({{"a\x1b[1m"}, {"b", "c", "d"}}, "ll"), "  a [1m\n  b      c\n");
}

TEST(RowsOfRights, CountPagesAndThoseWritten) {
  const Json rights{right("beta", 0, 4, false), right("beta", 4, 1, true),
                    right("beta", 5, 3, false), right("beta", 100, 1, true),
                    right("gamma", 101, 1, false)};
  EXPECT_THAT(rows_of_rights("alpha", rights, 9),
              ElementsAre(TableRow{"alpha", "beta", "0-7", "8", "1"},
                          TableRow{"alpha", "beta", "100", "1", "1"},
                          TableRow{"alpha", "gamma", "101", "1", "0"}));
}

TEST(RowsOfRights, SayWhereThereAreMore) {
  const Json rights{right("beta", 0, 1, false), right("beta", 7, 2, false),
                    right("gamma", 3, 1, false)};
  EXPECT_THAT(rows_of_rights("alpha", rights, 1),
              ElementsAre(TableRow{"alpha", "beta", "0", "1", "0"},
                          TableRow{"alpha", "beta", "and more: hive firewall list alpha"},
                          TableRow{"alpha", "gamma", "3", "1", "0"}));
}

TEST(RowsOfRights, TakeWhatIsNoRight) {
  EXPECT_THAT(rows_of_rights("alpha", Json::array({Json::object()}), 9), testing::SizeIs(1));
}

TEST(FormatMemory, ShowsWhatMovesAndWhatHasMoved) {
  const Json machine = Json::parse(R"({"machine": "duo", "cells": [
      {"cell": "alpha", "size": 4096, "pages": 1, "peers": [],
       "sections": [{"name": "goes", "first": 0, "pages": 1, "users": [], "creator": "alpha",
                     "movable": true, "moving": true, "coming": false},
                    {"name": "comes", "first": 1, "pages": 1, "users": [], "creator": "beta",
                     "movable": true, "moving": true, "coming": true}],
       "moved": [{"id": 3, "name": "went", "home": "beta", "first": 5, "pages": 1}]}]})");
  const std::string text = format_memory(machine);
  EXPECT_THAT(text, testing::ContainsRegex("goes +alpha, moving +0\n"));
  EXPECT_THAT(text, testing::ContainsRegex("comes +alpha for beta, coming +1\n"));
  EXPECT_THAT(text, testing::ContainsRegex("moved section +from +to\n +went +alpha +beta"));
}

TEST(PresenceOf, TellsWhatIsHereFromWhatIsToCome) {
  const Json memory = Json::parse(R"({"sections": [
      {"name": "here", "moving": true, "coming": false}, {"name": "older"}, 5,
      {"name": "comes", "moving": true, "coming": true}]})");
  EXPECT_EQ(presence_of(memory, "here"), Presence::kHere);
  EXPECT_EQ(presence_of(memory, "older"), Presence::kHere);
  EXPECT_EQ(presence_of(memory, "comes"), Presence::kComing);
  EXPECT_EQ(presence_of(memory, "none"), Presence::kNone);
  EXPECT_EQ(presence_of(Json(), "none"), Presence::kNone);
}

TEST(FormatMemory, ShowsHomesSectionsAndRights) {
  const Json machine = Json::parse(R"({"machine": "trio", "cells": [
      {"cell": "alpha", "size": 1048576, "pages": 256, "violations": 2,
       "memory_failures": 5,
       "peers": [{"cell": "beta", "size": 0, "state": "joined", "closed": true, "writable": 3,
                  "written": 1},
                 {"cell": "gamma", "size": 0, "state": "lost", "writable": 0, "written": 0}],
       "sections": [{"id": 1, "name": "table", "first": 0, "pages": 16, "users": ["alpha", "beta"],
                    "creator": "alpha", "movable": true},
                   {"id": 2, "name": "placed", "first": 16, "pages": 1, "users": [],
                    "creator": "beta", "movable": false}],
       "rights": [{"cell": "beta", "first": 0, "pages": 2, "written": false},
                  {"cell": "beta", "first": 2, "pages": 1, "written": true}]},
      {"cell": "beta", "size": 0, "pages": 0, "violations": 0, "peers": [], "sections": [],
       "rights": []},
      {"cell": "gamma", "problem": "monitor lost"}]})");
  EXPECT_EQ(format_memory(machine),
            "machine trio\n"
            "  home   memory  pages  violations\n"
            "  alpha    1MiB    256           2  beta reads as all-ones, monitor of gamma lost, "
            "writes to failed cells' memory stopped: 5\n"
            "  beta     none      0           0\n"
            "  gamma                             monitor lost\n"
            "\n"
            "  section  home            pages  open by\n"
            "  table    alpha           0-15   alpha, beta\n"
            "  placed   alpha for beta  16\n"
            "\n"
            "  home   writer  pages  count  written\n"
            "  alpha  beta    0-2        3        1\n");
}

TEST(FormatMemory, LeavesEmptyTablesOut) {
  const Json machine = Json::parse(R"({"machine": "duo", "cells": [{"cell": "a"}]})");
  EXPECT_EQ(format_memory(machine),
            "machine duo\n"
            "  home  memory  pages  violations\n"
            "  a       none      0           0\n");
}

}  // namespace
}  // namespace hive::cli
