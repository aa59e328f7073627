#include "cellmon/inject/schedule.h"

#include <fmt/format.h>

#include <algorithm>

namespace hive::inject {

std::string Schedule::add(const Fault& fault, Time now) {
  if (pending_.size() >= kMaxPending) {
    return fmt::format(
        "{} faults wait for their time already; hive inject --cancel takes them away", kMaxPending);
  }
  const Timing& timing = fault.timing;
  Pending pending{fault, std::nullopt, timing.times};
  if (timing.after.empty()) pending.due = now + timing.at.value_or(Time(0));
  pending_.push_back(std::move(pending));
  return {};
}

void Schedule::note_event(std::string_view kind, Time now) {
  for (Pending& pending : pending_) {
    if (pending.due || pending.fault.timing.after != kind) continue;
    pending.due = now + pending.fault.timing.at.value_or(Time(0));
  }
}

std::vector<Fault> Schedule::take_due(Time now) {
  const auto is_due = [now](const Pending& pending) { return pending.due && *pending.due <= now; };
  std::vector<const Pending*> due;
  for (const Pending& pending : pending_) {
    if (is_due(pending)) due.push_back(&pending);
  }
  std::stable_sort(due.begin(), due.end(),
                   [](const Pending* a, const Pending* b) { return *a->due < *b->due; });
  std::vector<Fault> faults;
  for (const Pending* pending : due) {
    faults.push_back(pending->fault);
    faults.back().turn = pending->fault.timing.times - pending->left;
  }
  for (Pending& pending : pending_) {
    if (!is_due(pending)) continue;
    --pending.left;
    const Time every = pending.fault.timing.every.value_or(Time(1));
    *pending.due += every * ((now - *pending.due) / every + 1);
  }
  std::erase_if(pending_, [](const Pending& pending) { return pending.left == 0; });
  return faults;
}

std::optional<Schedule::Time> Schedule::next() const {
  std::optional<Time> first;
  for (const Pending& pending : pending_) {
    if (pending.due) first = std::min(first.value_or(*pending.due), *pending.due);
  }
  return first;
}

std::vector<std::string> Schedule::list(Time now) const {
  std::vector<std::string> lines;
  for (const Pending& pending : pending_) {
    const std::string when =
        pending.due ? fmt::format("in {} ms", std::max(*pending.due - now, Time(0)).count())
                    : "after an event " + pending.fault.timing.after;
    const std::string again = pending.left == 1 ? "" : fmt::format(", {} times", pending.left);
    lines.push_back(pending.fault.text + ": " + when + again);
  }
  return lines;
}

std::size_t Schedule::cancel() {
  const std::size_t count = pending_.size();
  pending_.clear();
  return count;
}

}  // namespace hive::inject
