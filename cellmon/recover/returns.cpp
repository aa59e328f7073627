#include "cellmon/recover/returns.h"

#include <algorithm>

namespace hive::recover {

void Returns::clear() { absences_.fill(Absence()); }

void Returns::begin(const View& view, const RestartPolicies& policies, Port& port) {
  clear();
  for (unsigned index = 0; index < kMaxCells; ++index) {
    const CellId cell{static_cast<std::uint8_t>(index)};
    const bool absent = !view.members.contains(cell) && view.incarnations[index] != 0;
    if (!absent || retired_.contains(cell)) continue;
    if (policies[index].on_failure() == OnFailure::kStopMachine) port.stop_machine(cell);
    if (policies[index].on_failure() != OnFailure::kReboot) continue;
    absences_[index] = {Stage::kWaiting, policies[index].due(), kNever};
  }
}

void Returns::coming(CellId cell, Time now) {
  Absence& absence = absences_[index_of(cell)];
  if (absence.stage != Stage::kAsked) return;
  absence.stage = Stage::kComing;
  absence.next = now + times_.coming;
}

void Returns::ended(CellId cell, Time now) {
  Absence& absence = absences_[index_of(cell)];
  ended_.insert(cell);
  if (absence.stage == Stage::kAsked) absence.next = absence.until = now;
  if (absence.stage == Stage::kComing) absence.next = now;
}

void Returns::retire(CellId cell) {
  retired_.insert(cell);
  absences_[index_of(cell)] = Absence();
}

void Returns::joined(CellId cell) {
  ended_.erase(cell);
  retired_.erase(cell);
}

/// CELL may come back now.
void Returns::start(CellId cell, Absence& absence, Time now, Port& port) {
  if (ended_.contains(cell)) {
    ended_.erase(cell);
    port.replace(cell);
    absence = {Stage::kComing, now + times_.coming, kNever};
  } else {
    absence = {Stage::kAsked, now, now + times_.patience};
  }
}

void Returns::tick(const Message& request, const View& view, RestartPolicies& policies, Time now,
                   Port& port) {
  for (unsigned index = 0; index < kMaxCells; ++index) {
    const CellId cell{static_cast<std::uint8_t>(index)};
    Absence& absence = absences_[index];
    if (absence.stage == Stage::kNone || now < absence.next) continue;
    if (absence.stage == Stage::kComing) {
      policies[index].failed(now);
      ended_.insert(cell);
      absence = {Stage::kWaiting, policies[index].due(), kNever};
      if (now < absence.next) continue;
    }
    if (absence.stage == Stage::kWaiting) start(cell, absence, now, port);
    if (absence.stage != Stage::kAsked) continue;
    if (now >= absence.until) {
      ended_.insert(cell);
      start(cell, absence, now, port);
      continue;
    }
    Message message = request;
    message.incarnation = view.incarnations[index];
    port.send(cell, message);
    absence.next = std::min(now + times_.retry, absence.until);
  }
}

Time Returns::deadline() const {
  Time next = kNever;
  for (const Absence& absence : absences_) {
    if (absence.stage != Stage::kNone) next = std::min(next, absence.next);
  }
  return next;
}

}  // namespace hive::recover
