// A set of pages as a sparse bitmap with summaries above it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "cellmon/firewall/page_range.h"

namespace hive::firewall {

/// A set of a contribution's pages. Bits are kept in chunks of 4096 pages; a chunk exists while it
/// has a page, so that memory and the time of a query follow what is in the set: a query also reads
/// one word for each GiB of the contribution, and nothing else of what is not in it.
///
/// Pages and ranges must lie within the contribution: callers check. Running out of memory ends the
/// process. Not thread-safe.
class PageSet {
 public:
  static constexpr unsigned kWordPages = 64;
  static constexpr unsigned kChunkWords = 64;
  static constexpr unsigned kChunkPages = kWordPages * kChunkWords;

  /// Bits of kChunkPages pages.
  struct Chunk {
    std::uint64_t used = 0;  ///< Bit N: words[N] is not zero.
    std::array<std::uint64_t, kChunkWords> words{};
  };

  /// The empty set of a contribution of PAGES pages.
  explicit PageSet(std::uint64_t pages) : pages_(pages) {}

  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] bool contains(PageIndex page) const noexcept;

  /// Adds PAGE; says whether it was new.
  bool insert(PageIndex page) noexcept;
  /// Adds RANGE, and appends to ADDED those pages that were new, in ascending order. O(pages / 64).
  void insert(const PageRange& range, PageRanges& added) noexcept;
  /// Takes RANGE out, and appends to REMOVED those pages that were in, in ascending order. The time
  /// follows what is in the set, not the range's length.
  void erase(const PageRange& range, PageRanges& removed) noexcept;
  /// Appends to FOUND the pages of the set within RANGE, in ascending order.
  void list(const PageRange& range, PageRanges& found) const;

 private:
  [[nodiscard]] const Chunk* chunk_of(PageIndex page) const noexcept;
  /// The chunk with number INDEX, made if there is none.
  Chunk& make_chunk(std::uint64_t index) noexcept;
  void drop_chunk(std::uint64_t index) noexcept;
  /// The first chunk at or after INDEX that exists, or chunks_.size().
  [[nodiscard]] std::uint64_t next_chunk(std::uint64_t index) const noexcept;
  /// Calls VISIT(word number within the contribution, bits of the range within the word) for each
  /// word within RANGE that is not zero.
  template <typename Visit>
  void for_each_word(const PageRange& range, Visit visit) const;

  std::uint64_t pages_;
  std::uint64_t count_ = 0;
  std::vector<std::unique_ptr<Chunk>> chunks_;  ///< Empty until the first page.
  std::vector<std::uint64_t> existing_;         ///< One bit a chunk.
};

}  // namespace hive::firewall
