/* What a cell's monitor tells the cell's programs of other cells' failures, in the cell's own
 * memory: a part of the section `hive.system` (guests/abi/system_area.h). It tells while the guest
 * stands still, so that a program which runs after a failure knows of it. Only the monitor writes
 * it; the cell's programs could, and would deceive themselves.
 *
 * Integers are little-endian.
 */
#ifndef HIVE_GUESTS_ABI_RECOVERY_NEWS_H
#define HIVE_GUESTS_ABI_RECOVERY_NEWS_H

#include <stddef.h>
#include <stdint.h>

/* NOLINTBEGIN(readability-identifier-naming): names as C has them */

#define HIVE_NEWS_MAGIC 0x4e564948u /* "HIVN" in memory */
#define HIVE_NEWS_VERSION 1u
#define HIVE_NEWS_CELLS 64u
#define HIVE_NEWS_DISCARDS 1024u /* the last ones are kept */

/* Pages of this cell's contribution whose content was dropped: they read as zeros since. */
struct hive_news_discard {
  uint32_t number; /* from 1; 0 while the entry is written */
  uint32_t first;  /* page */
  uint32_t pages;
  uint32_t reserved;
  uint64_t cells; /* that failed and may have written them: bit N is cell N */
  uint64_t epoch; /* of the view without them */
};

struct hive_recovery_news {
  uint32_t magic; /* 0 until the rest is there */
  uint32_t version;
  uint32_t incarnation; /* of this cell, that it is for */
  uint32_t discards;    /* the number of the last one, 0: none; a word to wait for */
  uint32_t reserved[4];
  /* Entry N: all incarnations of cell N up to this one are over, and never come back. */
  uint32_t over[HIVE_NEWS_CELLS];
  /* The one of number N is entry (N - 1) % HIVE_NEWS_DISCARDS. */
  struct hive_news_discard discard[HIVE_NEWS_DISCARDS];
};

#ifdef __cplusplus
#define HIVE_ABI_ASSERT static_assert
#else
#define HIVE_ABI_ASSERT _Static_assert
#endif
HIVE_ABI_ASSERT(sizeof(struct hive_news_discard) == 32, "news layout");
HIVE_ABI_ASSERT(offsetof(struct hive_recovery_news, over) == 32, "news layout");
HIVE_ABI_ASSERT(offsetof(struct hive_recovery_news, discard) == 288, "news layout");
HIVE_ABI_ASSERT(sizeof(struct hive_recovery_news) == 33056, "news layout");
#undef HIVE_ABI_ASSERT

/* NOLINTEND(readability-identifier-naming) */

#endif
