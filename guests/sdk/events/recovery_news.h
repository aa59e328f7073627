// What this cell's monitor tells of other cells' failures (guests/abi/recovery_news.h).
#pragma once

#include <cstdint>
#include <optional>

#include "guests/abi/recovery_news.h"

namespace hive::sdk {

/// Pages of this cell's contribution whose content was dropped.
struct Discard {
  std::uint32_t number = 0;
  std::uint64_t first = 0;
  std::uint64_t pages = 0;
  std::uint64_t cells = 0;  ///< A bit for each that failed.
  std::uint64_t epoch = 0;
};

/// Thread-safe. This cell's programs may have put anything there.
class RecoveryNews {
 public:
  /// NEWS is where they are mapped, or null: then nothing is ever told.
  RecoveryNews(const hive_recovery_news* news, std::uint32_t incarnation)
      : news_(news), incarnation_(incarnation) {}

  /// Whether the monitor tells this incarnation anything.
  [[nodiscard]] bool are_there() const;
  /// Whether CELL's INCARNATION, of which only the low 24 bits count, is known to be over.
  [[nodiscard]] bool is_over(std::uint32_t cell, std::uint32_t incarnation) const;
  /// The number of the last discard; 0: none.
  [[nodiscard]] std::uint32_t last() const;
  /// The first discard after number AFTER that is still kept; nothing where there is none.
  [[nodiscard]] std::optional<Discard> next(std::uint32_t after) const;

 private:
  [[nodiscard]] std::optional<Discard> read(std::uint32_t number) const;

  const hive_recovery_news* news_;
  std::uint32_t incarnation_;
};

}  // namespace hive::sdk
