#include "cellmon/cli/children.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace hive::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// A child that ends by itself after LIFE, or is in no hurry at all.
pid_t spawn(milliseconds life = milliseconds(0)) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  if (life.count() > 0) {
    ::usleep(static_cast<useconds_t>(life.count() * 1000));
  } else {
    while (true) ::pause();
  }
  ::_exit(0);
}

bool is_reaped(pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) < 0 && errno == ECHILD; }

TEST(Children, AreReapedAsTheyEnd) {
  const SignalFd signals({SIGUSR1});
  const std::vector<pid_t> pids{spawn(milliseconds(1)), spawn(milliseconds(50))};
  EXPECT_EQ(await_children(pids, milliseconds(20'000), signals), 0U);
  for (const pid_t pid : pids) EXPECT_TRUE(is_reaped(pid));
}

TEST(Children, ShareOneLimit) {
  const SignalFd signals({SIGUSR1});
  // Enough of them that a limit of each one's own would take far longer, on a slow host too.
  constexpr std::size_t kPatient = 20;
  std::vector<pid_t> pids{spawn(milliseconds(1))};
  while (pids.size() <= kPatient) pids.push_back(spawn());
  const auto start = steady_clock::now();
  EXPECT_EQ(await_children(pids, milliseconds(1000), signals), kPatient);
  EXPECT_GE(steady_clock::now() - start, milliseconds(1000));
  EXPECT_LT(steady_clock::now() - start, milliseconds(10'000));
  for (const pid_t pid : pids) EXPECT_TRUE(is_reaped(pid));
}

/// A child that sends this process SIGUSR1 after DELAY and ends.
pid_t spawn_signaller(milliseconds delay) {
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  ::usleep(static_cast<useconds_t>(delay.count() * 1000));
  ::kill(parent, SIGUSR1);
  ::_exit(0);
}

TEST(Children, AreKilledOnASignal) {
  const SignalFd signals({SIGUSR1});
  const std::vector<pid_t> pids{spawn(), spawn()};
  const pid_t signaller = spawn_signaller(milliseconds(400));
  const auto start = steady_clock::now();
  EXPECT_EQ(await_children(pids, milliseconds(20'000), signals), 2U);
  EXPECT_GE(steady_clock::now() - start, milliseconds(400));
  EXPECT_LT(steady_clock::now() - start, milliseconds(10'000));
  ::waitpid(signaller, nullptr, 0);
}

TEST(Children, AreNotKilledOnTheSameWishOnceMore) {
  const SignalFd signals({SIGUSR1});
  ::kill(::getpid(), SIGUSR1);
  const std::vector<pid_t> pids{spawn(milliseconds(600)), spawn_signaller(milliseconds(1))};
  EXPECT_EQ(await_children(pids, milliseconds(20'000), signals), 0U);
}

}  // namespace
}  // namespace hive::cli
