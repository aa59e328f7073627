#include "cellmon/control/balloon.h"

#include <gmock/gmock.h>

#include "tests/unit/control/test_cell.h"

namespace hive::control {
namespace {

using testing::HasSubstr;

plan::Cell cell_of(std::uint64_t memory) {
  plan::Cell cell;
  cell.memory = memory;
  return cell;
}

TEST(Balloon, TakesWhatLeavesTheGuestEnough) {
  const plan::Cell cell = cell_of(256 * kMiB);
  Balloon balloon(cell);
  EXPECT_EQ(balloon.target(), 0U);
  EXPECT_EQ(balloon.set(192 * kMiB), "");
  EXPECT_EQ(balloon.target_pages(), 192 * kMiB / kPageSize);
  EXPECT_THAT(balloon.set(192 * kMiB + kPageSize), HasSubstr("can give back 192MiB at most"));
  EXPECT_THAT(balloon.set(~std::uint64_t{0}), HasSubstr("at most"));
  EXPECT_THAT(balloon.set(kPageSize + 1), HasSubstr("no whole pages"));
  EXPECT_EQ(balloon.target(), 192 * kMiB) << "what is refused changes nothing";
  EXPECT_EQ(balloon.set(0), "");
  EXPECT_EQ(balloon.target(), 0U);
}

TEST(Balloon, TakesNothingOfSmallGuests) {
  const plan::Cell cell = cell_of(32 * kMiB);
  Balloon balloon(cell);
  EXPECT_EQ(balloon.set(0), "");
  EXPECT_THAT(balloon.set(kPageSize), HasSubstr("can give back 0B"));
}

TEST(Balloon, TakesNoReservedHugePages) {
  plan::Cell cell = cell_of(kGiB);
  cell.huge_pages = plan::HugePages::kReserved;
  Balloon balloon(cell);
  EXPECT_THAT(balloon.set(2 * kMiB), HasSubstr("reserved huge pages"));
  EXPECT_EQ(balloon.set(0), "");
}

TEST(Balloon, NumbersItsPagesInAWord) {
  const plan::Cell cell = cell_of(32 * 1024 * kGiB);
  Balloon balloon(cell);
  EXPECT_THAT(balloon.set(31 * 1024 * kGiB), HasSubstr("at most"));
}

TEST(Balloon, ComesToTheVmmThoughTheCommandWasLost) {
  const TestCell cell("report started; miss 1", false, HIVE_FAKE_VMM, false, {}, false, 0, 0,
                      256 * kMiB);
  cell.await(wire::CellState::kRunning);
  TestClient client = cell.connect();
  EXPECT_EQ(client.call("balloon", {{"bytes", kMiB}}), (Json{{"target", kMiB}, {"given", 0}}));
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  Json now;
  do {
    ::usleep(20'000);
    now = client.call("balloon", Json::object());
  } while (now["given"] != kMiB && std::chrono::steady_clock::now() < deadline);
  EXPECT_EQ(now["given"], kMiB);
}

TEST(Balloon, IsAskedForByAMethod) {
  const TestCell cell("report started", false);
  cell.await(wire::CellState::kRunning);
  TestClient client = cell.connect();
  const Json none = client.call("balloon", Json::object());
  EXPECT_EQ(none, (Json{{"target", 0}, {"given", 0}}));
  EXPECT_THROW(client.call("balloon", {{"bytes", ~std::uint64_t{0} - 1}}), Error);
  EXPECT_THROW(client.call("balloon", {{"bytes", -1}}), Error);
  const Json list = client.call("events.list", Json::object());
  EXPECT_THAT(list.dump(), testing::Not(HasSubstr("balloon")));
}

}  // namespace
}  // namespace hive::control
