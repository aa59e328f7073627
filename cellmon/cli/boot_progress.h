// How far the cells of a machine are on their way up.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "cellmon/wire/cell_status.h"

namespace hive::cli {

/// One cell's way from its start to a guest that is up, as its events tell. Pure.
class CellBoot {
 public:
  using Clock = std::chrono::steady_clock;

  enum class Outcome { kPending, kUp, kFailed };

  CellBoot(std::string cell, Clock::time_point start) : cell_(std::move(cell)), start_(start) {}

  /// Takes an event; whether the state has changed with it.
  bool take(const wire::Event& event, Clock::time_point now);
  /// The monitor is gone.
  void lose(Clock::time_point now);
  void set_console_line(std::string line) { console_line_ = std::move(line); }

  [[nodiscard]] const std::string& cell() const { return cell_; }
  /// Up or failed. `started`: whether a VMM that runs its vCPUs is enough.
  [[nodiscard]] Outcome outcome(bool started) const;
  /// Why the outcome is kFailed.
  [[nodiscard]] const std::string& failure() const { return failure_; }
  /// Whether the vCPUs ran, so that the console may tell more.
  [[nodiscard]] bool has_run() const { return has_run_; }

  /// "alpha  booting  3.2 s  LINE", cut to WIDTH characters.
  [[nodiscard]] std::string line(Clock::time_point now, std::size_t name_width,
                                 std::size_t width) const;
  /// "alpha: booting", "alpha: running after 3.2 s".
  [[nodiscard]] std::string change() const;

 private:
  [[nodiscard]] std::string seconds(Clock::time_point now) const;

  std::string cell_;
  Clock::time_point start_;
  Clock::time_point end_{};  ///< When the outcome was known.
  std::string state_ = "starting";
  std::string console_line_;
  std::string failure_;
  bool up_ = false;
  bool has_run_ = false;
};

}  // namespace hive::cli
