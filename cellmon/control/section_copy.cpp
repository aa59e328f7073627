#include "cellmon/control/section_copy.h"

#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "vmm/base/units.h"

namespace hive::control {
namespace {

/// Takes less than a millisecond.
constexpr std::uint64_t kPiece = 1 << 20;

}  // namespace

SectionCopy::SectionCopy(boost::asio::io_context& loop, UniqueFd source, UniqueFd target,
                         const firewall::PageRange& theirs, const firewall::PageRange& ours,
                         OnDone on_done)
    : source_(std::move(source)),
      target_(std::move(target)),
      from_(theirs.first * kPageSize),
      to_(ours.first * kPageSize),
      left_(ours.count * kPageSize),
      piece_(std::min(kPiece, left_)),
      on_done_(std::move(on_done)),
      turn_(loop) {
  turn_.arm({}, [this] { go_on(); });
}

void SectionCopy::go_on() {
  const bool is_sound = copy_piece();
  if (is_sound && left_ > 0) return turn_.arm({}, [this] { go_on(); });
  const OnDone done = std::move(on_done_);
  done(is_sound);
}

bool SectionCopy::copy_piece() {
  const std::uint64_t size = std::min<std::uint64_t>(piece_.size(), left_);
  // Files in memory are read and written whole, or there is no memory.
  if (::pread(source_.get(), piece_.data(), size, static_cast<off_t>(from_)) !=
          static_cast<ssize_t>(size) ||
      ::pwrite(target_.get(), piece_.data(), size, static_cast<off_t>(to_)) !=
          static_cast<ssize_t>(size)) {
    return false;
  }
  from_ += size;
  to_ += size;
  left_ -= size;
  return true;
}

}  // namespace hive::control
