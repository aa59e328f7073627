#include "cellmon/control/vsock/counter_desk.h"

#include <utility>

namespace hive::control {

std::uint32_t CounterDesk::ask(const std::optional<std::set<unsigned>>& cells) {
  if (answered_ != last_) return last_;
  ++last_;
  awaited_ = cells.value_or(std::set<unsigned>());
  if (!cells) {
    finish(true);
  } else if (!send_({cell::VsockMessage::kAskCounters, last_})) {
    finish(false);
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
  under_way_.counts[count.cell] = count.counters;
  check_done();
}

void CounterDesk::take(const cell::VsockGuestCount& count) {
  if (answered_ == last_ || count.tag != last_) return;
  under_way_.guest = count.counters;
  check_done();
}

void CounterDesk::check_done() {
  if (!awaited_.empty() || !under_way_.guest) return;
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
  answer_ = std::exchange(under_way_, {});
  answer_.in_time = in_time;
}

}  // namespace hive::control
