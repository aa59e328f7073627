// Threads' times, as the kernel books them and beyond.
#include "cellmon/control/thread_times.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace hive::control {
namespace {

using std::chrono::seconds;

TEST(ThreadTimes, AreTheKernels) {
  ThreadTimes times(::getpid(), ::gettid());
  const auto before = times.read();
  if (!before) GTEST_SKIP() << "this kernel keeps no such books";
  volatile unsigned turns = 0;
  while (times.read()->ran == before->ran) turns = turns + 1;
  EXPECT_GT(times.read()->ran, before->ran);
  EXPECT_FALSE(ThreadTimes(::getpid(), 1).read()) << "a thread of another process";
}

TEST(ThreadTimes, AreTakenAsTheyAre) {
  const auto sample = ThreadTimes::parse("988085 2731888 2\n");
  ASSERT_TRUE(sample);
  EXPECT_EQ(sample->ran, 988085U);
  EXPECT_EQ(sample->waited, 2731888U);
  for (const char* text : {"", "5", "5 ", " 5 6", "x 5 6", "5 y", "-5 6 1"}) {
    EXPECT_FALSE(ThreadTimes::parse(text)) << text;
  }
}

TEST(ThreadTimes, TellWhetherAThreadIsReady) {
  EXPECT_TRUE(ThreadTimes::is_ready("12 (vcpu 0) R 1 12"));
  EXPECT_TRUE(ThreadTimes::is_ready("12 (a) S b) R 1 12"));
  for (const char* text : {"", "12 (vcpu 0) S 1 12", "12 (x) R y) T 1", "12 (vcpu 0)", "12 R 1"}) {
    EXPECT_FALSE(ThreadTimes::is_ready(text)) << text;
  }
}

constexpr std::uint64_t kTick = ThreadTimes::Waits::kLongestUnbooked;

TEST(Waits, GoOnUntilTheyAreBooked) {
  ThreadTimes::Waits waits;
  EXPECT_EQ(waits.add({10, 70}, true, kTick).waited, 70U);
  EXPECT_EQ(waits.add({10, 70}, true, 2 * kTick - 1).waited, 70U);
  EXPECT_EQ(waits.add({10, 70}, true, 2 * kTick).waited, 70U + kTick);
  EXPECT_EQ(waits.add({10, 70}, true, 3 * kTick).waited, 70U + 2 * kTick);
  EXPECT_EQ(waits.add({20, 80 + 2 * kTick}, true, 4 * kTick).waited, 80U + 2 * kTick) << "booked";
  EXPECT_EQ(waits.add({20, 80 + 2 * kTick}, true, 5 * kTick).waited, 80U + 3 * kTick);
  EXPECT_EQ(waits.add({30, 81 + 2 * kTick}, true, 6 * kTick).waited, 80U + 3 * kTick)
      << "what was said is not taken back";
}

TEST(Waits, AreNoneOfOneThatSleepsOrRuns) {
  ThreadTimes::Waits waits;
  for (std::uint64_t now = kTick; now < 9 * kTick; now += kTick) {
    EXPECT_EQ(waits.add({10, 70}, false, now).waited, 70U);
  }
  EXPECT_EQ(waits.add({10, 70}, true, 10 * kTick).waited, 70U) << "it may just have woken";
  for (std::uint64_t now = 11; now < 19; ++now) {
    EXPECT_EQ(waits.add({now, 70}, true, now * kTick).waited, 70U) << "it runs";
  }
}

TEST(Waits, AreNoneBetweenTheSlowestTicksOfTheKernels) {
  ThreadTimes::Waits waits;
  constexpr std::uint64_t kSecond = 1'000'000'000;
  for (std::uint64_t now = kSecond; now < 20 * kSecond; now += kSecond / 10) {
    EXPECT_EQ(waits.add({now / kSecond * kSecond, 0}, true, now).waited, 0U);
  }
}

TEST(Waits, AreNoneWhereTheKernelKeepsNoBooks) {
  ThreadTimes::Waits waits;
  for (std::uint64_t now = kTick; now < 9 * kTick; now += kTick) {
    EXPECT_EQ(waits.add({0, 0}, true, now).waited, 0U);
  }
}

void keep_to_one_cpu() {
  cpu_set_t allowed;
  ASSERT_EQ(::sched_getaffinity(0, sizeof allowed, &allowed), 0);
  int cpu = 0;
  while (!CPU_ISSET(cpu, &allowed)) ++cpu;
  CPU_ZERO(&allowed);
  CPU_SET(cpu, &allowed);
  ASSERT_EQ(::sched_setaffinity(0, sizeof allowed, &allowed), 0);
}

TEST(ThreadTimes, HaveTheWaitThatGoesOn) {
  std::atomic<bool> ends = false;
  std::atomic<pid_t> idle = 0;
  std::thread waits([&] {
    keep_to_one_cpu();
    const sched_param none{};
    EXPECT_EQ(::sched_setscheduler(0, SCHED_IDLE, &none), 0);
    idle = ::gettid();
    while (!ends) continue;
  });
  const auto deadline = std::chrono::steady_clock::now() + seconds(60);
  const auto is_late = [&] { return std::chrono::steady_clock::now() >= deadline; };
  while (idle == 0 && !is_late()) std::this_thread::yield();
  std::vector<std::thread> busy;
  for (int count = 0; count < 8; ++count) {
    busy.emplace_back([&] {
      keep_to_one_cpu();
      while (!ends) continue;
    });
  }
  ThreadTimes times(::getpid(), idle);
  std::ifstream books("/proc/self/task/" + std::to_string(idle) + "/schedstat");
  std::uint64_t ahead = 0;
  bool is_kept = true;
  while (is_kept && ahead < ThreadTimes::Waits::kLongestUnbooked && !is_late()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    const std::uint64_t waited = times.latest().waited;
    std::string text;
    books.seekg(0);
    std::getline(books, text);
    books.clear();
    const auto booked = ThreadTimes::parse(text);
    is_kept = booked && booked->ran != 0;
    ahead = is_kept ? waited - std::min(waited, booked->waited) : 0;
  }
  ends = true;
  waits.join();
  for (std::thread& each : busy) each.join();
  if (!is_kept) GTEST_SKIP() << "this kernel keeps no such books";
  EXPECT_GE(ahead, ThreadTimes::Waits::kLongestUnbooked);
}

TEST(ThreadTimes, StayAsTheyWereOnceTheThreadHasEnded) {
  std::optional<ThreadTimes> times;
  ThreadTimes::Sample before;
  std::thread([&] {
    times.emplace(::getpid(), ::gettid());
    const auto end = std::chrono::steady_clock::now() + seconds(60);
    while (before.ran == 0 && std::chrono::steady_clock::now() < end) before = times->latest();
  }).join();
  if (before.ran == 0) GTEST_SKIP() << "this kernel keeps no books of threads";
  const auto end = std::chrono::steady_clock::now() + seconds(60);
  while (times->read() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  EXPECT_FALSE(times->read());
  EXPECT_GE(times->latest().ran, before.ran);
}

}  // namespace
}  // namespace hive::control
