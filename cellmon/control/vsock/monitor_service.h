// What a monitor answers programs in its guest: guests/abi/monitor_service.h, without I/O.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "guests/abi/monitor_service.h"
#include "vmm/base/ids.h"

namespace hive::control {

/// What a guest says of a sibling. Evidence, never a verdict: the guest may lie.
struct CellHint {
  unsigned cell = 0;
  hive_monitor_hint hint{};
  Incarnation incarnation = 0;
  std::uint64_t detail = 0;  ///< See hive_monitor_request.
};

/// HINT about the cell called NAME, for people.
std::string describe_hint(const CellHint& hint, const std::string& name);

/// Answers requests, which are hostile.
class MonitorService {
 public:
  using Clock = std::chrono::steady_clock;

  /// A cell as it is now.
  struct CellFacts {
    std::string name;
    Cid cid = 0;
    bool alive = false;
    Incarnation incarnation = 0;
  };
  /// The machine's cells, by their numbers.
  using Directory = std::function<std::vector<CellFacts>()>;
  using OnHint = std::function<void(const CellHint& hint)>;

  struct Answer {
    hive_monitor_reply reply{};
    bool is_last = false;  ///< The stream ends after it.
  };

  /// Hints of one incarnation of the guest that are told; more are only counted.
  static constexpr unsigned kMaxTold = 100;
  /// A hint about a cell is told when the last one of its kind about it is this old.
  static constexpr std::chrono::milliseconds kHintPause{1'000};

  MonitorService(unsigned own, Directory directory, OnHint on_hint)
      : own_(own), directory_(std::move(directory)), on_hint_(std::move(on_hint)) {}

  /// The answer to REQUEST, the bytes of one.
  Answer answer(std::string_view request, Clock::time_point now);

  /// The guest has ended: the next one's hints are told anew.
  void clear();

  /// All hints about cells that exist, told or not.
  [[nodiscard]] std::uint64_t hints() const { return hints_; }

 private:
  /// The number of the cell that REQUEST is about.
  static std::optional<unsigned> find_cell(const hive_monitor_request& request,
                                           const std::vector<CellFacts>& cells);
  hive_monitor_status take_hint(const hive_monitor_request& request, unsigned cell,
                                Incarnation present, Clock::time_point now);

  unsigned own_;
  Directory directory_;
  OnHint on_hint_;
  std::uint64_t hints_ = 0;
  unsigned told_ = 0;
  std::map<std::pair<unsigned, std::uint32_t>, Clock::time_point> last_told_;
};

}  // namespace hive::control
