// boot_probe: starts one VMM and measures its guest's boot, for `scripts/dev bench boot`.
//
// usage: boot_probe RAM_MIB LINE SETTLE_SECONDS LIMIT_SECONDS COMMAND...
//
// COMMAND is a VMM whose guest has RAM_MIB of memory and its serial port on the VMM's standard
// output. Prints one JSON object:
//   seconds   from the VMM's exec to the moment when LINE, the first line of user space, came
//   exits     exits from guest mode until that moment, of all the machines that KVM runs
//   vmm_kib   proportional set size of the VMM, without guest RAM, SETTLE_SECONDS later
// Exits with 1, saying why, when the guest does not come up within LIMIT_SECONDS.

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>

#include "vmm/base/error.h"
#include "vmm/base/unique_fd.h"

namespace hive::bench {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::uint64_t ram_kib = 0;
  std::string line;
  std::chrono::seconds settle{};
  std::chrono::seconds limit{};
  char** command = nullptr;
};

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw_errno("pipe");
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

/// A VMM that this process started; killed with the object.
class Vmm {
 public:
  explicit Vmm(char** command) : input_(make_pipe()), output_(make_pipe()), started_(Clock::now()) {
    pid_ = ::fork();
    if (pid_ < 0) throw_errno("fork");
    if (pid_ == 0) become(command);
    output_.write.reset();
  }
  Vmm(const Vmm&) = delete;
  Vmm& operator=(const Vmm&) = delete;
  ~Vmm() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] int output() const { return output_.read.get(); }
  [[nodiscard]] Clock::time_point started() const { return started_; }

 private:
  [[noreturn]] void become(char** command) const {
    const sched_param normal{};
    ::sched_setscheduler(0, SCHED_OTHER, &normal);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(input_.read.get(), STDIN_FILENO);
    ::dup2(output_.write.get(), STDOUT_FILENO);
    ::execvp(command[0], command);
    std::perror(command[0]);
    ::_exit(127);
  }

  Pipe input_;  ///< Held open, so that the guest's serial port sees no end of input.
  Pipe output_;
  Clock::time_point started_;
  pid_t pid_ = -1;
};

/// Reads the guest's output until LINE stands in it. Throws Error when that does not come.
Clock::time_point await_line(const Vmm& vmm, const Options& options) {
  const auto deadline = vmm.started() + options.limit;
  std::string seen;
  std::array<char, 4096> buffer{};
  while (seen.find(options.line + "\r\n") == std::string::npos &&
         seen.find(options.line + "\n") == std::string::npos) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd poller{.fd = vmm.output(), .events = POLLIN, .revents = 0};
    const int ready = left.count() > 0 ? ::poll(&poller, 1, static_cast<int>(left.count())) : 0;
    if (ready < 0 && errno == EINTR) continue;
    const ssize_t count = ready > 0 ? ::read(vmm.output(), buffer.data(), buffer.size()) : 0;
    if (count <= 0) {
      throw Error(fmt::format("the guest {} before \"{}\"; its output: {}",
                              ready > 0 ? "ended" : "ran out of time", options.line, seen));
    }
    seen.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return Clock::now();
}

std::uint64_t read_exits() {
  std::ifstream file("/sys/kernel/debug/kvm/exits");
  std::uint64_t exits = 0;
  if (!(file >> exits)) {
    throw Error("/sys/kernel/debug/kvm/exits: cannot be read; mount debugfs, and run as root");
  }
  return exits;
}

/// Proportional set size of process PID in KiB without its one mapping of RAM_KIB, the guest's RAM.
std::uint64_t private_kib(pid_t pid, std::uint64_t ram_kib) {
  std::ifstream file(fmt::format("/proc/{}/smaps", pid));
  std::uint64_t sum = 0;
  std::uint64_t size = 0;
  unsigned ram_mappings = 0;
  for (std::string text; std::getline(file, text);) {
    std::istringstream words(text);
    std::string key;
    std::uint64_t value = 0;
    if (!(words >> key >> value)) continue;
    if (key == "Size:") {
      size = value;
      if (size == ram_kib) ++ram_mappings;
    } else if (key == "Pss:" && size != ram_kib) {
      sum += value;
    }
  }
  if (ram_mappings != 1) {
    throw Error(fmt::format("process {} has {} mappings of {} KiB; one was to be the guest's RAM",
                            pid, ram_mappings, ram_kib));
  }
  return sum;
}

/// Keeps the pipe from filling while the guest settles.
void drain(const Vmm& vmm, std::chrono::seconds duration) {
  std::array<char, 4096> buffer{};
  const auto until = Clock::now() + duration;
  for (auto now = Clock::now(); now < until; now = Clock::now()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now);
    pollfd poller{.fd = vmm.output(), .events = POLLIN, .revents = 0};
    if (::poll(&poller, 1, static_cast<int>(left.count())) > 0 &&
        ::read(vmm.output(), buffer.data(), buffer.size()) <= 0) {
      throw Error("the VMM ended while its guest was to be idle");
    }
  }
}

void measure(const Options& options) {
  // Ahead of the vCPU, so that the moment of the line is not the end of the vCPU's time slice.
  const sched_param first{.sched_priority = 10};
  if (::sched_setscheduler(0, SCHED_FIFO, &first) != 0) throw_errno("sched_setscheduler");
  const Vmm vmm(options.command);
  const auto came = await_line(vmm, options);
  const std::uint64_t exits = read_exits();
  drain(vmm, options.settle);
  const std::uint64_t kib = private_kib(vmm.pid(), options.ram_kib);
  fmt::print("{{\"seconds\": {:.6f}, \"exits\": {}, \"vmm_kib\": {}}}\n",
             std::chrono::duration<double>(came - vmm.started()).count(), exits, kib);
}

unsigned parse_number(const char* text) {
  char* end = nullptr;
  const unsigned long value = std::strtoul(text, &end, 10);
  if (end == text || *end != '\0' || value > 1'000'000) {
    throw Error(fmt::format("\"{}\" is not a number", text), Error::Kind::kUsage);
  }
  return static_cast<unsigned>(value);
}

Options parse_options(int argc, char** argv) {
  constexpr int kCommand = 5;
  if (argc <= kCommand) {
    throw Error("usage: boot_probe RAM_MIB LINE SETTLE_SECONDS LIMIT_SECONDS COMMAND...",
                Error::Kind::kUsage);
  }
  Options options;
  options.ram_kib = std::uint64_t{parse_number(argv[1])} * 1024;
  options.line = argv[2];
  options.settle = std::chrono::seconds(parse_number(argv[3]));
  options.limit = std::chrono::seconds(parse_number(argv[4]));
  options.command = argv + kCommand;
  return options;
}

}  // namespace
}  // namespace hive::bench

int main(int argc, char** argv) {
  try {
    hive::bench::measure(hive::bench::parse_options(argc, argv));
    return 0;
  } catch (const hive::Error& error) {
    std::fprintf(stderr, "boot_probe: %s\n", error.what());
    return error.exit_status();
  }
}
