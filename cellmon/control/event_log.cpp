#include "cellmon/control/event_log.h"

#include <algorithm>
#include <chrono>

#include "cellmon/wire/text.h"

namespace hive::control {
namespace {

template <typename Clock>
std::int64_t nanoseconds_of() {
  using std::chrono::nanoseconds;
  return std::chrono::duration_cast<nanoseconds>(Clock::now().time_since_epoch()).count();
}

}  // namespace

const wire::Event& EventLog::add(const EventText& text) {
  if (events_.size() >= kCapacity) events_.pop_front();
  events_.push_back({++last_sequence_, nanoseconds_of<std::chrono::system_clock>(),
                     static_cast<std::uint64_t>(nanoseconds_of<std::chrono::steady_clock>()), cell_,
                     text.kind, wire::printable(text.detail, kMaxDetail)});
  const bool has_room = counts_.contains(text.kind) || counts_.size() < kMaxKinds;
  ++counts_[has_room ? text.kind : kOther];
  return events_.back();
}

std::vector<wire::Event> EventLog::after(std::uint64_t sequence) const {
  const auto first = std::find_if(events_.begin(), events_.end(), [&](const wire::Event& event) {
    return event.sequence > sequence;
  });
  return {first, events_.end()};
}

}  // namespace hive::control
