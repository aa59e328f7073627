#include "vmm/cell/monitor_link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "vmm/base/descriptors.h"

namespace hive::cell {
namespace {

TEST(MonitorLink, LogsABoundedNumberOfLostReports) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
  const UniqueFd monitor(ends[0]);  // It never reads.
  boost::asio::io_context loop;
  MonitorLink link(
      loop, UniqueFd(ends[1]), [](Command, UniqueFd) {}, [] {});

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

TEST(MonitorLink, TakesAFileWithTheCommandToDumpAndWithNoOther) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
  UniqueFd monitor(ends[0]);
  boost::asio::io_context loop;
  std::vector<std::string> got;
  MonitorLink link(
      loop, UniqueFd(ends[1]),
      [&](Command command, UniqueFd file) {
        got.push_back(to_json(command) + (file ? " with a file" : ""));
      },
      [&] { got.emplace_back("gone"); });
  const auto send = [&](const std::string& text, std::size_t files) {
    const std::vector<int> descriptors(files, monitor.get());
    EXPECT_EQ(send_with_files(monitor.get(), std::as_bytes(std::span(text.data(), text.size())),
                              descriptors),
              0);
  };
  send(to_json(Command::kPause), 0);
  send(to_json(Command::kPause), 1);
  send(to_json(Command::kDump), 0);
  send(to_json(Command::kDump), 2);
  send(to_json(Command::kDump), 1);
  send(std::string(5000, 'x'), 0);
  send(to_json(Command::kQuit), 0);
  monitor.reset();
  loop.run();
  EXPECT_THAT(
      got, testing::ElementsAre(to_json(Command::kPause), to_json(Command::kDump) + " with a file",
                                to_json(Command::kQuit), "gone"));
}

}  // namespace
}  // namespace hive::cell
