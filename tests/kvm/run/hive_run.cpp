#include "tests/kvm/run/hive_run.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>

#include "vmm/memory/layout.h"

namespace hive::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

bool eventually(const std::function<bool()>& done,
                std::chrono::seconds limit = std::chrono::seconds(30)) {
  const auto deadline = steady_clock::now() + limit;
  while (!done()) {
    if (steady_clock::now() > deadline) return false;
    ::usleep(10'000);
  }
  return true;
}

/// Process PID's state as proc_pid_stat(5) has it; 0: there is no such process.
char state_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  // The name before it may hold anything, such as blanks and parentheses.
  const std::size_t name_end = text.rfind(')');
  return name_end == std::string::npos || name_end + 2 >= text.size() ? 0 : text[name_end + 2];
}

pid_t run(const std::vector<std::string>& arguments, const std::vector<std::string>& wrapper,
          const fs::path& folder, int out, int err) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  ::setenv("HIVE_RUNTIME_DIR", (folder / "run").c_str(), 1);
  if (out >= 0) ::dup2(out, STDOUT_FILENO);
  if (err >= 0) ::dup2(err, STDERR_FILENO);
  const int null = ::open("/dev/null", O_RDONLY);
  ::dup2(null, STDIN_FILENO);
  std::vector<std::string> words = wrapper;
  words.emplace_back(HIVE_PROGRAM);
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execvp(argv[0], argv.data());
  ::_exit(127);
}

struct Pipe {
  Pipe() { EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0); }
  ~Pipe() {
    ::close(ends[0]);
    if (ends[1] >= 0) ::close(ends[1]);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  void close_write() { ::close(std::exchange(ends[1], -1)); }
  std::array<int, 2> ends{-1, -1};
};

/// Reads both pipes up to their ends; false when that takes more than a minute.
bool gather(const Pipe& out, const Pipe& err, Output& output) {
  std::array<pollfd, 2> entries{{{out.ends[0], POLLIN, 0}, {err.ends[0], POLLIN, 0}}};
  while (entries[0].fd >= 0 || entries[1].fd >= 0) {
    if (::poll(entries.data(), entries.size(), 60'000) <= 0) return false;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if (entries[i].revents == 0) continue;
      std::array<char, 4096> buffer;
      const ssize_t count = ::read(entries[i].fd, buffer.data(), buffer.size());
      if (count <= 0) {
        entries[i].fd = -1;
      } else {
        (i == 0 ? output.out : output.err).append(buffer.data(), static_cast<std::size_t>(count));
      }
    }
  }
  return true;
}

}  // namespace

TestMachine::TestMachine() {
  static int count = 0;
  name_ = "kvm-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
  std::string pattern = testing::TempDir() + "/hiveXXXXXX";
  folder_ = ::mkdtemp(pattern.data());
}

TestMachine::~TestMachine() {
  if (!sockets().empty()) hive({"down", name_, "--force"});
  fs::remove_all(folder_);
}

std::string TestMachine::write_script(const std::string& name,
                                      const std::vector<micro::Action>& script) const {
  const std::vector<std::byte> module = micro::make_module({script});
  const fs::path path = folder_ / (name + ".script");
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(module.data()),
             static_cast<std::streamsize>(module.size()));
  return path.string();
}

void TestMachine::add_cell(const std::string& name, const std::vector<micro::Action>& script,
                           bool agent, const std::string& keys) {
  add_cell(name, std::string("kernel: ") + HIVE_MICRO_ELF +
                     ", initrd: " + write_script(name, script) +
                     ", agent: " + (agent ? "true" : "false") + (keys.empty() ? "" : ", " + keys));
}

void TestMachine::add_cell(const std::string& name, const std::string& keys) {
  cells_.push_back("  - {name: " + name + ", cpus: 1, memory: 64MiB, " + keys + "}\n");
}

void TestMachine::add_wax(const std::string& policy) {
  cells_.push_back("  - {name: wax, role: policy, policy: " + policy + "}\n");
}

std::string TestMachine::plan_file() const {
  const fs::path path = folder_ / "plan.yaml";
  std::ofstream file(path);
  file << "machine: " << name_ << "\n" << keys_ << "cells:\n";
  for (const std::string& cell : cells_) file << cell;
  return path.string();
}

Output TestMachine::hive(const std::vector<std::string>& arguments,
                         const std::vector<std::string>& wrapper) const {
  Output output;
  Pipe out;
  Pipe err;
  const auto start = steady_clock::now();
  const pid_t pid = run(arguments, wrapper, folder_, out.ends[1], err.ends[1]);
  out.close_write();
  err.close_write();
  if (!gather(out, err, output)) ::kill(pid, SIGKILL);
  int status = 0;
  ::waitpid(pid, &status, 0);
  output.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  output.seconds = std::chrono::duration<double>(steady_clock::now() - start).count();
  return output;
}

Output TestMachine::up(std::vector<std::string> options) const {
  options.insert(options.begin(), {"up", plan_file()});
  return hive(options);
}

Output TestMachine::refusal(const std::vector<std::string>& options,
                            const std::vector<std::string>& wrapper) const {
  std::vector<std::string> arguments{"up", plan_file()};
  arguments.insert(arguments.end(), options.begin(), options.end());
  Output output = hive(arguments, wrapper);
  for (int again = 0; again < 2 && output.seconds >= 1; ++again) output = hive(arguments, wrapper);
  EXPECT_LT(output.seconds, 1) << output.err;
  return output;
}

pid_t TestMachine::start(const std::vector<std::string>& arguments) const {
  const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  const pid_t pid = run(arguments, {}, folder_, null, null);
  ::close(null);
  return pid;
}

nlohmann::json TestMachine::status(const std::string& cell) const {
  const auto json = nlohmann::json::parse(hive({"status", name_, "--json"}).out, nullptr, false);
  if (!json.is_object()) return {};
  for (const auto& machine : json["machines"]) {
    if (machine["machine"] != name_) continue;
    for (const auto& entry : machine["cells"]) {
      if (entry["cell"] == cell) return entry;
    }
  }
  return {};
}

nlohmann::json TestMachine::await(const std::string& cell, const std::string& state) const {
  nlohmann::json now;
  const bool came = eventually([&] {
    now = status(cell);
    return now.is_object() && now["state"] == state;
  });
  EXPECT_TRUE(came) << cell << " did not come to be " << state << ": " << now;
  return now;
}

std::set<std::string> TestMachine::sockets() const {
  std::set<std::string> names;
  const std::string machine = "@hive/" + std::to_string(::geteuid()) + "/" + name_;
  std::ifstream table("/proc/net/unix");
  for (std::string line; std::getline(table, line);) {
    const std::size_t start = line.find(machine);
    if (start == std::string::npos) continue;
    const std::string name = line.substr(start);
    // Another machine's name can begin with this one's.
    if (name == machine || name.starts_with(machine + "/")) names.insert(name);
  }
  return names;
}

std::vector<std::string> TestMachine::files() const {
  std::vector<std::string> paths;
  if (!fs::exists(folder_ / "run")) return paths;
  for (const auto& entry : fs::recursive_directory_iterator(folder_ / "run")) {
    paths.push_back(entry.path().string());
  }
  return paths;
}

std::vector<std::string> TestMachine::processes() const {
  const std::string mark = "HIVE_RUNTIME_DIR=" + (folder_ / "run").string();
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "environ", std::ios::binary);
    const std::string variables{std::istreambuf_iterator<char>(file), {}};
    if (variables.find(mark + '\0') != std::string::npos) found.push_back(entry.path().string());
  }
  return found;
}

bool comes(const std::function<bool()>& holds) {
  for (int tries = 0; tries < 6000 && !holds(); ++tries) ::usleep(10'000);
  return holds();
}

std::vector<std::string> members_of(const nlohmann::json& status) {
  std::vector<std::string> names;
  if (!status.is_object() || !status.contains("view")) return names;
  for (const auto& member : status["view"]["members"]) {
    names.push_back(member["cell"].get<std::string>() + " " +
                    std::to_string(member["incarnation"].get<unsigned>()));
  }
  return names;
}

bool is_alive(pid_t pid) {
  const char state = state_of(pid);
  // A process that nobody has reaped yet has ended all the same.
  return state != 0 && state != 'Z' && state != 'X';
}

bool is_stopped(pid_t pid) { return state_of(pid) == 'T'; }

bool await_end(pid_t pid, std::chrono::seconds limit) {
  return eventually([pid] { return !is_alive(pid); }, limit);
}

std::vector<micro::Action> print(const std::string& text) {
  std::vector<micro::Action> actions;
  for (const char byte : text + "\r\n") {
    actions.push_back(
        micro::out(1, memory::layout::kSerialPorts.start, static_cast<unsigned char>(byte)));
  }
  return actions;
}

}  // namespace hive::test
