// Whether and when a failed cell is booted again.
#pragma once

#include <cstdint>

#include "cellmon/agree/port.h"

namespace hive::recover {

using agree::kNever;
using agree::Time;

/// What the failure of a cell comes to, once the survivors have recovered.
enum class OnFailure : std::uint8_t {
  kReboot,       ///< It is booted again, later each time when it keeps failing.
  kLeave,        ///< It stays out.
  kStopMachine,  ///< All cells are shut down.
};

struct RestartSettings {
  OnFailure on_failure = OnFailure::kReboot;
  Time first_delay = 1'000'000'000;     ///< Before the second boot in a row; doubled for each more.
  Time longest_delay = 64'000'000'000;  ///< Never longer than this.
  Time healthy = 600'000'000'000;       ///< Who was up so long has its failures forgotten.
};

/// One cell's failures in a row. Pure: its clock is the caller's.
class RestartPolicy {
 public:
  RestartPolicy() = default;
  explicit RestartPolicy(const RestartSettings& settings) : settings_(settings) {}

  /// The cell was let in, and is booted.
  void up(Time now);
  /// It failed, or was not up in time.
  void failed(Time now);

  [[nodiscard]] OnFailure on_failure() const { return settings_.on_failure; }
  /// When it may be booted, if it is to be: at once after the first failure.
  [[nodiscard]] Time due() const { return due_; }
  /// Its failures that are not forgotten.
  [[nodiscard]] unsigned failures() const { return failures_; }

 private:
  RestartSettings settings_;
  unsigned failures_ = 0;
  Time up_since_ = kNever;  ///< kNever: it is not up.
  Time due_ = 0;
};

}  // namespace hive::recover
