// Waiting and waking across cells, among threads and processes.
#include "guests/sdk/events/events.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>
#include <vector>

#include "tests/support/no_more_descriptors.h"
#include "tests/unit/sdk/cells.h"
#include "vmm/base/unique_fd.h"

namespace {

using hive::sdk::Clock;
using hive::sdk::WaitKey;
using hive::testing::CellEvents;
using hive::testing::Cells;
using hive::testing::load;
using hive::testing::store;
using namespace std::chrono_literals;

constexpr WaitKey kKey{1, 4096};

bool wait_for(CellEvents& cell, const WaitKey& key, std::uint32_t old, Clock::duration limit) {
  const std::uint32_t* word = cell.word(key.home, key.offset);
  return cell.events.wait(
      key, [&] { return load(word) != old; }, Clock::now() + limit);
}

/// Until CELL sleeps for KEY, as its wait table says.
void await_sleeper(Cells& cells, CellEvents& watcher, std::uint32_t cell, const WaitKey& key) {
  const auto before = cells.bells.rings(cell);
  while (!watcher.events.areas().has_waiters(cell, key)) std::this_thread::sleep_for(1ms);
  EXPECT_EQ(cells.bells.rings(cell), before);
}

TEST(Events, WakesASleeperOfAnotherCell) {
  Cells cells;
  CellEvents alpha(cells, 0);
  CellEvents beta(cells, 1);
  std::thread sleeper([&] { EXPECT_TRUE(wait_for(alpha, kKey, 0, 30s)); });
  await_sleeper(cells, beta, 0, kKey);
  store(beta.word(1, 4096), 1);
  EXPECT_EQ(beta.events.wake(kKey), 1U);
  sleeper.join();
  EXPECT_EQ(cells.bells.interrupts(0), 1U);
  EXPECT_EQ(beta.events.wake(kKey), 0U) << "nobody waits any more";
  EXPECT_EQ(cells.bells.rings(1), 0U) << "cells where nobody waits are left alone";
}

TEST(Events, WakesAllThreadsOfItsOwnCell) {
  Cells cells;
  CellEvents beta(cells, 1);
  std::vector<std::thread> sleepers;
  for (int i = 0; i < 4; ++i) {
    sleepers.emplace_back([&] { EXPECT_TRUE(wait_for(beta, kKey, 0, 30s)); });
  }
  await_sleeper(cells, beta, 1, kKey);
  store(beta.word(1, 4096), 1);
  EXPECT_LE(beta.events.wake(kKey), 1U);
  for (std::thread& each : sleepers) each.join();
}

TEST(Events, SleepsUntilTheDeadlineWhereOthersAreWoken) {
  Cells cells;
  CellEvents alpha(cells, 0);
  CellEvents beta(cells, 1);
  std::atomic<bool> over{false};
  std::thread other([&] {
    while (!over) {
      cells.bells.ring(0);
      std::this_thread::sleep_for(1ms);
    }
  });
  while (cells.bells.rings(0) == 0) std::this_thread::sleep_for(1ms);
  const auto start = Clock::now();
  EXPECT_FALSE(wait_for(alpha, kKey, 0, 50ms));
  EXPECT_GE(Clock::now() - start, 50ms);
  over = true;
  other.join();
  EXPECT_FALSE(beta.events.areas().has_waiters(0, kKey)) << "its entry is taken back";
}

TEST(Events, TakesNoNoticeOfRingsFromBeforeTheWait) {
  Cells cells;
  CellEvents alpha(cells, 0);
  for (int i = 0; i < 3; ++i) cells.bells.ring(0);
  EXPECT_FALSE(wait_for(alpha, kKey, 0, 20ms));
}

/// With the pin always on, and the handler of an interrupt that was forgotten not through.
TEST(Events, FindsOutAboutDoorbellsThatWereLost) {
  Cells cells;
  CellEvents alpha(cells, 0);
  CellEvents beta(cells, 1);
  cells.bells.set_slow(0);
  std::thread sleeper([&] { EXPECT_TRUE(wait_for(alpha, kKey, 0, 30s)); });
  await_sleeper(cells, beta, 0, kKey);
  cells.bells.ring(0);
  // Time for it to sleep again; where it does not, it is the store that ends the wait.
  std::this_thread::sleep_for(50ms);
  store(beta.word(1, 4096), 1);
  EXPECT_EQ(beta.events.wake(kKey), 1U);
  sleeper.join();
  EXPECT_EQ(cells.bells.interrupts(0), 1U) << "the second doorbell was lost";
  cells.bells.end_interrupt(0);
}

TEST(Events, SleepsAreShortOnlyAfterAnInterruptWasForgotten) {
  Cells cells;
  const auto bell = cells.bells.bell(0);
  const auto listener = bell->listen(Clock::now()).value();
  EXPECT_EQ(listener->longest_sleep(100ms), 100ms);
  cells.bells.ring(0);
  listener->forget();
  EXPECT_EQ(listener->longest_sleep(100ms), 100ms) << "nothing is lost with a pin that is masked";
  cells.bells.set_slow(0);
  EXPECT_TRUE(listener->enable());
  cells.bells.ring(0);
  listener->forget();
  const auto least = Clock::now();
  EXPECT_LT(listener->longest_sleep(1h), 1min);
  while (Clock::now() < least + 20ms) std::this_thread::sleep_for(1ms);
  EXPECT_GE(listener->longest_sleep(1h), 20ms);
  EXPECT_EQ(listener->longest_sleep(10ms), 10ms);
}

TEST(Events, PollsWhereTheCellHasNoMemoryOrHearsNothing) {
  Cells cells;
  CellEvents gamma(cells, 2);
  CellEvents beta(cells, 1);
  EXPECT_FALSE(gamma.events.areas().has_own());
  EXPECT_FALSE(wait_for(gamma, kKey, 0, 5ms));
  std::thread poller([&] { EXPECT_TRUE(wait_for(gamma, kKey, 0, 30s)); });
  store(beta.word(1, 4096), 1);
  poller.join();
  EXPECT_EQ(cells.bells.rings(2), 0U);
  // A guest without a UIO driver: the fake sysfs has none.
  const auto machine = hive::sdk::Machine::open({}, cells.fake.paths());
  ASSERT_TRUE(machine.ok());
  EXPECT_EQ(machine.value()->wait(1, 4096, 0, 1s).value(), 1U);
  EXPECT_EQ(machine.value()->wait(1, 4096, 1, 5ms).status(), HIVE_DEADLINE);
}

/// What the first sleep takes does not delay the end of a wait, nor its deadline.
TEST(Events, WaitsEndInTimeWhileAnotherProgramHoldsTheRegisters) {
  Cells cells;
  const auto machine = cells.machine(0);
  CellEvents beta(cells, 1);
  const hive::UniqueFd other(
      ::open((cells.fake.function_folder() + "/resource0").c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(::flock(other.get(), LOCK_EX), 0);
  const auto start = Clock::now();
  EXPECT_EQ(machine->wait(1, 4096, 0, 50ms).status(), HIVE_DEADLINE);
  std::thread later([&] {
    std::this_thread::sleep_for(10ms);
    store(beta.word(1, 4096), 1);
  });
  EXPECT_EQ(machine->wait(1, 4096, 0, 60s).value(), 1U);
  later.join();
  EXPECT_LT(Clock::now() - start, 50s) << "requests have 60 s";
  ASSERT_EQ(::flock(other.get(), LOCK_UN), 0);
  EXPECT_NE(machine->events().take_listener(Clock::now() + 30s), nullptr);
}

TEST(Events, WaitsEndInTimeWhileTheDriverIsLoaded) {
  Cells cells;
  auto paths = cells.fake.paths();
  paths.pci_bus = cells.fake.folder();
  paths.modprobe = {"/none", cells.fake.folder() + "/modprobe"};
  std::ofstream(paths.modprobe.back()) << "#!/bin/sh\nexec sleep 60\n";
  std::filesystem::permissions(paths.modprobe.back(), std::filesystem::perms::owner_all);
  const std::string chosen = cells.fake.function_folder() + "/driver_override";
  std::ofstream(chosen) << "";
  const auto start = Clock::now();
  {
    const auto machine = hive::sdk::Machine::open({}, paths);
    ASSERT_TRUE(machine.ok());
    EXPECT_EQ(machine.value()->wait(1, 4096, 0, 50ms).status(), HIVE_DEADLINE);
    EXPECT_FALSE(machine.value()->events().is_deaf());
    std::string driver;
    std::ifstream(chosen) >> driver;
    EXPECT_EQ(driver, "uio_pci_generic");
  }
  EXPECT_LT(Clock::now() - start, 30s);
  // One that comes to nothing leaves the function to others.
  std::ofstream(paths.modprobe.back()) << "#!/bin/sh\nexit 1\n";
  const auto machine = hive::sdk::Machine::open({}, paths);
  ASSERT_TRUE(machine.ok());
  EXPECT_EQ(machine.value()->events().take_listener(Clock::now() + 30s), nullptr);
  EXPECT_TRUE(machine.value()->events().is_deaf());
  std::string driver;
  std::ifstream chosen_now(chosen);
  std::getline(chosen_now, driver);
  EXPECT_EQ(driver, "");
}

/// Each listener takes a descriptor.
class CountedBell : public hive::sdk::Bell {
 public:
  explicit CountedBell(std::unique_ptr<Bell> bell) : bell_(std::move(bell)) {}
  hive::sdk::Result<std::unique_ptr<hive::sdk::Listener>> listen(Clock::time_point end) override {
    taken_.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!taken_) return hive::sdk::system_failure("open", errno);
    return bell_->listen(end);
  }
  void ring(std::uint32_t cell) override { bell_->ring(cell); }

 private:
  std::unique_ptr<Bell> bell_;
  hive::UniqueFd taken_;
};

TEST(Events, HearAgainWhenThereAreDescriptorsAgain) {
  Cells cells;
  const auto device = cells.device(0);
  hive::sdk::Events events(device, std::make_unique<CountedBell>(cells.bells.bell(0)), {});
  {
    const hive::testing::NoMoreDescriptors none;
    EXPECT_FALSE(events.wait(
        kKey, [] { return false; }, Clock::now() + 5ms));
    EXPECT_EQ(events.take_listener(Clock::now() + 1s), nullptr);
    EXPECT_FALSE(events.is_deaf());
  }
  EXPECT_NE(events.take_listener(Clock::now() + 30s), nullptr);
}

TEST(Events, SurvivesTablesThatFaultOrAreGone) {
  Cells cells;
  CellEvents alpha(cells, 0);
  std::memset(cells.fake.memory(1) + (Cells::kPages - 16) * 4096, 0xff, 16 * 4096);
  EXPECT_EQ(alpha.events.wake(kKey), 0U) << "all-ones: that home is gone";
  EXPECT_FALSE(alpha.events.areas().sips_section(1, 0).has_value());
  std::memset(cells.fake.memory(1) + (Cells::kPages - 16) * 4096, 0x7f, 16 * 4096);
  EXPECT_EQ(alpha.events.wake(kKey), 1U) << "a liar costs a doorbell";
}

TEST(Events, StartsWithAnEmptyTableInEachIncarnation) {
  Cells cells;
  const auto dead = cells.machine(0, 1);
  ASSERT_TRUE(dead->use_system_area().ok());
  dead->events().areas().add_waiter(kKey);
  EXPECT_TRUE(dead->events().areas().has_waiters(0, kKey));
  ASSERT_TRUE(cells.machine(0, 1)->use_system_area().ok());
  EXPECT_TRUE(dead->events().areas().has_waiters(0, kKey)) << "another program of the same boot";
  ASSERT_TRUE(cells.machine(0, 2)->use_system_area().ok());
  EXPECT_FALSE(dead->events().areas().has_waiters(0, kKey));
}

/// Adds to the word whenever it is our turn, ROUNDS times; false where a wake-up was lost.
bool play(CellEvents& cell, const WaitKey& key, std::uint32_t turn, std::uint32_t rounds,
          unsigned seed) {
  std::uint32_t* word = cell.word(key.home, key.offset);
  std::minstd_rand random(seed);
  for (std::uint32_t round = 0; round < rounds; ++round) {
    const std::uint32_t mine = 2 * round + turn;
    const bool woken = cell.events.wait(
        key, [&] { return load(word) == mine; }, Clock::now() + 40s);
    if (!woken) return false;
    // Now within the other's spin, now in the middle of its way to sleep.
    if (random() % 4 == 0) std::this_thread::sleep_for(std::chrono::microseconds(random() % 200));
    store(word, mine + 1);
    cell.events.wake(key);
  }
  return true;
}

TEST(EventsStress, LosesNoWakeUpAmongThreadsOfTwoCells) {
  constexpr std::uint32_t kRounds = 3000;
  Cells cells;
  CellEvents alpha(cells, 0);
  CellEvents beta(cells, 1);
  std::vector<std::thread> players;
  for (unsigned pair = 0; pair < 3; ++pair) {
    const WaitKey key{pair % 2, 4096 + 64 * pair};
    CellEvents& other = pair == 2 ? alpha : beta;  // The last pair are threads of one cell.
    players.emplace_back([&, key, pair] { EXPECT_TRUE(play(alpha, key, 0, kRounds, pair)); });
    players.emplace_back([&, key, pair] { EXPECT_TRUE(play(other, key, 1, kRounds, pair + 9)); });
  }
  for (std::thread& each : players) each.join();
}

TEST(EventsStress, LosesNoWakeUpAmongProcesses) {
  constexpr std::uint32_t kRounds = 2000;
  Cells cells;
  ASSERT_TRUE(cells.machine(0)->use_system_area().ok());  // Once, before all of them.
  ASSERT_TRUE(cells.machine(1)->use_system_area().ok());
  std::vector<pid_t> children;
  for (std::uint32_t player = 0; player < 4; ++player) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      const std::uint32_t pair = player / 2;
      CellEvents cell(cells, pair == 0 ? player % 2 : 0);
      const bool good = play(cell, {0, 8192 + 64 * pair}, player % 2, kRounds, player);
      ::_exit(good ? 0 : 1);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
}

}  // namespace
