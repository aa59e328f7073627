// What a monitor does when its VMM or its host does not do as it should.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/null_sink.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>

#include "cellmon/control/cell_monitor.h"
#include "cellmon/wire/local_socket.h"
#include "tests/unit/control/test_cell.h"

namespace hive::control {
namespace {

using testing::HasSubstr;
using testing::Not;
using wire::CellState;

/// Processor time of this process, in seconds.
double processor_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at) ++count;
  return count;
}

TEST(VmmFaults, APauseThatTheVmmDoesNotAnswerIsRefusedInTime) {
  const TestCell cell("report started; deaf", false);
  cell.await(CellState::kRunning);
  TestClient client = cell.connect();
  try {
    client.call("pause", Json::object(), kPatience);
    FAIL() << "paused";
  } catch (const Error& error) {
    EXPECT_THAT(std::string(error.what()), HasSubstr("the VMM has not paused the cell within 5 s"));
  }
  EXPECT_EQ(TestCell::status(client).state, CellState::kRunning);
}

TEST(VmmFaults, AnEmptyPacketIsAMalformedReportAndNotTheEnd) {
  const TestCell cell("raw; raw; report started");
  EXPECT_EQ(cell.await(CellState::kBooting).ignored_reports, 2U);
}

TEST(VmmFaults, ReportsBehindAnEmptyPacketOfAVmmThatEndedCount) {
  const TestCell cell("report started; raw; report panicked oops; exit 0");
  EXPECT_EQ(cell.await(CellState::kPanicked).cause, "oops");
}

TEST(VmmFaults, AVmmThatClosesItsHalfOfTheSocketKeepsNobodyBusy) {
  const TestCell cell("report started; hush", false);
  cell.await(CellState::kRunning);
  const double before = processor_seconds();
  ::usleep(500'000);
  EXPECT_LT(processor_seconds() - before, 0.1);
  TestClient client = cell.connect();
  EXPECT_EQ(TestCell::status(client).ignored_reports, 0U);
}

TEST(MonitorEnd, KeepsTheNameUntilTheFilesAreGone) {
  TestCell cell("report started", false);
  cell.await(CellState::kRunning);
  const std::string name = wire::socket_name(cell.address());
  TestClient client = cell.connect();
  client.call("down", {{"force", true}}, kPatience);
  EXPECT_FALSE(RpcClient::connect(cell.address()).has_value()) << "still serves";
  UniqueFd held;
  while (!(held = wire::try_hold_abstract(name))) ::usleep(100);
  EXPECT_FALSE(std::filesystem::exists(cell.machine_folder()));
}

/// While this lives, the process can open no more descriptors.
class NoMoreDescriptors {
 public:
  NoMoreDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit limit = before_;
    const int lowest_free = ::dup(STDERR_FILENO);
    ::close(lowest_free);
    limit.rlim_cur = static_cast<rlim_t>(lowest_free);
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  NoMoreDescriptors(const NoMoreDescriptors&) = delete;
  NoMoreDescriptors& operator=(const NoMoreDescriptors&) = delete;
  ~NoMoreDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST(ControlServer, WaitsQuietlyForADescriptorForItsNextClient) {
  const TestCell cell("report started", false);
  cell.await(CellState::kRunning);
  TestClient first = cell.connect();
  TestCell::status(first);
  std::optional<TestClient> second;
  double busy = 0;
  {
    // One more descriptor, for this end of the second client.
    UniqueFd spare(::dup(STDERR_FILENO));
    const NoMoreDescriptors limit;
    spare.reset();
    second = cell.connect();
    const double before = processor_seconds();
    ::usleep(700'000);
    busy = processor_seconds() - before;
    EXPECT_EQ(TestCell::status(first).state, CellState::kRunning) << "others are served on";
  }
  EXPECT_LT(busy, 0.2);
  EXPECT_EQ(TestCell::status(*second).state, CellState::kRunning);
  const std::string log = read_file(cell.machine_folder() / "alpha.log");
  EXPECT_EQ(count_of(log, "Too many open files"), 1U) << log;
}

TEST(LogLevel, IsHandedToTheVmm) {
  ::setenv("HIVE_LOG", "debug", 1);
  const TestCell cell("env; serial end; report started");
  cell.await(CellState::kBooting);
  ::unsetenv("HIVE_LOG");
  TestClient client = cell.connect();
  client.call("console.attach", Json::object());
  EXPECT_THAT(read_until(client, "end"), HasSubstr("environment HIVE_LOG=debug\r\n"));
}

/// Sees nothing.
class Blind : public CellObserver {
 public:
  void on_event(const wire::Event& /*event*/) override {}
  void on_change() override {}
  void on_console(ConsoleId /*console*/, std::string_view /*bytes*/) override {}
  void on_exec_output(std::uint32_t /*session*/, AgentPeer::Output /*output*/,
                      std::string_view /*bytes*/) override {}
  void on_exec_exit(std::uint32_t /*session*/, int /*status*/) override {}
  void on_exec_input_taken(std::uint32_t /*session*/) override {}
  void on_exec_lost(const std::string& /*why*/) override {}
  void on_finished() override {}
};

/// Starts the scripted VMM with one end missing, which no loop can watch.
TEST(CellMonitor, FailsACellWhoseVmmCannotBeWatched) {
  const TestFolder folder;
  pid_t pid = -1;
  CellSettings settings;
  settings.machine.cells.resize(1);
  settings.machine.cells[0].name = "alpha";
  settings.folder = folder.path();
  settings.launch = [&pid](const cell::CellConfig& config, bool with_agent) {
    LaunchedVmm vmm = launch_vmm(HIVE_FAKE_VMM, config, with_agent);
    pid = vmm.child.pid();
    vmm.output.reset();
    return vmm;
  };
  boost::asio::io_context loop;
  spdlog::logger log("", std::make_shared<spdlog::sinks::null_sink_st>());
  Blind observer;
  CellMonitor monitor(loop, settings, log);
  monitor.start(observer);
  EXPECT_EQ(monitor.status().state, CellState::kFailed);
  EXPECT_THAT(monitor.status().cause, HasSubstr("Bad file descriptor"));
  EXPECT_EQ(monitor.status().vmm_pid, 0);
  ASSERT_GT(pid, 0);
  EXPECT_EQ(::kill(pid, 0), -1) << "an orphan";
  EXPECT_EQ(errno, ESRCH);
}

TEST(ChildProcess, EndsWithItsOwner) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::pause();
    ::_exit(0);
  }
  {
    ChildProcess first(pid);
    EXPECT_FALSE(first.try_reap().has_value());
    ChildProcess second;
    second = std::move(first);
    EXPECT_EQ(second.pid(), pid);
    EXPECT_EQ(::kill(pid, 0), 0) << "moved, not ended";
  }
  EXPECT_EQ(::kill(pid, 0), -1);
}

}  // namespace
}  // namespace hive::control
