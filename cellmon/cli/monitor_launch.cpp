#include "cellmon/cli/monitor_launch.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "vmm/base/descriptors.h"
#include "vmm/base/error.h"

namespace hive::cli {
namespace {

constexpr int kPlanSlot = 3;
constexpr int kReadySlot = 4;
constexpr int kSlots = 5;

/// A file in memory that holds TEXT and is at its start.
UniqueFd memory_file(const std::string& text) {
  UniqueFd fd(::memfd_create("hive-plan", MFD_CLOEXEC));
  if (!fd) throw_errno("cannot make a memory file");
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    throw_errno("cannot write a memory file");
  }
  ::lseek(fd.get(), 0, SEEK_SET);
  return fd;
}

/// The child's part: never returns. PLAN and READY are above the slots.
[[noreturn]] void become_monitor(const char* program, char* const* argv, int plan, int ready) {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::setsid();
  if (::dup2(plan, kPlanSlot) < 0 || ::dup2(ready, kReadySlot) < 0) ::_exit(126);
  ::syscall(SYS_close_range, kSlots, ~0U, 0);
  ::execv(program, argv);
  const std::string_view why = "{\"error\": \"it cannot be executed\"}\n";
  if (::write(kReadySlot, why.data(), why.size()) < 0) ::_exit(126);
  ::_exit(127);
}

}  // namespace

std::string monitor_program() {
  std::array<char, PATH_MAX> buffer;
  const ssize_t size = ::readlink("/proc/self/exe", buffer.data(), buffer.size());
  if (size <= 0) throw_errno("cannot read /proc/self/exe");
  const std::string path(buffer.data(), static_cast<std::size_t>(size));
  return path.substr(0, path.rfind('/')) + "/hive-cellmon";
}

LaunchedMonitor launch_monitor(const std::string& program, const std::string& plan,
                               std::size_t index, const std::string& run_dir, std::uint64_t life) {
  if (::access(program.c_str(), X_OK) != 0) throw_errno("cannot execute " + program);
  const UniqueFd plan_file = copy_fd(memory_file(plan).get(), kSlots);
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) throw_errno("cannot make a pipe");
  LaunchedMonitor monitor{-1, UniqueFd(pipe[0])};
  const UniqueFd write_end(pipe[1]);
  const UniqueFd ready = copy_fd(write_end.get(), kSlots);
  std::vector<std::string> words{"hive-cellmon",
                                 "--plan-fd",
                                 std::to_string(kPlanSlot),
                                 "--ready-fd",
                                 std::to_string(kReadySlot),
                                 "--cell",
                                 std::to_string(index),
                                 "--run-dir",
                                 run_dir,
                                 "--life",
                                 std::to_string(life)};
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  monitor.pid = ::fork();
  if (monitor.pid < 0) throw_errno("cannot start a process");
  if (monitor.pid == 0) {
    become_monitor(program.c_str(), argv.data(), plan_file.get(), ready.get());
  }
  return monitor;
}

void await_ready(const LaunchedMonitor& monitor, std::chrono::steady_clock::time_point deadline,
                 const SignalFd& signals) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  std::array<pollfd, 2> entries{{{monitor.ready.get(), POLLIN, 0}, {signals.fd(), POLLIN, 0}}};
  ::poll(entries.data(), entries.size(), static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
  if (signals.take() != 0) throw Error("interrupted as its monitor started");
  if (entries[0].revents == 0) throw Error("its monitor does not answer");
  std::array<char, 4096> buffer;
  const ssize_t count = ::read(monitor.ready.get(), buffer.data(), buffer.size());
  if (count <= 0) throw Error("its monitor ended as it started");
  const std::string_view text(buffer.data(), static_cast<std::size_t>(count));
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (json.is_object() && json.value("ready", false)) return;
  throw Error("its monitor: " + (json.is_object() ? json.value("error", "broken") : "broken"));
}

}  // namespace hive::cli
