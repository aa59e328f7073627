// The part of hive.h that waits, wakes and locks.
#include <chrono>

#include "guests/sdk/c_calls.h"

using hive::sdk::do_only;
using hive::sdk::fail;
using hive::sdk::missing;
using hive::sdk::put;
using hive::sdk::run;

extern "C" {

hive_status hive_wait(hive_machine* machine, uint32_t home, uint64_t offset, uint32_t old,
                      uint32_t timeout_ms, uint32_t* value) {
  return put(value, [&] {
    return machine->machine->wait(home, offset, old, std::chrono::milliseconds(timeout_ms));
  });
}

hive_status hive_wake(hive_machine* machine, uint32_t home, uint64_t offset, uint32_t* cells) {
  return run([&] { return machine->machine->wake(home, offset); },
             [&](unsigned rung) {
               if (cells != nullptr) *cells = rung;
             });
}

hive_status hive_lock(hive_machine* machine, uint32_t home, uint64_t offset, uint32_t timeout_ms) {
  bool abandoned = false;
  const hive_status status = run(
      [&] { return machine->machine->lock(home, offset, std::chrono::milliseconds(timeout_ms)); },
      [&](hive::sdk::Taken taken) { abandoned = taken == hive::sdk::Taken::kAbandoned; });
  if (!abandoned) return status;
  return fail(HIVE_ABANDONED, hive::sdk::status_text(HIVE_ABANDONED));
}

hive_status hive_unlock(hive_machine* machine, uint32_t home, uint64_t offset) {
  return do_only([&] { return machine->machine->unlock(home, offset); });
}

hive_status hive_lock_owner(hive_machine* machine, uint32_t home, uint64_t offset, uint32_t* cell,
                            uint32_t* incarnation) {
  if (cell == nullptr || incarnation == nullptr) return missing("cell or incarnation");
  hive::sdk::LockState state;
  const hive_status status =
      put(&state, [&] { return machine->machine->lock_state(home, offset); });
  if (status != HIVE_OK) return status;
  if (state.gone) return fail(HIVE_GONE, hive::sdk::status_text(HIVE_GONE));
  if (!state.held) return fail(HIVE_NOT_FOUND, "nobody holds the lock");
  *cell = state.owner.cell;
  *incarnation = state.owner.incarnation;
  return HIVE_OK;
}

hive_status hive_lock_abandon(hive_machine* machine, uint32_t home, uint64_t offset, uint32_t cell,
                              uint32_t incarnation) {
  return do_only([&] { return machine->machine->abandon_lock(home, offset, {cell, incarnation}); });
}

hive_status hive_next_discard(hive_machine* machine, uint32_t after, uint32_t timeout_ms,
                              hive_discard* discard) {
  if (discard == nullptr) return missing("discard");
  return run(
      [&] { return machine->machine->next_discard(after, std::chrono::milliseconds(timeout_ms)); },
      [&](const hive::sdk::Discard& found) {
        *discard = {found.number, 0, found.first, found.pages, found.cells, found.epoch};
      });
}

}  // extern "C"
