// Generations of pages.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>

#include "cellmon/firewall/page_range.h"

namespace hive::firewall {

/// How often a page's content was dropped or the page handed out. 0: never. After 2^32 - 1 comes 1,
/// so that a page that was ever handed out never looks untouched again; a reader is deceived only
/// if between two of its looks a multiple of 2^32 - 1 such events happened to the one page.
using Generation = std::uint32_t;

constexpr Generation next_generation(Generation generation) {
  return generation + 1 == 0 ? 1 : generation + 1;
}

/// The generation of each page of a contribution. Pages and ranges must lie within it: callers
/// check. Not thread-safe.
class Generations {
 public:
  /// PAGES pages of generation 0; costs the host memory only as pages are bumped. Throws
  /// hive::Error when the host has no room for them.
  explicit Generations(std::uint64_t pages);

  [[nodiscard]] Generation of(PageIndex page) const noexcept { return values_.get()[page]; }
  void bump(const PageRange& range) noexcept;

 private:
  struct Free {
    void operator()(Generation* values) const noexcept { std::free(values); }
  };
  // From calloc: zeros that nobody wrote cost nothing where the array is large.
  std::unique_ptr<Generation[], Free> values_;
};

}  // namespace hive::firewall
