#include "cellmon/control/spare.h"

#include <gmock/gmock.h>

#include "tests/unit/control/test_cell.h"

namespace hive::control {
namespace {

using testing::HasSubstr;

plan::Cell cell_of(std::uint64_t memory, std::uint64_t spare) {
  plan::Cell cell;
  cell.memory = memory;
  cell.spare = spare;
  return cell;
}

TEST(Spare, TakesWhatTheCellMayBeLent) {
  const plan::Cell cell = cell_of(256 * kMiB, 130 * kMiB);
  Spare spare(cell);
  EXPECT_EQ(spare.target(), 0U);
  EXPECT_EQ(spare.most(), 130 * kMiB);
  EXPECT_EQ(spare.room(), 256 * kMiB) << "whole parts of what Linux adds";
  EXPECT_EQ(spare.set(130 * kMiB), "");
  EXPECT_EQ(spare.target(), 130 * kMiB);
  EXPECT_EQ(spare.set(132 * kMiB),
            "the guest has 256MiB and may be lent 130MiB at most; the cell's `max_memory` in the "
            "plan bounds it");
  EXPECT_THAT(spare.set(~std::uint64_t{0}), HasSubstr("at most"));
  EXPECT_EQ(spare.set(kMiB), "1MiB are no whole blocks; give a multiple of 2MiB");
  EXPECT_EQ(spare.target(), 130 * kMiB) << "what is refused changes nothing";
  EXPECT_EQ(spare.set(0), "");
  EXPECT_EQ(spare.target(), 0U);
}

TEST(Spare, IsNoneWhereThePlanHasNone) {
  const plan::Cell cell = cell_of(256 * kMiB, 0);
  Spare spare(cell);
  EXPECT_EQ(spare.room(), 0U);
  EXPECT_EQ(spare.set(0), "");
  EXPECT_THAT(spare.set(2 * kMiB), HasSubstr("give the cell a `max_memory` above that"));
}

/// Waits until CLIENT's cell has BYTES plugged in.
Json await_plugged(TestClient& client, std::uint64_t bytes) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  Json answer = client.call("plug", Json::object());
  while (answer["plugged"] != bytes && std::chrono::steady_clock::now() < deadline) {
    ::usleep(2000);
    answer = client.call("plug", Json::object());
  }
  return answer;
}

TEST(Spare, IsAskedForByAMethod) {
  const TestCell cell("report started", false, HIVE_FAKE_VMM, false, {}, false, 0, 6 * kMiB);
  cell.await(wire::CellState::kRunning);
  TestClient client = cell.connect();
  EXPECT_EQ(client.call("plug", Json::object()),
            (Json{{"target", 0}, {"plugged", 0}, {"most", 6 * kMiB}}));
  EXPECT_THROW(client.call("plug", {{"bytes", 8 * kMiB}}), Error);
  EXPECT_THROW(client.call("plug", {{"bytes", -1}}), Error);
  EXPECT_EQ(client.call("plug", {{"bytes", 4 * kMiB}})["target"], 4 * kMiB);
  EXPECT_EQ(await_plugged(client, 4 * kMiB),
            (Json{{"target", 4 * kMiB}, {"plugged", 4 * kMiB}, {"most", 6 * kMiB}}));
  EXPECT_THAT(client.call("events.list", Json::object()).dump(),
              HasSubstr("the guest is to have 4MiB plugged in"));
  EXPECT_THAT(client.call("metrics", Json::object()).dump(), HasSubstr("hive_cell_plugged_bytes"));
}

TEST(Spare, IsForGuestsThatAreStartedLaterToo) {
  const TestCell cell("report started", false, HIVE_FAKE_VMM, false, {}, false, 0, 6 * kMiB);
  cell.await(wire::CellState::kRunning);
  TestClient client = cell.connect();
  (void)client.call("plug", {{"bytes", 2 * kMiB}});
  (void)client.call("reboot", {{"force", true}}, kPatience);
  cell.await(wire::CellState::kRunning);
  EXPECT_EQ(TestCell::status(client).incarnation, Incarnation{2});
  EXPECT_EQ(await_plugged(client, 2 * kMiB)["plugged"], 2 * kMiB);
}

}  // namespace
}  // namespace hive::control
