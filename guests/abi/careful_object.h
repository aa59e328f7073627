/* An object in global memory that any cell can read with care, however rotten it may be: this
 * header, then `length` bytes of content, then zeros up to a multiple of 8 bytes.
 *
 * It starts at a multiple of 8. Integers are little-endian. Header and content are read and written
 * in aligned 8-byte words, each load an acquire and each store a release (on x86, all are).
 *
 * To write one: make `sequence` odd; write the content and the rest of the header; make `sequence`
 * the next even number. One writer at a time. To read one: read the header, copy the content, read
 * `sequence` again. Unless it was even and is what it was, nothing that was read counts.
 *
 * Global memory whose home is gone reads as all-ones: no sequence is that, and no tag.
 */
#ifndef HIVE_GUESTS_ABI_CAREFUL_OBJECT_H
#define HIVE_GUESTS_ABI_CAREFUL_OBJECT_H

#include <stddef.h>
#include <stdint.h>

/* NOLINTBEGIN(readability-identifier-naming): names as C has them */

#define HIVE_CAREFUL_ALIGNMENT 8u
#define HIVE_CAREFUL_NO_TAG 0u            /* no object: memory that was never written */
#define HIVE_CAREFUL_GONE_TAG 0xffffffffu /* no object: memory whose home is gone */

struct hive_careful_header {
  uint64_t sequence;   /* odd: being written */
  uint32_t tag;        /* what kind of object it is; 1 to 0xfffffffe */
  uint32_t checksum;   /* CRC-32C of this header, with a checksum of 0, and the content */
  uint64_t length;     /* of the content, in bytes */
  uint32_t generation; /* of the page that it starts in, as its writer knew it; 0: not said */
  uint32_t reserved;   /* 0 */
};

#ifdef __cplusplus
#define HIVE_ABI_ASSERT static_assert
#else
#define HIVE_ABI_ASSERT _Static_assert
#endif
HIVE_ABI_ASSERT(sizeof(struct hive_careful_header) == 32, "header layout");
HIVE_ABI_ASSERT(offsetof(struct hive_careful_header, tag) == 8, "header layout");
HIVE_ABI_ASSERT(offsetof(struct hive_careful_header, checksum) == 12, "header layout");
HIVE_ABI_ASSERT(offsetof(struct hive_careful_header, length) == 16, "header layout");
HIVE_ABI_ASSERT(offsetof(struct hive_careful_header, generation) == 24, "header layout");
#undef HIVE_ABI_ASSERT

/* NOLINTEND(readability-identifier-naming) */

#endif
