// `hive top` on a terminal.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstring>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "tests/kvm/run/hive_run.h"
#include "vmm/base/unique_fd.h"

namespace hive::test {
namespace {

using testing::EndsWith;
using testing::StartsWith;

/// A terminal of 80 columns with `hive top MACHINE` on it.
class TerminalTop {
 public:
  explicit TerminalTop(const std::string& machine) {
    winsize size{};
    size.ws_row = 24;
    size.ws_col = 80;
    int master = -1;
    int slave = -1;
    if (::openpty(&master, &slave, nullptr, nullptr, &size) != 0) return;
    master_.reset(master);
    slave_.reset(slave);
    ::fcntl(master, F_SETFD, FD_CLOEXEC);
    before_ = state();
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::setsid();
    ::ioctl(slave, TIOCSCTTY, 0);
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(slave, fd);
    ::execl(HIVE_PROGRAM, HIVE_PROGRAM, "top", machine.c_str(), nullptr);
    ::_exit(127);
  }
  TerminalTop(const TerminalTop&) = delete;
  TerminalTop& operator=(const TerminalTop&) = delete;
  ~TerminalTop() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  [[nodiscard]] bool is_there() const { return pid_ > 0; }
  [[nodiscard]] const std::string& seen() const { return seen_; }
  [[nodiscard]] termios before() const { return before_; }
  [[nodiscard]] termios state() const {
    termios state{};
    EXPECT_EQ(::tcgetattr(slave_.get(), &state), 0);
    return state;
  }

  /// Reads on until HOLDS, at most half a minute; whether it does.
  bool read_until(const std::function<bool()>& holds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!holds() && std::chrono::steady_clock::now() < end) {
      pollfd entry{master_.get(), POLLIN, 0};
      if (::poll(&entry, 1, 50) <= 0) continue;
      std::array<char, 4096> part{};
      const ssize_t size = ::read(master_.get(), part.data(), part.size());
      if (size > 0) seen_.append(part.data(), static_cast<std::size_t>(size));
    }
    return holds();
  }
  void press(char key) const { EXPECT_EQ(::write(master_.get(), &key, 1), 1); }
  void signal(int number) const { ::kill(pid_, number); }
  /// Reads on to the program's end; its exit status.
  int await_end() {
    int status = -1;
    (void)read_until([&] {
      if (pid_ > 0 && ::waitpid(pid_, &status, WNOHANG) == pid_) pid_ = 0;
      return pid_ == 0;
    });
    const std::size_t before = seen_.size();
    (void)read_until([&, tries = 0]() mutable { return seen_.size() > before || ++tries > 5; });
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  UniqueFd master_;
  UniqueFd slave_;
  pid_t pid_ = 0;
  termios before_{};
  std::string seen_;
};

class Top : public testing::Test {
 protected:
  void SetUp() override {
    machine_.add_cell("alpha", std::vector{micro::halt()});
    ASSERT_EQ(machine_.up().status, 0);
  }

  /// Whether the terminal is as it was before TOP.
  static bool is_as_before(const TerminalTop& top) {
    const termios before = top.before();
    const termios after = top.state();
    return before.c_iflag == after.c_iflag && before.c_oflag == after.c_oflag &&
           before.c_lflag == after.c_lflag && before.c_cflag == after.c_cflag &&
           std::memcmp(before.c_cc, after.c_cc, sizeof before.c_cc) == 0;
  }

  TestMachine machine_;
};

TEST_F(Top, LeavesTheTerminalAsItWas) {
  TerminalTop top(machine_.name());
  ASSERT_TRUE(top.is_there());
  ASSERT_TRUE(
      top.read_until([&] { return top.seen().find("alpha  running") != std::string::npos; }));
  EXPECT_FALSE(is_as_before(top));
  EXPECT_THAT(top.seen(), StartsWith("\x1b[?1049h\x1b[?25l"));
  top.press('q');
  EXPECT_EQ(top.await_end(), 0);
  EXPECT_THAT(top.seen(), EndsWith("\x1b[?25h\x1b[?1049l"));
  EXPECT_TRUE(is_as_before(top));
}

TEST_F(Top, LeavesItSoAfterASignal) {
  TerminalTop top(machine_.name());
  ASSERT_TRUE(top.is_there());
  ASSERT_TRUE(
      top.read_until([&] { return top.seen().find("alpha  running") != std::string::npos; }));
  top.signal(SIGTERM);
  EXPECT_EQ(top.await_end(), 0);
  EXPECT_TRUE(is_as_before(top));
}

TEST_F(Top, GoesOnByItselfInEightyColumns) {
  TerminalTop top(machine_.name());
  ASSERT_TRUE(top.is_there());
  ASSERT_TRUE(top.read_until([&] {
    const std::size_t first = top.seen().find("alpha  running");
    return first != std::string::npos &&
           top.seen().find("alpha  running", first + 1) != std::string::npos;
  }));
  std::istringstream lines(top.seen());
  for (std::string line; std::getline(lines, line);) {
    const std::size_t end = line.find("\x1b[K");
    if (end == std::string::npos) continue;
    const std::size_t start = line.rfind('\x1b', end - 1);
    const std::size_t text = start == std::string::npos ? 0 : line.find('H', start) + 1;
    EXPECT_LE(end - text, 80U) << line;
  }
  top.press('\x03');
  EXPECT_EQ(top.await_end(), 0);
}

}  // namespace
}  // namespace hive::test
