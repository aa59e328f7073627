/* What a cell's monitor offers programs in its guest: a vsock stream to port HIVE_MONITOR_PORT of
 * the host (CID 2). The program sends requests, one after the other; each is answered by one reply,
 * in order. Integers are little-endian. Both sides treat the other as hostile: a request that
 * breaks the rules is answered HIVE_MONITOR_MALFORMED and ends the stream.
 */
#ifndef HIVE_GUESTS_ABI_MONITOR_SERVICE_H
#define HIVE_GUESTS_ABI_MONITOR_SERVICE_H

#include <stddef.h>
#include <stdint.h>

/* NOLINTBEGIN(readability-identifier-naming): names as C has them */

#define HIVE_MONITOR_PORT 1u
#define HIVE_MONITOR_MAGIC 0x4d564948u /* "HIVM" in memory */
#define HIVE_MONITOR_NAME_SIZE 64u     /* names end in a NUL and are padded with NULs */

enum hive_monitor_operation {
  HIVE_MONITOR_CELL =
      1, /* who cell `cell` is, and whether it is alive; by CID where `cid` is not 0 */
  HIVE_MONITOR_HINT = 2 /* `hint` about cell `cell`: evidence, never a verdict */
};

enum hive_monitor_hint {
  HIVE_HINT_DEADLINE = 1, /* it missed a call's deadline */
  HIVE_HINT_BAD_REPLY = 2 /* what it replied failed a check */
};

struct hive_monitor_request {
  uint32_t magic;
  uint32_t operation; /* enum hive_monitor_operation */
  uint32_t cell;
  uint32_t cid;
  uint32_t hint;        /* enum hive_monitor_hint */
  uint32_t incarnation; /* HINT: which one of the cell it is about; 0: the present one */
  uint64_t detail; /* HINT: for people; DEADLINE: microseconds, BAD_REPLY: enum hive_rpc_fault */
};

enum hive_monitor_status {
  HIVE_MONITOR_OK = 0,
  HIVE_MONITOR_MALFORMED = 1,
  HIVE_MONITOR_NO_SUCH_CELL = 2,
  HIVE_MONITOR_TOO_MANY = 3 /* hints: this one was only counted */
};

struct hive_monitor_reply {
  uint32_t magic;
  uint32_t status; /* enum hive_monitor_status; where it is not OK, the rest is 0 */
  uint32_t cell;
  uint32_t cid;
  uint32_t cells;       /* in the machine */
  uint32_t alive;       /* 1: its VMM runs and it is in the view */
  uint32_t incarnation; /* the present one, or the last */
  uint32_t own;         /* the number of the cell that asks */
  char name[HIVE_MONITOR_NAME_SIZE];
};

#ifdef __cplusplus
#define HIVE_ABI_ASSERT static_assert
#else
#define HIVE_ABI_ASSERT _Static_assert
#endif
HIVE_ABI_ASSERT(sizeof(struct hive_monitor_request) == 32, "request layout");
HIVE_ABI_ASSERT(sizeof(struct hive_monitor_reply) == 96, "reply layout");
#undef HIVE_ABI_ASSERT

/* NOLINTEND(readability-identifier-naming) */

#endif
