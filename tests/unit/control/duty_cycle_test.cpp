// Processes that are stopped for a share of the time.
#include "cellmon/control/duty_cycle.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <csignal>
#include <vector>

#include "cellmon/control/self_stop.h"

namespace hive::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// What a process is told, which is none.
class Slowed : public testing::Test {
 protected:
  DutyCycle::Process process() {
    return {[this](milliseconds time) {
              stops.push_back(time);
              return stops_at_all;
            },
            [this] { ++continued; }};
  }
  void run(milliseconds time) {
    loop.run_for(time);
    loop.restart();
  }

  boost::asio::io_context loop{1};
  DutyCycle cycle{loop};
  std::vector<milliseconds> stops;
  unsigned continued = 0;
  bool stops_at_all = true;
};

TEST_F(Slowed, IsStoppedInEachPeriod) {
  ASSERT_TRUE(cycle.begin({75, milliseconds(100), milliseconds(60'000)}, process()));
  EXPECT_EQ(stops.size(), 1U) << "at once";
  EXPECT_EQ(continued, 0U);
  while (cycle.is_active() && stops.size() < 3) run(milliseconds(10));
  EXPECT_GE(stops.size(), 3U);
  EXPECT_EQ(stops.front(), milliseconds(75));
}

TEST_F(Slowed, IsStoppedUntilTheEnd) {
  ASSERT_TRUE(cycle.begin({75, milliseconds(100), milliseconds(800)}, process()));
  while (cycle.is_active()) run(milliseconds(10));
  EXPECT_LE(stops.size(), 9U);
  EXPECT_EQ(continued, stops.size()) << "it runs in the end";
  for (const milliseconds time : stops) EXPECT_LE(time, milliseconds(75));
}

TEST_F(Slowed, GoesOnWhenThatIsTakenBack) {
  ASSERT_TRUE(cycle.begin({50, milliseconds(60'000), {}}, process()));
  cycle.cancel();
  EXPECT_EQ(continued, 1U);
  cycle.cancel();
  EXPECT_EQ(continued, 1U) << "once";
  ASSERT_TRUE(cycle.begin({50, milliseconds(60'000), {}}, process()));
  ASSERT_TRUE(cycle.begin({10, milliseconds(60'000), {}}, process()));
  EXPECT_EQ(stops, (std::vector<milliseconds>{milliseconds(30'000), milliseconds(30'000),
                                              milliseconds(6'000)}));
  EXPECT_EQ(continued, 2U);
}

TEST_F(Slowed, MayBeNone) {
  stops_at_all = false;
  EXPECT_FALSE(cycle.begin({50, milliseconds(100), {}}, process()));
  EXPECT_FALSE(cycle.is_active());
  run(milliseconds(200));
  EXPECT_EQ(stops.size(), 1U);
}

/// In a process of its own: its parent sees when it is stopped, and goes on.
TEST(SelfStop, IsEndedByTheKernel) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto begin = steady_clock::now();
    for (int times = 0; times < 3; ++times) {
      if (!stop_self_for(milliseconds(300))) ::_exit(1);
    }
    ::_exit(steady_clock::now() - begin >= milliseconds(900) ? 0 : 2);
  }
  int status = 0;
  unsigned stopped = 0;
  while (::waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status)) ++stopped;
  EXPECT_GE(stopped, 1U);
  ASSERT_TRUE(WIFEXITED(status)) << status;
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace hive::control
