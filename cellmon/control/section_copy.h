// The content of a section on its way from one contribution to another.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <vector>

#include "cellmon/control/deadline.h"
#include "cellmon/firewall/page_range.h"
#include "vmm/base/unique_fd.h"

namespace hive::control {

/// Copies pages between two files, a piece at a time, so that the loop has turns for all else.
/// Ends without a word with this object. Single-threaded.
class SectionCopy {
 public:
  /// Whether all of it is there; from the loop, once, and may end this object.
  using OnDone = std::function<void(bool is_whole)>;

  /// THEIRS of SOURCE becomes OURS, as many pages, of TARGET.
  SectionCopy(boost::asio::io_context& loop, UniqueFd source, UniqueFd target,
              const firewall::PageRange& theirs, const firewall::PageRange& ours, OnDone on_done);

 private:
  void go_on();
  [[nodiscard]] bool copy_piece();

  UniqueFd source_;
  UniqueFd target_;
  std::uint64_t from_;  ///< Byte of the source that comes next,
  std::uint64_t to_;    ///< its place in the target,
  std::uint64_t left_;  ///< and how many there are.
  std::vector<char> piece_;
  OnDone on_done_;
  Deadline turn_;
};

}  // namespace hive::control
