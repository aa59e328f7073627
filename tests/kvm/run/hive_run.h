// Running the hive program, and machines of micro guests to run it on.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "guests/abi/micro_script.h"

namespace hive::test {

/// What a program printed, and how it ended.
struct Output {
  std::string out;
  std::string err;
  int status = -1;  ///< Exit status, or 128 + signal.
  double seconds = 0;
};

/// A machine's plan and folders, gone with this object; so is the machine, if it still runs.
class TestMachine {
 public:
  TestMachine();
  TestMachine(const TestMachine&) = delete;
  TestMachine& operator=(const TestMachine&) = delete;
  ~TestMachine();

  /// Adds a cell whose guest performs SCRIPT. With an agent that never reports, if AGENT, and with
  /// KEYS beside.
  void add_cell(const std::string& name, const std::vector<micro::Action>& script,
                bool agent = false, const std::string& keys = {});
  /// Adds a cell with the given keys beside its name, CPUs and memory.
  void add_cell(const std::string& name, const std::string& keys);

  /// Adds a cell "wax" that runs Wax with POLICY.
  void add_wax(const std::string& policy);

  /// Adds LINE, a key of the machine.
  void add_key(const std::string& line) { keys_ += line + "\n"; }

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  /// Writes the plan; its path.
  std::string plan_file() const;

  /// Runs hive with ARGUMENTS to its end, at most 60 seconds. WRAPPER, where there is one, is a
  /// command that runs the one that follows it.
  Output hive(const std::vector<std::string>& arguments,
              const std::vector<std::string>& wrapper = {}) const;
  Output up(std::vector<std::string> options = {}) const;
  /// Starts hive with ARGUMENTS; its pid.
  pid_t start(const std::vector<std::string>& arguments) const;

  /// The cell's entry of `hive status MACHINE --json`.
  [[nodiscard]] nlohmann::json status(const std::string& cell) const;
  /// Waits until the cell is in STATE; its status, as it is then or when patience ends.
  nlohmann::json await(const std::string& cell, const std::string& state) const;

  /// `hive up` of a plan that is to be refused within a second. A slow host has another go or two.
  Output refusal(const std::vector<std::string>& options = {},
                 const std::vector<std::string>& wrapper = {}) const;
  /// Names of control sockets of this machine that the kernel knows, each once: a connection has
  /// its listener's name, and may outlive its client for a moment.
  [[nodiscard]] std::set<std::string> sockets() const;
  /// Files and folders in the runtime folder.
  [[nodiscard]] std::vector<std::string> files() const;
  /// Processes, as folders of /proc, that were started for this machine.
  [[nodiscard]] std::vector<std::string> processes() const;

 private:
  [[nodiscard]] std::string write_script(const std::string& name,
                                         const std::vector<micro::Action>& script) const;

  std::string name_;
  std::filesystem::path folder_;
  std::vector<std::string> cells_;
  std::string keys_;
};

/// Whether HOLDS, within a minute.
bool comes(const std::function<bool()>& holds);

/// "NAME INCARNATION" of each member of the view that a cell with STATUS knows.
std::vector<std::string> members_of(const nlohmann::json& status);

/// Waits until process PID is gone or a zombie; whether that came within LIMIT.
bool await_end(pid_t pid, std::chrono::seconds limit = std::chrono::seconds(30));

/// Whether process PID exists and is no zombie.
bool is_alive(pid_t pid);

/// Whether process PID is stopped, as by SIGSTOP.
bool is_stopped(pid_t pid);

/// Actions that print TEXT and a line end on the serial port.
std::vector<micro::Action> print(const std::string& text);

}  // namespace hive::test
