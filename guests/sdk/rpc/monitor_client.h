// The monitor of this cell, through its service on the host (guests/abi/monitor_service.h).
#pragma once

#include <array>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "guests/sdk/rpc/monitor.h"
#include "guests/sdk/rpc/sockets.h"

namespace hive::rpc {

/// Each question takes a connection of its own, and no longer than the patience. Hints go out by a
/// thread that the first of them starts, over one connection. Where the service cannot be reached
/// in 100 ms or more, it is left alone for a second: without it there are no answers, and hints are
/// dropped.
class MonitorClient : public Monitor {
 public:
  static constexpr std::chrono::milliseconds kUsualPatience{500};
  static constexpr std::chrono::seconds kPause{1};
  static constexpr std::chrono::milliseconds kTellingTime{100};
  static constexpr std::size_t kMostHints = 32;  ///< That wait.

  /// By default the host's CID and HIVE_MONITOR_PORT.
  explicit MonitorClient(Address service = {2, HIVE_MONITOR_PORT, {}},
                         std::chrono::milliseconds patience = kUsualPatience);
  ~MonitorClient() override;

  std::optional<CellState> cell(std::uint32_t cell, Clock::time_point end) override;
  std::optional<CellState> cell_of_cid(std::uint32_t cid, Clock::time_point end) override;
  void hint(const Suspect& suspect, hive_monitor_hint hint, std::uint64_t detail) noexcept override;

 private:
  std::optional<CellState> ask(const hive_monitor_request& request, Clock::time_point end);
  UniqueFd connect(Clock::time_point end);
  void send_hints();
  void send_hint(UniqueFd& socket, hive_monitor_request request);

  const Address service_;
  const std::chrono::milliseconds patience_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::array<hive_monitor_request, kMostHints>
      hints_{};  ///< A ring. With a CID: of a cell to be found.
  std::size_t first_hint_ = 0;
  std::size_t hint_count_ = 0;
  Clock::time_point pause_until_ = Clock::time_point::min();
  bool stopping_ = false;
  Clock::time_point stop_by_{};  ///< Hints that still wait then are dropped.
  std::thread sender_;
};

}  // namespace hive::rpc
