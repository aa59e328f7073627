// Wax's cell, as hive-vmm makes it, on state pages that a test writes.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "guests/abi/wax.h"
#include "vmm/base/unique_fd.h"
#include "vmm/cell/cell.h"

namespace hive::test {

/// State pages of a machine's cells, in memory that others map.
class StatePages {
 public:
  explicit StatePages(unsigned cells);
  StatePages(const StatePages&) = delete;
  StatePages& operator=(const StatePages&) = delete;
  ~StatePages();

  /// CELL's page, for any nonsense.
  [[nodiscard]] hive_state_page& page(unsigned cell) { return *pages_.at(cell); }
  /// Writes CELL's page as its monitor would: readers find the figures whole.
  void publish(unsigned cell, const hive_state_page& content);
  /// What makes a cell Wax's that sees them, and the monitor's end of its socket.
  [[nodiscard]] cell::PolicyConfig config(std::uint32_t round_ms, UniqueFd& monitor) const;

 private:
  std::vector<UniqueFd> files_;
  std::vector<hive_state_page*> pages_;
};

/// The host's monotonic clock, in nanoseconds, as pages have it.
std::uint64_t host_time();

/// What Wax has said in a round, or in a few.
struct WaxRound {
  std::uint64_t number = 0;
  std::uint64_t dropped = 0;
  std::vector<hive_wax_hint> hints;
};

/// The monitor's end of the socket on which the VMM of Wax tells of it.
class WaxMonitor {
 public:
  [[nodiscard]] UniqueFd& socket() { return socket_; }
  /// The next round that it tells of, if that has come.
  std::optional<WaxRound> take();

 private:
  UniqueFd socket_;
  WaxRound round_;  ///< So far.
};

class WaxCell {
 public:
  static constexpr std::uint64_t kEpoch = 1;
  static constexpr std::uint32_t kIncarnation = 7;

  WaxCell(const StatePages& pages, const std::string& command_line, std::uint32_t round_ms = 20);

  void start() { cell_->start(); }
  /// The next round of Wax's that the VMM tells of; nothing where none comes within LIMIT.
  std::optional<WaxRound> next_round(std::chrono::seconds limit = std::chrono::seconds(30));
  /// Runs until a report of KIND came; what Wax has printed by then.
  std::optional<std::string> run_until_report(cell::ReportKind kind);

 private:
  /// Runs the device loop until DONE, at most LIMIT. Whether DONE came.
  bool run_until(const std::function<bool()>& done, std::chrono::seconds limit);

  boost::asio::io_context loop_{1};
  WaxMonitor monitor_;
  UniqueFd serial_;
  std::vector<cell::ReportKind> reports_;
  std::unique_ptr<cell::Cell> cell_;
};

}  // namespace hive::test
