// One command that the monitor asked for, from its start to its exit.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "guests/abi/flow_window.h"
#include "guests/agent/poll_set.h"
#include "guests/agent/port_writer.h"
#include "vmm/base/unique_fd.h"

namespace hive::agent {

/// A child process with its standard streams as pipes. Nothing here blocks.
class Session {
 public:
  /// Starts ARGV in a process group of its own. Throws Error when there are no processes or
  /// descriptors left. An ARGV that cannot be executed is a child that says so and ends.
  Session(std::uint32_t id, const std::vector<std::string>& argv, PortWriter& out);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  Session(Session&&) = delete;
  Session& operator=(Session&&) = delete;
  /// Kills the process group unless the session is over.
  ~Session();

  [[nodiscard]] std::uint32_t id() const { return id_; }

  /// More standard input. False when the monitor overran the window.
  [[nodiscard]] bool add_input(std::string_view bytes);
  /// No more input comes.
  void end_input();
  /// Sends signal NUMBER to the command's process group, in which the command itself may have
  /// ended; ignored unless it is a signal.
  void signal(int number) const;
  /// More output may be sent. False when the monitor allowed more than a window.
  [[nodiscard]] bool extend(std::uint32_t bytes) { return output_window_.extend(bytes); }

  /// Adds what this session waits for.
  void watch(PollSet& set);

  /// Moves on what can move without waiting. True when the session is over and its EXIT is sent.
  [[nodiscard]] bool advance();

 private:
  /// The end of one of the command's output pipes.
  struct Output {
    UniqueFd pipe;
    /// Bytes still to send; unbounded while the command runs.
    std::size_t left = std::numeric_limits<std::size_t>::max();
  };

  void spawn(const std::vector<std::string>& argv);
  void write_input();
  void read_output(Output& output, std::uint16_t type);
  void await_exit();

  std::uint32_t id_;
  PortWriter& out_;
  pid_t pid_ = -1;
  UniqueFd pidfd_;
  UniqueFd stdin_;
  Output stdout_;
  Output stderr_;
  std::string input_;
  bool input_ended_ = false;
  bool exited_ = false;  ///< The command has ended, but its output may not be sent.
  bool over_ = false;    ///< EXIT is sent: who is left in the process group may stay.
  int status_ = 0;
  abi::ReceiveWindow input_window_;
  abi::SendWindow output_window_;
};

}  // namespace hive::agent
