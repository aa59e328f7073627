#include "cellmon/cli/event_page.h"

#include <gtest/gtest.h>

#include <vector>

namespace hive::cli {
namespace {

using wire::Event;
using wire::Json;

Json page_of(const std::vector<std::uint64_t>& sequences, const Json& more) {
  Json page{{"events", Json::array()}, {"more", more}};
  for (const std::uint64_t sequence : sequences) {
    page["events"].push_back(to_json(Event{sequence, 1, 1, "alpha", "running", ""}));
  }
  return page;
}

TEST(TakeEvents, GoesOnWhileThereAreNewOnes) {
  std::uint64_t after = 2;
  std::vector<Event> events;
  EXPECT_TRUE(take_events(page_of({3, 4}, true), after, events));
  EXPECT_FALSE(take_events(page_of({5}, false), after, events));
  EXPECT_EQ(after, 5U);
  EXPECT_EQ(events.size(), 3U);
}

TEST(TakeEvents, EndsWhereAMonitorWouldHaveItGoOnForEver) {
  std::uint64_t after = 4;
  std::vector<Event> events;
  EXPECT_FALSE(take_events(page_of({}, true), after, events));
  EXPECT_FALSE(take_events(page_of({4}, true), after, events));
  EXPECT_FALSE(take_events(page_of({5}, 1), after, events));
  for (const char* text : {"[]", "null", "{}", R"({"events": {}, "more": true})",
                           R"({"events": [7], "more": true})", R"({"events": 1})"}) {
    EXPECT_FALSE(take_events(Json::parse(text), after, events)) << text;
  }
  EXPECT_EQ(events.size(), 1U);
}

TEST(EventCursor, BeginsAnewWithAnotherMonitor) {
  EventCursor cursor;
  EXPECT_TRUE(cursor.follow(10));
  cursor.sequence = 7;
  EXPECT_FALSE(cursor.follow(10));
  EXPECT_EQ(cursor.sequence, 7U);
  EXPECT_TRUE(cursor.follow(11));
  EXPECT_EQ(cursor.sequence, 0U);
}

}  // namespace
}  // namespace hive::cli
