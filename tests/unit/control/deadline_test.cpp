#include "cellmon/control/deadline.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace hive::control {
namespace {

using std::chrono_literals::operator""ms;

TEST(Deadline, PassesOnce) {
  boost::asio::io_context loop;
  Deadline deadline(loop);
  int passed = 0;
  deadline.arm(1ms, [&] { passed += 100; });
  deadline.arm(2ms, [&] { ++passed; });
  loop.run();
  EXPECT_EQ(passed, 1);
}

/// Both timers expire before the loop looks, so that both expiries are queued when the first runs.
class QueuedDeadline : public ::testing::Test {
 protected:
  void run() {
    ::usleep(20'000);
    loop_.run();
  }

  boost::asio::io_context loop_;
  Deadline first_{loop_};
  Deadline second_{loop_};
  int passed_ = 0;
};

TEST_F(QueuedDeadline, CanBeDisarmed) {
  first_.arm(1ms, [&] { second_.disarm(); });
  second_.arm(2ms, [&] { ++passed_; });
  run();
  EXPECT_EQ(passed_, 0);
}

TEST_F(QueuedDeadline, CanBeArmedAnew) {
  first_.arm(1ms, [&] { second_.arm(0ms, [&] { ++passed_; }); });
  second_.arm(2ms, [&] { passed_ += 100; });
  run();
  EXPECT_EQ(passed_, 1);
}

}  // namespace
}  // namespace hive::control
