#include "cellmon/control/vsock/counter_desk.h"

#include <utility>

namespace hive::control {

std::uint32_t CounterDesk::ask(const std::set<unsigned>& cells) {
  if (answered_ != last_) return last_;
  ++last_;
  awaited_ = cells;
  counts_.clear();
  const bool sent = cells.empty() || send_({cell::VsockMessage::kAskCounters, last_});
  if (!sent || cells.empty()) {
    finish(sent);
  } else {
    limit_.arm(kLimit, [this] { give_up(); });
  }
  return last_;
}

std::optional<CounterDesk::Answer> CounterDesk::answer(std::uint32_t number) const {
  if (number > answered_) return std::nullopt;
  return answer_;
}

void CounterDesk::take(const cell::VsockCount& count) {
  if (answered_ == last_ || count.tag != last_ || awaited_.erase(count.cell) == 0) return;
  counts_[count.cell] = count.counters;
  if (!awaited_.empty()) return;
  finish(true);
  on_done_();
}

void CounterDesk::give_up() {
  if (answered_ == last_) return;
  finish(false);
  on_done_();
}

void CounterDesk::finish(bool in_time) {
  limit_.disarm();
  awaited_.clear();
  answered_ = last_;
  answer_ = {std::exchange(counts_, {}), in_time};
}

}  // namespace hive::control
