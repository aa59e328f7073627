// Who may write which pages of a contribution, told a part at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "cellmon/firewall/ledger.h"

namespace hive::control {

/// Pages that a cell may write; either all of them were written by it since, or none.
struct Right {
  CellId cell{};
  firewall::PageRange range;
  bool written = false;

  friend bool operator==(const Right&, const Right&) = default;
};

struct RightsQuery {
  firewall::PageRange within;  ///< Lies within the contribution.
  std::optional<CellId> cell;  ///< Only this one's.
  bool only_written = false;
  /// Where to begin: 0, or `next` of the part before. Any number is safe.
  std::uint64_t from = 0;
};

struct RightsPart {
  std::vector<Right> rights;  ///< By cell, then by page.
  std::uint64_t next = 0;     ///< `from` of the part that follows; 0: there is none.
};

/// At most LIMIT (at least 1) of the rights of cells other than home. Adjoining pages alike make
/// one right, unless the end of a part comes between. The time follows LIMIT and, a little, the
/// size of the contribution.
RightsPart list_rights(const firewall::Ledger& ledger, const RightsQuery& query, std::size_t limit);

}  // namespace hive::control
