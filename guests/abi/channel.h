/* A channel: a one-way stream of records from one program to another, through global memory. Each
 * end writes only pages of its own cell: the ring lies in the sender's memory, the receiver's index
 * in the receiver's. Either end may be hostile: indices are copied once and checked, and a record
 * is copied before it is looked at.
 *
 * Indices count bytes and wrap at 2^32. They are multiples of 8; bit 0 says that the end is closed.
 * The ring holds what lies from the receiver's index to the sender's: never more than the capacity.
 * Byte N of the stream is at N modulo the capacity. A record is struct hive_channel_record, its
 * content, and bytes up to the next multiple of 8; it may run over the end of the ring to its
 * start.
 *
 * Who waits, waits for the other end's index word, and is woken as guests/abi/system_area.h says.
 * Integers are little-endian.
 */
#ifndef HIVE_GUESTS_ABI_CHANNEL_H
#define HIVE_GUESTS_ABI_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

/* NOLINTBEGIN(readability-identifier-naming): names as C has them */

#define HIVE_CHANNEL_MAGIC 0x43564948u /* "HIVC" in memory */
#define HIVE_CHANNEL_VERSION 1u
#define HIVE_CHANNEL_LEAST 64u /* bytes of a ring, a power of 2 */
#define HIVE_CHANNEL_MOST 0x40000000u
#define HIVE_CHANNEL_CLOSED 1u        /* in an index */
#define HIVE_CHANNEL_GONE 0xffffffffu /* no index: its home is gone */

/* In the sender's memory, at a multiple of 64; the ring's bytes follow. */
struct hive_channel_ring {
  uint32_t magic; /* written last */
  uint32_t version;
  uint32_t capacity; /* bytes of the ring */
  uint32_t reserved0;
  uint64_t session; /* another one for each sender, never 0 */
  uint8_t reserved1[40];
  uint32_t produced; /* the sender's index */
  uint8_t reserved2[60];
};

/* In the receiver's memory, at a multiple of 64. */
struct hive_channel_credit {
  uint64_t session;  /* the ring's, once the receiver has found it; before: anything else */
  uint32_t consumed; /* the receiver's index: 0 when it starts with a session */
  uint8_t reserved[52];
};

struct hive_channel_record {
  uint32_t length;   /* of the content */
  uint32_t checksum; /* CRC-32C of the content */
  uint64_t sequence; /* of the record in its session, from 0 */
};

#ifdef __cplusplus
#define HIVE_ABI_ASSERT static_assert
#else
#define HIVE_ABI_ASSERT _Static_assert
#endif
HIVE_ABI_ASSERT(sizeof(struct hive_channel_ring) == 128, "ring layout");
HIVE_ABI_ASSERT(offsetof(struct hive_channel_ring, session) == 16, "ring layout");
HIVE_ABI_ASSERT(offsetof(struct hive_channel_ring, produced) == 64, "ring layout");
HIVE_ABI_ASSERT(sizeof(struct hive_channel_credit) == 64, "credit layout");
HIVE_ABI_ASSERT(offsetof(struct hive_channel_credit, consumed) == 8, "credit layout");
HIVE_ABI_ASSERT(sizeof(struct hive_channel_record) == 16, "record layout");
#undef HIVE_ABI_ASSERT

/* NOLINTEND(readability-identifier-naming) */

#endif
