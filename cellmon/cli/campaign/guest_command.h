// A command in a guest whose output is kept.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cellmon/cli/campaign/monitors.h"

namespace hive::cli {

/// One command at a time. Feed it all messages of its cell's monitor.
class GuestCommand {
 public:
  /// What it may print: more of it is an end of its own.
  static constexpr std::size_t kMaxOutput = 4 * 1024 * 1024;

  /// Starts /bin/sh with LINE in the guest of CELL.
  void start(Monitors& machine, std::size_t cell, const std::string& line);
  void take(const Message& message);
  /// The monitor or the guest is another one: the command is gone.
  void lose(const std::string& why);

  /// What was started last.
  [[nodiscard]] const std::string& line() const { return line_; }
  [[nodiscard]] bool runs() const { return runs_; }
  [[nodiscard]] bool has_ended() const { return has_ended_; }
  /// Standard output; both outputs where it did not end well.
  [[nodiscard]] const std::string& output() const { return output_; }
  /// Why it did not end with status 0; empty where it did.
  [[nodiscard]] const std::string& problem() const { return problem_; }
  void forget() { *this = GuestCommand(); }

 private:
  void take(const wire::RpcNotification& notification);
  void end(std::string problem);

  std::optional<std::uint64_t> request_;
  std::optional<std::int64_t> session_;
  std::string line_;
  bool runs_ = false;
  bool has_ended_ = false;
  std::string output_;
  std::string errors_;
  std::string problem_;
};

}  // namespace hive::cli
