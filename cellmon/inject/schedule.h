// Faults that are to come later. Pure: who uses it has the clock.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cellmon/inject/fault.h"

namespace hive::inject {

/// Times are those of any clock that does not go back.
class Schedule {
 public:
  using Time = std::chrono::milliseconds;

  /// How many faults may wait.
  static constexpr std::size_t kMaxPending = 16;

  /// Adds FAULT, which has a timing, at NOW. Why it is not added; empty where it is.
  std::string add(const Fault& fault, Time now);
  /// An event of KIND is added to the cell's log at NOW.
  void note_event(std::string_view kind, Time now);
  /// The faults that are to be done at NOW, in the order in which they were due. What was missed of
  /// a fault that comes again is done once.
  std::vector<Fault> take_due(Time now);
  /// When take_due() has something next; nothing where no clock brings that.
  [[nodiscard]] std::optional<Time> next() const;
  /// How many faults wait.
  [[nodiscard]] std::size_t size() const { return pending_.size(); }
  /// A line for each fault that waits, for people: what, and when it is next.
  [[nodiscard]] std::vector<std::string> list(Time now) const;
  /// Takes all away. How many.
  std::size_t cancel();

 private:
  struct Pending {
    Fault fault;
    std::optional<Time> due;  ///< Nothing while it waits for an event.
    unsigned left = 1;        ///< How often it is still to come.
  };

  std::vector<Pending> pending_;
};

}  // namespace hive::inject
