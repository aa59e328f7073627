// The latest events of a cell.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "cellmon/control/cell_machine.h"
#include "cellmon/wire/cell_status.h"

namespace hive::control {

/// Keeps the last kCapacity events. Details are made printable and bounded, whoever caused them.
class EventLog {
 public:
  static constexpr std::size_t kCapacity = 1000;
  static constexpr std::size_t kMaxDetail = 512;

  explicit EventLog(std::string cell) : cell_(std::move(cell)) {}

  /// Adds an event that happened now; the result lives until the next call.
  const wire::Event& add(const EventText& text);

  /// The kept events whose sequence number is above SEQUENCE, oldest first.
  [[nodiscard]] std::vector<wire::Event> after(std::uint64_t sequence) const;
  /// How many there were of each kind, kept or not; kinds beyond kMaxKinds are kOther.
  [[nodiscard]] const std::map<std::string, std::uint64_t>& counts() const { return counts_; }

  static constexpr std::size_t kMaxKinds = 64;
  static constexpr const char* kOther = "other";

 private:
  std::string cell_;
  std::uint64_t last_sequence_ = 0;
  std::deque<wire::Event> events_;
  std::map<std::string, std::uint64_t> counts_;
};

}  // namespace hive::control
