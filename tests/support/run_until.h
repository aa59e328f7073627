// Running a loop until something holds.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>

namespace hive::test {

/// Runs LOOP until HOLDS does, at most for a minute: a busy machine may take long.
inline void run_until(boost::asio::io_context& loop, const std::function<bool()>& holds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!holds() && std::chrono::steady_clock::now() < end) {
    loop.run_for(std::chrono::milliseconds(1));
    loop.restart();
  }
  EXPECT_TRUE(holds());
}

}  // namespace hive::test
