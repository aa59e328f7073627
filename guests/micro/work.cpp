#include "guests/micro/work.h"

#include "guests/abi/micro_work.h"
#include "guests/bare/serial.h"
#include "guests/micro/bare.h"

namespace hive::micro {
namespace {

using Work = hive_micro_work;

constexpr std::uint16_t kLineStatus = kSerialPort + 5;
constexpr std::uint8_t kDataReady = 1;
constexpr std::uint8_t kTimerVector = 0x40;

Work& work_at(std::uint64_t address) { return *reinterpret_cast<Work*>(address); }

volatile std::uint64_t* words_at(std::uint64_t address) {
  return reinterpret_cast<volatile std::uint64_t*>(address);
}

std::uint64_t words_of(const Work& work) { return work.private_words + work.own_words; }

/// DIGEST goes on with COUNT words at ADDRESS.
std::uint64_t digest_words(std::uint64_t digest, std::uint64_t address, std::uint64_t count) {
  const volatile std::uint64_t* words = words_at(address);
  for (std::uint64_t i = 0; i < count; ++i) digest = hive_micro_work_digest(digest, words[i]);
  return digest;
}

void verify(Work& work) {
  std::uint64_t digest = digest_words(0, work.private_start, work.private_words);
  digest = digest_words(digest, work.own, work.own_words);
  std::uint64_t stamped = 0;
  std::uint64_t wrong = 0;
  for (std::uint64_t i = 0; i < work.stamp_words; ++i) {
    const std::uint64_t word = words_at(work.stamped)[i];
    if (word == 0) continue;
    const auto round = static_cast<std::uint32_t>(word >> 32);
    ++(word == hive_micro_work_stamp(work.stamper, i, round) ? stamped : wrong);
  }
  ++work.checks;
  print("hive-work seed=", work.seed);
  print(" words=", words_of(work));
  print(" rounds=", work.rounds);
  print(" digest=", digest);
  print(" stamped=", stamped);
  print(" wrong=", wrong);
  print(" check=", work.checks);
  print("\r\n");
}

void obey(Work& work) {
  while ((in8(kLineStatus) & kDataReady) != 0) {
    switch (in8(kSerialPort)) {
      case HIVE_MICRO_WORK_VERIFY:
        verify(work);
        break;
      case HIVE_MICRO_WORK_STAMP:
        work.may_stamp = 1;
        break;
      default:
        break;
    }
  }
}

void do_round(Work& work) {
  const std::uint64_t words = words_of(work);
  const std::uint64_t chunks = (words + HIVE_MICRO_WORK_CHUNK - 1) / HIVE_MICRO_WORK_CHUNK;
  const std::uint64_t first = work.rounds % chunks * HIVE_MICRO_WORK_CHUNK;
  const std::uint64_t end =
      first + HIVE_MICRO_WORK_CHUNK < words ? first + HIVE_MICRO_WORK_CHUNK : words;
  for (std::uint64_t word = first; word < end; ++word) {
    volatile std::uint64_t* at = word < work.private_words
                                     ? words_at(work.private_start) + word
                                     : words_at(work.own) + (word - work.private_words);
    *at = *at + hive_micro_work_step(work.seed, word);
  }
  ++work.rounds;
}

}  // namespace

hive_micro_status fill_work(const hive_micro_action& action) {
  const Work& work = work_at(action.a);
  for (std::uint64_t word = 0; word < work.private_words; ++word) {
    words_at(work.private_start)[word] = hive_micro_work_first(work.seed, word);
  }
  for (std::uint64_t word = 0; word < work.own_words; ++word) {
    words_at(work.own)[word] = hive_micro_work_first(work.seed, work.private_words + word);
  }
  return HIVE_MICRO_OK;
}

hive_micro_status do_work(Cpu& cpu, const hive_micro_action& action, Result& result) {
  Work& work = work_at(action.a);
  if (words_of(work) == 0) return HIVE_MICRO_INVALID;
  obey(work);
  do_round(work);
  result.value = work.rounds;
  start_timer(cpu.apic, kTimerVector, static_cast<std::uint32_t>(work.sleep));
  asm volatile("sti; hlt; cli" : : : "memory");
  if (cpu.interrupts_on) enable_interrupts();
  return HIVE_MICRO_OK;
}

hive_micro_status stamp_work(const hive_micro_action& action, Result& result) {
  Work& work = work_at(action.a);
  result.value = 0;
  if (work.may_stamp == 0) return HIVE_MICRO_OK;
  work.may_stamp = 0;  // It stays so if an exception ends this action.
  asm volatile("" : : : "memory");
  const auto round = static_cast<std::uint32_t>(work.rounds);
  for (std::uint64_t i = 0; i < work.stamp_words; ++i) {
    words_at(work.stamps)[i] = hive_micro_work_stamp(work.seed, i, round);
  }
  asm volatile("" : : : "memory");
  work.may_stamp = 1;
  result.value = work.stamp_words;
  return HIVE_MICRO_OK;
}

}  // namespace hive::micro
