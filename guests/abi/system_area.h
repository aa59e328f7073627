/* What a cell's programs share with those of other cells without being asked: the section
 * `hive.system`, the last 16 pages of a contribution of 1 MiB or more. The home's monitor makes it;
 * only the home's programs write it, but for `news`, which is the monitor's, and others read it
 * with care. All of it is zero when the home boots for the first time; the home's programs zero
 * `header` and `slots` again where `incarnation` is not theirs.
 *
 * Integers are little-endian. A page is 4096 bytes.
 */
#ifndef HIVE_GUESTS_ABI_SYSTEM_AREA_H
#define HIVE_GUESTS_ABI_SYSTEM_AREA_H

#include <stddef.h>
#include <stdint.h>

#include "guests/abi/recovery_news.h"

/* NOLINTBEGIN(readability-identifier-naming): names as C has them */

#define HIVE_SYSTEM_SECTION "hive.system"
#define HIVE_RESERVED_PREFIX "hive." /* guests make no sections of such names */
#define HIVE_SYSTEM_PAGES 16u
#define HIVE_SYSTEM_LEAST 0x100000u /* smaller contributions have no such section */

#define HIVE_SYSTEM_MAGIC 0x53564948u /* "HIVS" in memory */
#define HIVE_SYSTEM_VERSION 1u
#define HIVE_WAIT_SLOTS 1024u
#define HIVE_SIPS_PORTS 256u

/* Which doorbell wakes those who wait. */
#define HIVE_WAKE_VECTOR 1u

struct hive_system_header {
  uint32_t magic; /* 0 until a program of the home has used the area */
  uint32_t version;
  uint32_t incarnation; /* of the home, when `magic` was written */
  uint32_t reserved0;
  uint8_t reserved1[0x3f0];
  /* 0x400. Entry N: where the home's section of SIPS port N starts, in pages from the start of the
   * contribution, and 1; 0 where the port is closed. */
  uint32_t sips_ports[HIVE_SIPS_PORTS];
  uint8_t reserved2[0x800];
};

/* How many threads of the home sleep, or are about to, until a word that falls into this slot
 * changes. Whoever changes a word rings the cells whose slot is not 0. Too high a number costs
 * doorbells; all-ones says that the home is gone. */
struct hive_wait_slot {
  uint32_t waiters;
  uint32_t reserved[3];
};

struct hive_system_area {
  struct hive_system_header header;
  struct hive_wait_slot slots[HIVE_WAIT_SLOTS]; /* 0x1000 */
  struct hive_recovery_news news;               /* 0x5000 */
  uint8_t reserved[0xb000 - sizeof(struct hive_recovery_news)];
};

/* The slot of the word at OFFSET of HOME's contribution. */
static inline uint64_t hive_wait_slot_of(uint32_t home, uint64_t offset) {
  const uint64_t key = (offset >> 2) * 64u + home;
  return (key * 0x9e3779b97f4a7c15u) >> 54;
}

#ifdef __cplusplus
#define HIVE_ABI_ASSERT static_assert
#else
#define HIVE_ABI_ASSERT _Static_assert
#endif
HIVE_ABI_ASSERT(sizeof(struct hive_system_header) == 4096, "system header layout");
HIVE_ABI_ASSERT(offsetof(struct hive_system_header, sips_ports) == 0x400, "system header layout");
HIVE_ABI_ASSERT(sizeof(struct hive_wait_slot) == 16, "wait slot layout");
HIVE_ABI_ASSERT(offsetof(struct hive_system_area, slots) == 0x1000, "system area layout");
HIVE_ABI_ASSERT(offsetof(struct hive_system_area, news) == 0x5000, "system area layout");
HIVE_ABI_ASSERT(sizeof(struct hive_system_area) == HIVE_SYSTEM_PAGES * 4096u, "system area layout");
#undef HIVE_ABI_ASSERT

/* NOLINTEND(readability-identifier-naming) */

#endif
