// Where a program that has gone wild stores what. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace hive::agent {

/// A store of 8 bytes.
struct WildStore {
  std::size_t part = 0;      ///< Of those that were given.
  std::uint64_t offset = 0;  ///< Within it, a multiple of 8.
  std::uint64_t value = 0;
};

/// Draws stores from a seed, each word of all parts as likely as any other. The same seed over the
/// same parts gives the same stores.
class WildStores {
 public:
  /// PARTS are sizes in bytes; what is no whole word of one is left alone.
  WildStores(const std::vector<std::uint64_t>& parts, std::uint64_t seed);

  /// Nothing where the parts have no word.
  [[nodiscard]] std::optional<WildStore> next();

 private:
  std::uint64_t draw();

  std::vector<std::uint64_t> words_;  ///< Of each part.
  std::uint64_t total_ = 0;
  std::uint64_t state_;
};

}  // namespace hive::agent
