/* What a cell's monitor publishes of its cell: a page that it writes and others map read-only, the
 * machine's other monitors and Wax. Nothing in it is to be trusted: its writer may be wrong, or be
 * gone in the middle of writing.
 *
 * Integers are little-endian, and are read and written in aligned words of 8 bytes, each load an
 * acquire and each store a release (on x86, all are); `version` and `cell` are one. What is below a
 * turn goes together: its writer makes the turn odd, writes, and makes it the next even number. Who
 * reads looks at the turn before and after; unless it was even and is what it was, nothing that was
 * read counts.
 *
 * Times are of the host's monotonic clock, in nanoseconds. Cells are numbered in the order of the
 * plan, from 0. A block is 2 MiB.
 */
#ifndef HIVE_GUESTS_ABI_STATE_PAGE_H
#define HIVE_GUESTS_ABI_STATE_PAGE_H

#include <stddef.h>
#include <stdint.h>

#include "guests/abi/agent_protocol.h"
#include "guests/abi/global_memory.h"

/* NOLINTBEGIN(readability-identifier-naming): names as C has them */

#define HIVE_STATE_MAGIC 0x6567615065766948ull /* "HivePage" in memory */
#define HIVE_STATE_VERSION 5u
#define HIVE_STATE_BYTES 4096u
#define HIVE_STATE_NO_CELL 0xffu
#define HIVE_STATE_SECTIONS 32u /* that a page tells of, and as many that its cell uses */

/* How the guest does. Counts and times grow from 0 with each VMM. */
struct hive_state_guest {
  uint64_t time_ns;   /* when it was so; 0: never */
  uint64_t beat;      /* how often its agent has answered the monitor */
  uint64_t exits;     /* how often its vCPUs have left it for the VMM */
  uint64_t ran_ns;    /* CPU time of all vCPUs */
  uint64_t waited_ns; /* for which they were ready to run and had no CPU */
};

/* What the guest's agent has said last of its memory; a total of 0: nothing. */
struct hive_state_memory {
  uint64_t time_ns; /* when it said so */
  struct hive_agent_load load;
};

/* What the cell has of the machine. */
struct hive_state_shares {
  uint64_t time_ns; /* when it was written; 0: never */
  uint32_t vcpus;
  uint32_t weight;         /* of its CPU time, as of cgroup v2, now; 0: unknown */
  uint32_t usual_weight;   /* by hand, else by the plan */
  uint32_t own_blocks;     /* its RAM by the plan */
  uint32_t reserve_blocks; /* it lends nothing that would leave it less RAM than that */
  uint32_t room_blocks;    /* how much more it can be lent */
  uint32_t unused_blocks;  /* of its contribution to global memory: in a row, for others */
  uint32_t settling;       /* 1: a loan from or to it is under way, or is not in `memory` yet; 0 */
  uint32_t placement;      /* the home that new sections are placed at; HIVE_STATE_NO_CELL */
  uint32_t reserved;
  uint32_t lent[HIVE_GLOBAL_MAX_CELLS];     /* blocks, to each cell: not given back yet */
  uint32_t borrowed[HIVE_GLOBAL_MAX_CELLS]; /* blocks, from each cell */
};

/* A section of the cell's contribution that may be moved to another home. */
struct hive_state_section {
  uint32_t number; /* the cell's number for it, of which the table has one each; 0: no section */
  uint32_t pages;  /* of 4096 bytes; at least 1 */
  uint32_t moving; /* 1: it is on its way to another home; 0 */
  uint32_t reserved;
};

/* The most used of them. */
struct hive_state_sections {
  uint64_t time_ns; /* when it was written; 0: never */
  struct hive_state_section list[HIVE_STATE_SECTIONS];
};

/* How much the cell's programs use a section, as they say themselves. */
struct hive_state_use {
  uint32_t home;
  uint32_t section; /* home's number for it; 0: none */
  uint32_t uses;    /* in a second */
  uint32_t reserved;
};

/* The sections that the cell uses most, of whichever home. */
struct hive_state_uses {
  uint64_t time_ns; /* when it was written; 0: never */
  struct hive_state_use list[HIVE_STATE_SECTIONS];
};

struct hive_state_page {
  uint64_t magic;
  uint32_t version;
  uint32_t cell;
  uint64_t heartbeat;   /* advances again and again while the monitor's loop runs */
  uint64_t incarnation; /* of the VMM that runs; 0: none */
  uint64_t epoch;       /* of the view that the monitor knows */
  uint64_t guest_turn;
  struct hive_state_guest guest;
  uint64_t memory_turn;
  struct hive_state_memory memory;
  uint64_t shares_turn;
  struct hive_state_shares shares;
  uint64_t sections_turn;
  struct hive_state_sections sections;
  uint64_t uses_turn;
  struct hive_state_uses uses;
  uint64_t reserved[284]; /* 0 */
};

#ifdef __cplusplus
#define HIVE_ABI_ASSERT static_assert
#else
#define HIVE_ABI_ASSERT _Static_assert
#endif
HIVE_ABI_ASSERT(sizeof(struct hive_state_guest) == 40, "state page layout");
HIVE_ABI_ASSERT(sizeof(struct hive_state_memory) == 104, "state page layout");
HIVE_ABI_ASSERT(sizeof(struct hive_state_shares) == 560, "state page layout");
HIVE_ABI_ASSERT(offsetof(struct hive_state_shares, lent) == 48, "state page layout");
HIVE_ABI_ASSERT(offsetof(struct hive_state_page, heartbeat) == 16, "state page layout");
HIVE_ABI_ASSERT(offsetof(struct hive_state_page, guest) == 48, "state page layout");
HIVE_ABI_ASSERT(offsetof(struct hive_state_page, memory) == 96, "state page layout");
HIVE_ABI_ASSERT(offsetof(struct hive_state_page, shares) == 208, "state page layout");
HIVE_ABI_ASSERT(sizeof(struct hive_state_sections) == 520, "state page layout");
HIVE_ABI_ASSERT(sizeof(struct hive_state_uses) == 520, "state page layout");
HIVE_ABI_ASSERT(offsetof(struct hive_state_page, sections) == 776, "state page layout");
HIVE_ABI_ASSERT(offsetof(struct hive_state_page, uses) == 1304, "state page layout");
HIVE_ABI_ASSERT(offsetof(struct hive_state_page, reserved) == 1824, "state page layout");
HIVE_ABI_ASSERT(sizeof(struct hive_state_page) == HIVE_STATE_BYTES, "state page layout");
#undef HIVE_ABI_ASSERT

/* NOLINTEND(readability-identifier-naming) */

#endif
