// The part of Machine that waits, wakes and locks.
#include <string>

#include "guests/sdk/guard.h"
#include "guests/sdk/machine.h"
#include "guests/sdk/status.h"

namespace hive::sdk {
namespace {

Failure at(hive_status status, std::uint32_t home, std::uint64_t offset) {
  return {status, std::string(status_text(status)) + ", at offset " + std::to_string(offset) +
                      " of cell " + std::to_string(home)};
}

}  // namespace

Result<unsigned char*> Machine::word(std::uint32_t home, std::uint64_t offset) const {
  if (offset % sizeof(std::uint32_t) != 0) return at(HIVE_MISALIGNED, home, offset);
  return place(home, offset, sizeof(std::uint32_t));
}

Result<Done> Machine::use_system_area(Clock::time_point end) {
  SystemAreas& areas = events_.areas();
  if (!areas.has_own()) {
    return Failure{HIVE_NOT_MAPPED,
                   "this cell has no system area: it contributes less than 1 MiB, or global memory "
                   "is not mapped for writing"};
  }
  return channel_.exclude([&areas] { areas.renew(); }, end);
}

Result<std::uint32_t> Machine::wait(std::uint32_t home, std::uint64_t offset, std::uint32_t old,
                                    std::chrono::milliseconds timeout) {
  const auto found = word(home, offset);
  if (!found.ok()) return found.failure();
  const Clock::time_point end = Clock::now() + timeout;
  std::uint32_t value = old;
  bool fault = false;
  const Events::Look changed = [&, address = found.value()] {
    fault = !guarded_load_word(address, value);
    return fault || value != old;
  };
  const bool over = events_.wait({home, offset}, changed, end);
  if (fault) return at(HIVE_FAULT, home, offset);
  if (!over) return Failure{HIVE_DEADLINE, "the word did not change in time"};
  return value;
}

Result<unsigned> Machine::wake(std::uint32_t home, std::uint64_t offset) {
  const auto found = word(home, offset);
  if (!found.ok()) return found.failure();
  return events_.wake({home, offset});
}

Result<CellLock> Machine::lock_at(std::uint32_t home, std::uint64_t offset) {
  const auto found = word(home, offset);
  if (!found.ok()) return found.failure();
  if (device_.read_only) {
    return Failure{HIVE_NOT_MAPPED, "global memory is mapped for reading only, as was asked for"};
  }
  return CellLock(events_, found.value(), {home, offset},
                  {device_.facts.cell, device_.facts.incarnation});
}

Result<Taken> Machine::lock(std::uint32_t home, std::uint64_t offset,
                            std::chrono::milliseconds timeout) {
  const Clock::time_point end = Clock::now() + timeout;
  auto lock = lock_at(home, offset);
  if (!lock.ok()) return lock.failure();
  return std::move(lock).value().take(end);
}

Result<Done> Machine::unlock(std::uint32_t home, std::uint64_t offset) {
  auto lock = lock_at(home, offset);
  if (!lock.ok()) return lock.failure();
  return std::move(lock).value().free();
}

Result<LockState> Machine::lock_state(std::uint32_t home, std::uint64_t offset) {
  auto lock = lock_at(home, offset);
  if (!lock.ok()) return lock.failure();
  return lock.value().state();
}

Result<Done> Machine::abandon_lock(std::uint32_t home, std::uint64_t offset,
                                   const LockOwner& owner) {
  auto lock = lock_at(home, offset);
  if (!lock.ok()) return lock.failure();
  return std::move(lock).value().abandon(owner);
}

Result<Discard> Machine::next_discard(std::uint32_t after, std::chrono::milliseconds timeout) {
  const RecoveryNews news = events_.areas().news();
  if (!news.are_there()) {
    return Failure{HIVE_NOT_MAPPED,
                   "nobody tells this cell of discards: it contributes less than 1 MiB, or global "
                   "memory is not mapped"};
  }
  std::optional<Discard> found;
  const Events::Look look = [&] { return (found = news.next(after)).has_value(); };
  (void)events_.wait(events_.areas().news_key(), look, Clock::now() + timeout);
  if (!found) return Failure{HIVE_DEADLINE, "no page of this cell was discarded in time"};
  return *found;
}

}  // namespace hive::sdk
