#include "guests/micro/talk.h"

#include "guests/micro/bare.h"

namespace hive::micro {
namespace {

using Slot = hive_micro_slot;

Slot& slot_at(std::uint64_t address) { return *reinterpret_cast<Slot*>(address); }
std::uint64_t content_of(std::uint64_t slot) { return slot + sizeof(Slot); }

void copy_bytes(std::uint64_t to, std::uint64_t from, std::uint64_t count) {
  asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
}

bool is_there(const Slot& slot, std::uint64_t sequence) {
  return __atomic_load_n(&slot.sequence, __ATOMIC_ACQUIRE) >= sequence;
}

void publish(const hive_micro_talk& talk, std::uint64_t sequence) {
  copy_bytes(content_of(talk.own), talk.buffer, talk.length);
  // With a full fence, as announce() has: either the other side sees the message before it halts,
  // or this one sees that it sleeps.
  __atomic_exchange_n(&slot_at(talk.own).sequence, sequence, __ATOMIC_SEQ_CST);
  const bool sleeps = __atomic_load_n(&slot_at(talk.other).sleeping, __ATOMIC_ACQUIRE) != 0;
  if (sleeps || (talk.flags & HIVE_MICRO_TALK_RINGS_ALWAYS) != 0) {
    *reinterpret_cast<volatile std::uint32_t*>(talk.doorbell) =
        static_cast<std::uint32_t>(talk.ring);
  }
}

/// Says whether this side sleeps.
void announce(Slot& own, bool sleeps) {
  __atomic_exchange_n(&own.sleeping, sleeps ? 1 : 0, __ATOMIC_SEQ_CST);
}

void await(const hive_micro_talk& talk, std::uint64_t sequence) {
  const Slot& other = slot_at(talk.other);
  const std::uint64_t start = read_tsc();
  do {
    if (is_there(other, sequence)) return;
    pause();
  } while (read_tsc() - start < talk.spin);
  disable_interrupts();
  announce(slot_at(talk.own), true);
  // An interrupt that comes after the look ends the halt: STI lets none in before HLT.
  while (!is_there(other, sequence)) asm volatile("sti; hlt; cli" : : : "memory");
  announce(slot_at(talk.own), false);
}

void take(const hive_micro_talk& talk, std::uint64_t sequence) {
  await(talk, sequence);
  copy_bytes(talk.buffer, content_of(talk.other), talk.length);
}

}  // namespace

hive_micro_status talk(Cpu& cpu, const hive_micro_action& action, Result& result) {
  const hive_micro_talk talk = *reinterpret_cast<const hive_micro_talk*>(action.a);
  const std::uint64_t first = slot_at(talk.own).sequence + 1;
  for (std::uint64_t turn = 0; turn < talk.turns; ++turn) {
    const std::uint64_t start = read_tsc();
    if ((talk.flags & HIVE_MICRO_TALK_CALLS) != 0) {
      publish(talk, first + turn);
      take(talk, first + turn);
    } else {
      take(talk, first + turn);
      publish(talk, first + turn);
    }
    if (talk.times != 0) reinterpret_cast<std::uint64_t*>(talk.times)[turn] = read_tsc() - start;
    result.value = turn + 1;
  }
  if (cpu.interrupts_on) enable_interrupts();
  return HIVE_MICRO_OK;
}

}  // namespace hive::micro
