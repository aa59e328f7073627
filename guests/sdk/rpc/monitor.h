// What RPC asks and tells the monitor of this cell.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "guests/abi/monitor_service.h"
#include "guests/sdk/rpc/link.h"

namespace hive::rpc {

/// A cell as the monitor sees it.
struct CellState {
  std::uint32_t cell = 0;
  std::uint32_t cid = 0;
  bool is_alive = false;
  std::uint32_t incarnation = 0;
  std::uint32_t own = 0;  ///< The cell that asks.
  std::string name;
};

/// A cell that may have failed.
struct Suspect {
  std::uint32_t cid = 0;          ///< Counts where it is not 0, since the transport vouches for it.
  std::uint32_t cell = 0;         ///< Else this does.
  std::uint32_t incarnation = 0;  ///< 0: the present one.
};

/// Thread-safe.
class Monitor {
 public:
  Monitor() = default;
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;
  virtual ~Monitor() = default;

  /// By number; nothing where there is no such cell, or no answer by END.
  virtual std::optional<CellState> cell(std::uint32_t cell, Clock::time_point end) = 0;
  /// The same by CID.
  virtual std::optional<CellState> cell_of_cid(std::uint32_t cid, Clock::time_point end) = 0;

  /// Tells of evidence that a cell may have failed (HIVE_MONITOR_HINT). Never waits; where there
  /// are too many, this one is dropped.
  virtual void hint(const Suspect& suspect, hive_monitor_hint hint,
                    std::uint64_t detail) noexcept = 0;
};

/// For where there is none.
class NoMonitor : public Monitor {
 public:
  std::optional<CellState> cell(std::uint32_t, Clock::time_point) override { return {}; }
  std::optional<CellState> cell_of_cid(std::uint32_t, Clock::time_point) override { return {}; }
  void hint(const Suspect&, hive_monitor_hint, std::uint64_t) noexcept override {}
};

}  // namespace hive::rpc
