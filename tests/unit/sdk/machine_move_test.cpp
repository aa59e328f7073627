// Sections that move, as programs find them.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <thread>

#include "guests/sdk/hive_placement.h"
#include "guests/sdk/machine.h"
#include "tests/unit/sdk/opened_machine.h"

namespace {

using hive::sdk::Machine;
using hive::sdk::testing::open;
using hive::testing::FakeGlobalDevice;
using namespace std::chrono_literals;

/// This cell is cell 0.
class MovingTest : public ::testing::Test {
 protected:
  using Section = hive::sdk::Result<hive_section>;

  /// A section of FROM that this cell has made, on its way to TO.
  void begin(std::uint32_t from, unsigned to) {
    for (const unsigned home : {0U, 1U}) device_.set_hosting(home, 8);
    const auto made = machine_->create_section_at(from, "goes", 3, HIVE_MOVABLE);
    ASSERT_TRUE(made.ok());
    device_.begin_move(from, made.value().number, to);
  }
  /// What ASK gives, where WHAT happens once it has been told to wait and has asked again.
  Section meanwhile(const std::function<void()>& what, const std::function<Section()>& ask) {
    std::atomic<int> refusals = 0;
    std::atomic<bool> is_over = false;
    device_.set_alter([&](hive_global_reply& reply) {
      if (reply.status == HIVE_GLOBAL_MOVING) ++refusals;
    });
    std::thread later([&] {
      while (refusals < 2 && !is_over) std::this_thread::sleep_for(1ms);
      what();
    });
    auto result = ask();
    is_over = true;
    later.join();
    device_.set_alter({});
    EXPECT_GE(refusals, 2) << "it does not wait";
    return result;
  }

  FakeGlobalDevice device_{4};
  std::unique_ptr<Machine> machine_ = open(device_);
};

TEST_F(MovingTest, FollowsSectionsThatHaveMoved) {
  device_.set_hosting(1, 8);
  const auto old = machine_->create_section_at(0, "goes", 3, HIVE_MOVABLE);
  ASSERT_TRUE(old.ok());
  device_.move(0, old.value().number, 1);
  const auto moved = machine_->close_section(old.value());
  EXPECT_EQ(moved.status(), HIVE_MOVED);
  EXPECT_EQ(moved.failure().home, 1U);
  EXPECT_EQ(machine_->grant(2, &old.value(), {0, 1, 0, 1}).status(), HIVE_MOVED);
  EXPECT_EQ(machine_->page(0, &old.value(), 0).status(), HIVE_MOVED);
  for (const std::uint32_t home : {0U, 1U, HIVE_ANY_HOME}) {
    EXPECT_EQ(machine_->find_section(home, "goes").value().home, 1U) << home;
    EXPECT_EQ(machine_->open_section(home, "goes").value().home, 1U) << home;
  }
  const auto here = machine_->find_section(0, "goes");
  EXPECT_EQ(here.value().flags, HIVE_MOVABLE);
  EXPECT_EQ(machine_->next_section(0, 0).status(), HIVE_NOT_FOUND);
  // Its creator decides about it there.
  EXPECT_TRUE(machine_->destroy_section(here.value(), HIVE_FORCE).ok());
  EXPECT_EQ(machine_->open_section(0, "goes").status(), HIVE_NO_SUCH_SECTION);
}

TEST_F(MovingTest, WaitsForWhatIsOnItsWay) {
  begin(0, 1);
  EXPECT_EQ(machine_->find_section(0, "goes").value().home, 0U) << "it is there yet";
  EXPECT_EQ(machine_->find_section(HIVE_ANY_HOME, "goes").value().home, 0U);
  device_.switch_move();
  const auto opened = meanwhile([this] { device_.end_move(); },
                                [this] { return machine_->open_section(0, "goes"); });
  ASSERT_TRUE(opened.ok()) << opened.failure().message;
  EXPECT_EQ(opened.value().home, 1U);
}

TEST_F(MovingTest, FindsWhatIsOnItsWay) {
  begin(0, 1);
  device_.switch_move();
  const auto found = meanwhile([this] { device_.end_move(); },
                               [this] { return machine_->find_section(HIVE_ANY_HOME, "goes"); });
  ASSERT_TRUE(found.ok()) << found.failure().message;
  EXPECT_EQ(found.value().home, 1U);
}

TEST_F(MovingTest, FindsItWhereItStaysIfItDoesNotMoveAfterAll) {
  begin(1, 0);
  EXPECT_EQ(machine_->find_section(HIVE_ANY_HOME, "goes").value().home, 1U)
      << "cell 0 keeps a place only";
  const auto opened = meanwhile([this] { device_.keep_section(); },
                                [this] { return machine_->open_section(HIVE_ANY_HOME, "goes"); });
  ASSERT_TRUE(opened.ok()) << opened.failure().message;
  EXPECT_EQ(opened.value().home, 1U) << "cell 0 has not heard yet";
  device_.drop_place();
  EXPECT_EQ(machine_->open_section(0, "goes").status(), HIVE_NO_SUCH_SECTION);
}

TEST_F(MovingTest, WaitsForTheFirstOfThatNameWhereThereAreMore) {
  begin(0, 1);
  ASSERT_EQ(device_.create_as(2, "goes", 1), HIVE_GLOBAL_OK);
  const auto opened = meanwhile(
      [this] {
        device_.switch_move();
        device_.end_move();
      },
      [this] { return machine_->open_section(HIVE_ANY_HOME, "goes"); });
  ASSERT_TRUE(opened.ok()) << opened.failure().message;
  EXPECT_EQ(opened.value().home, 1U);
}

TEST_F(MovingTest, SaysWhereItIsLostOnItsWay) {
  begin(0, 1);
  device_.switch_move();
  const auto opened = meanwhile([this] { device_.drop_place(); },
                                [this] { return machine_->open_section(0, "goes"); });
  EXPECT_EQ(opened.status(), HIVE_NO_SUCH_SECTION);
}

TEST_F(MovingTest, WaitsNoLongerThanFiveSeconds) {
  begin(0, 1);
  device_.switch_move();
  const auto since = std::chrono::steady_clock::now();
  EXPECT_EQ(machine_->open_section(0, "goes").status(), HIVE_MOVING);
  EXPECT_GE(std::chrono::steady_clock::now() - since, 5s);
  EXPECT_LT(std::chrono::steady_clock::now() - since, 15s);
}

TEST(MovingDistrust, HomesThatSendEachOtherRoundEnd) {
  FakeGlobalDevice device;
  const auto machine = open(device);
  std::atomic<std::uint32_t> home = 9;
  std::atomic<int> replies = 0;
  device.set_alter([&](hive_global_reply& reply) {
    ++replies;
    reply = {reply.tag, HIVE_GLOBAL_MOVED, home, 1, 0, 0, 2, 0, "round", ""};
  });
  EXPECT_EQ(machine->open_section(0, "round").status(), HIVE_MOVED) << "to no home";
  EXPECT_EQ(replies, 1);
  home = 1;
  EXPECT_EQ(machine->open_section(0, "round").status(), HIVE_MOVING);
  EXPECT_LT(replies, 5'000) << "it asks without a pause";
}

TEST(MovingDistrust, HomesThatSendEachOtherRoundMayComeToAnEnd) {
  FakeGlobalDevice device;
  const auto machine = open(device);
  ASSERT_TRUE(machine->create_section("back", 2).ok());
  int rounds = 12;
  device.set_alter([&](hive_global_reply& reply) {
    if (--rounds < 0) return;
    reply = {reply.tag, HIVE_GLOBAL_MOVED, 1 - reply.home, 1, 0, 0, 2, 0, "back", ""};
  });
  EXPECT_EQ(machine->open_section(0, "back").value().home, 0U);
}

}  // namespace
