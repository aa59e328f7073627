// Where sections were that have left one home.
#pragma once

#include <cstdint>
#include <list>

#include "cellmon/firewall/page_range.h"
#include "cellmon/firewall/writer_set.h"

namespace hive::firewall {

/// Programs of other cells may go on at a section's former place, which they have not heard has
/// changed. Whatever becomes of the section, and of its name. Bounded: the place that was noted
/// first makes room. Pure, not thread-safe.
class FormerPlaces {
 public:
  static constexpr std::size_t kMost = 1024;

  /// A section has left PAGES, of which WRITERS could write some, beside home.
  void note(const PageRange& pages, WriterSet writers);
  void clear() { places_.clear(); }

  /// Whether CELL could write PAGE, or another one of its section, when one left it.
  [[nodiscard]] bool could_write(CellId cell, PageIndex page) const;
  /// All of them in ascending order, each page once.
  [[nodiscard]] PageRanges pages() const;

 private:
  struct Place {
    PageRange pages;
    WriterSet writers;
  };

  std::list<Place> places_;  ///< The one that was noted first is the first.
};

}  // namespace hive::firewall
