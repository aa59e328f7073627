// Ownership of a child process.
#pragma once

#include <sys/types.h>

#include <optional>

namespace hive::control {

/// Owns one child process of this one: kills and reaps it on destruction. -1 stands for none.
class ChildProcess {
 public:
  ChildProcess() = default;
  explicit ChildProcess(pid_t pid) : pid_(pid) {}
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ~ChildProcess() { end(); }

  /// Its pid, which stays when it was reaped.
  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Sends SIGKILL, unless the process was reaped.
  void kill() const;
  /// The wait status (waitpid(2)) of a process that has ended; nothing while it runs, and later on.
  std::optional<int> try_reap();

 private:
  void end();

  pid_t pid_ = -1;
  bool reaped_ = false;
};

}  // namespace hive::control
