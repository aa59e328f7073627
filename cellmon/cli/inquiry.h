// One of several monitors that are asked at once.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>

#include "cellmon/cli/machines.h"
#include "cellmon/cli/rpc_client.h"

namespace hive::cli {

inline constexpr const char* kMonitorLost = "monitor lost";
inline constexpr const char* kNoAnswer = "monitor does not answer";
inline constexpr const char* kMalformed =
    "monitor's answer is malformed; is it of another version?";

/// A monitor that was asked how its cell is. Single-threaded.
class Inquiry {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// Connects to the monitor at ADDRESS, until DEADLINE, and asks for its status.
  Inquiry(wire::CellAddress address, Time deadline);

  /// To ask more; null where there is no connection.
  [[nodiscard]] RpcClient* client() { return client_ ? &*client_ : nullptr; }
  /// Until answer(), the `problem` is that there is no answer, or no monitor.
  [[nodiscard]] CellView& view() { return view_; }
  /// Waits for the status until DEADLINE; then MORE, where there is any, may take other answers.
  /// What goes wrong, Error from MORE included, becomes the `problem`.
  void answer(Time deadline, const std::function<void()>& more = {});

 private:
  CellView view_;
  std::optional<RpcClient> client_;
  std::uint64_t status_ = 0;
};

}  // namespace hive::cli
