// Watching cells come up.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cellmon/cli/boot_progress.h"
#include "cellmon/cli/rpc_client.h"
#include "cellmon/cli/signal_fd.h"

namespace hive::cli {

/// Follows cells over their monitors and shows how far they are: on a terminal that has room
/// for them one line each, updated in place, else a line per change.
class BootWatch {
 public:
  enum class Result { kUp, kFailed, kTimedOut, kInterrupted };

  struct Cell {
    RpcClient client;
    std::uint64_t after = 0;  ///< The last event that does not count any more.
  };

  explicit BootWatch(std::vector<Cell> cells);

  /// Waits until all cells are up (`started_only`: until their vCPUs run), one has failed, TIMEOUT
  /// (0: none) has passed, or a signal came.
  Result wait(bool started_only, Milliseconds timeout, const SignalFd& signals);

  [[nodiscard]] const std::vector<CellBoot>& boots() const { return boots_; }
  [[nodiscard]] std::vector<Cell>& cells() { return cells_; }

 private:
  /// The result so far; nothing while cells are on their way.
  [[nodiscard]] std::optional<Result> look(bool started_only) const;
  void poll(CellBoot::Clock::time_point deadline, const SignalFd& signals);
  void receive(std::size_t index);
  void take(std::size_t index, const Message& message);
  void ask_for_consoles();
  void draw();

  std::vector<Cell> cells_;
  std::vector<CellBoot> boots_;
  bool terminal_;
  std::size_t drawn_lines_ = 0;
  CellBoot::Clock::time_point asked_{};
};

}  // namespace hive::cli
