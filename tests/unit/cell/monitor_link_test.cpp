#include "vmm/cell/monitor_link.h"

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <memory>
#include <sstream>

namespace hive::cell {
namespace {

TEST(MonitorLink, LogsABoundedNumberOfLostReports) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
  const UniqueFd monitor(ends[0]);  // It never reads.
  boost::asio::io_context loop;
  MonitorLink link(
      loop, UniqueFd(ends[1]), [](Command) {}, [] {});

  std::ostringstream log;
  const auto before = spdlog::default_logger();
  spdlog::set_default_logger(std::make_shared<spdlog::logger>(
      "test", std::make_shared<spdlog::sinks::ostream_sink_st>(log)));
  for (unsigned turn = 0; turn < 5000; ++turn) {
    link.send({ReportKind::kDeviceBroken, "disk: queue 0: nonsense"});
  }
  spdlog::set_default_logger(before);
  const std::string lines = log.str();
  const auto count = std::count(lines.begin(), lines.end(), '\n');
  EXPECT_GE(count, 1) << "there was room for all";
  EXPECT_LE(count, 10);
}

}  // namespace
}  // namespace hive::cell
