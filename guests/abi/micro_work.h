/* A micro guest's workload: memory whose content follows from a seed and the rounds that were done,
 * so that its host can tell for itself what a digest of all of it has to be.
 *
 * The guest has `private_words` words of 8 bytes at `private_start` and `own_words` at `own`, its
 * contribution to global memory, which together are words 0 to n - 1. Word i begins as
 * hive_micro_work_first(seed, i). Round k adds hive_micro_work_step(seed, i) to each word of chunk
 * k, the chunks taking turns. A guest that was told so by 'g' on its serial port also stamps
 * `stamp_words` words at `stamps`, which belong to another home, each round; those at `stamped`, in
 * its own contribution, another guest stamps. 'v' has it verify: it reads all words and prints
 *
 *   hive-work seed=S words=N rounds=R digest=D stamped=T wrong=W check=C
 *
 * with hexadecimal numbers: the digest of all words after R rounds, how many words hold a stamp of
 * the other guest, how many hold neither one nor 0, and how often it has verified, this time
 * included.
 */
#ifndef HIVE_GUESTS_ABI_MICRO_WORK_H
#define HIVE_GUESTS_ABI_MICRO_WORK_H

#include <stddef.h>
#include <stdint.h>

/* NOLINTBEGIN(readability-identifier-naming): C names. */

#define HIVE_MICRO_WORK_CHUNK 128u /* words */
#define HIVE_MICRO_WORK_VERIFY 'v'
#define HIVE_MICRO_WORK_STAMP 'g'

/* Addresses are this guest's. */
struct hive_micro_work {
  uint64_t seed;
  uint64_t private_start;
  uint64_t private_words;
  uint64_t own;
  uint64_t own_words;
  uint64_t stamped;
  uint64_t stamps;
  uint64_t stamp_words;
  uint64_t stamper; /* the seed of the guest that stamps this one's */
  uint64_t sleep;   /* ticks of the APIC's timer between rounds */
  /* The guest's own: 0 at first. */
  uint64_t rounds;
  uint64_t checks;
  uint64_t may_stamp;
};

static inline uint64_t hive_micro_work_step(uint64_t seed, uint64_t word) {
  return ((seed << 32 ^ word) * 0x9e3779b97f4a7c15ull) | 1;
}

static inline uint64_t hive_micro_work_first(uint64_t seed, uint64_t word) {
  return hive_micro_work_step(seed, word) * 0xbf58476d1ce4e5b9ull;
}

/* DIGEST of the words before VALUE, and VALUE. */
static inline uint64_t hive_micro_work_digest(uint64_t digest, uint64_t value) {
  digest ^= value;
  return (digest << 13 | digest >> 51) * 0x94d049bb133111ebull;
}

/* What the guest with SEED writes into word WORD in round ROUND (the low half of it, from 1). */
static inline uint64_t hive_micro_work_stamp(uint64_t seed, uint64_t word, uint32_t round) {
  const uint64_t mark = ((seed << 32 ^ word << 16 ^ round) * 0x9e3779b97f4a7c15ull) >> 32;
  const uint64_t high = round;
  return high << 32 | mark;
}

/* NOLINTEND(readability-identifier-naming) */

#endif
