/* How Wax sees the machine and says what it advises: a PCI device, the only one of its cell.
 *
 * BAR0: struct hive_wax_registers. BAR2: the view, read-only memory: at page N of 4096 bytes the
 * state page of cell N (state_page.h), which that cell's monitor writes while Wax reads it; zeros
 * where there is none. Both are below 4 GiB and decoded from the start.
 *
 * Integers are little-endian. Registers are read and written in aligned 4 or 8 bytes. Others than
 * those named read as 0; writes to them, and to the view, do nothing.
 *
 * Cells are numbered in the order of the plan, from 0.
 */
#ifndef HIVE_GUESTS_ABI_WAX_H
#define HIVE_GUESTS_ABI_WAX_H

#include <stddef.h>
#include <stdint.h>

#include "guests/abi/state_page.h"

/* NOLINTBEGIN(readability-identifier-naming): names as C has them */

#define HIVE_WAX_VENDOR 0x1af4u
#define HIVE_WAX_DEVICE 0x10f5u    /* of those for use without registration */
#define HIVE_WAX_MAGIC 0x57564948u /* "HIVW" in memory */
#define HIVE_WAX_VERSION 1u
#define HIVE_WAX_MAX_HINTS 256u /* that the device takes at once */
#define HIVE_WAX_HINT_RATE 20u  /* a second, and for each cell: what it takes after these */
#define HIVE_WAX_MAX_BEATS 4u   /* heartbeats a round that the monitor is told of */
#define HIVE_WAX_MIN_ROUND 10u  /* milliseconds */
#define HIVE_WAX_MAX_ROUND 4000u
#define HIVE_WAX_NO_CELL 0xffu

/* Where the cell's firmware has the configuration space of PCI bus 0 (ECAM). */
#define HIVE_WAX_ECAM 0xe0000000u

/* The first words of Wax's command line that are of the form NAME=VALUE count; others are ignored.
 * Its policy has to be named. */
#define HIVE_WAX_POLICY "policy="

enum hive_wax_hint_kind {
  HIVE_WAX_LEND = 1,      /* `cell` lends `amount` blocks to `peer` */
  HIVE_WAX_GIVE_BACK = 2, /* `cell` gives `amount` blocks back to `peer`, which had lent them */
  HIVE_WAX_WEIGHT = 3,    /* `amount` becomes the CPU weight of `cell` */
  HIVE_WAX_PLACE = 4,     /* new sections are placed at home `cell` */
  HIVE_WAX_MOVE = 5       /* section `section` of home `cell` moves to home `peer` */
};

/* One piece of advice. Monitors carry out none that is not of the epoch and incarnation that they
 * know. Members that its kind does not name are 0; `peer` is HIVE_WAX_NO_CELL. */
struct hive_wax_hint {
  uint64_t epoch;       /* as in the registers */
  uint32_t incarnation; /* the same */
  uint32_t kind;        /* enum hive_wax_hint_kind */
  uint32_t cell;
  uint32_t peer;
  uint32_t amount;
  uint32_t section;
};

struct hive_wax_registers {
  /* read-only */
  uint32_t magic;
  uint32_t version;
  uint32_t cells; /* in the machine: so many pages of the view count */
  uint32_t cpus;  /* of the host, that the cells share; 0: unknown */
  uint64_t epoch; /* of the view that this incarnation of Wax is for */
  uint32_t incarnation;
  uint32_t round_ms; /* how long a round is: HIVE_WAX_MIN_ROUND to HIVE_WAX_MAX_ROUND */
  uint64_t now_ns;   /* the host's monotonic clock */
  uint64_t dropped;  /* hints that were one too many, or that the monitor did not take in time */
  uint8_t reserved0[0x50];

  /* 0x80 */
  uint64_t heartbeat; /* rounds that are done; the guest counts. Its monitor is told */
  uint8_t reserved1[0x78];

  /* 0x100: the mailbox. Fill in `hint`, write any value to `submit`. The device takes what is there
   * at that moment; it drops what goes beyond HIVE_WAX_MAX_HINTS and HIVE_WAX_HINT_RATE. */
  struct hive_wax_hint hint;
  uint32_t submit; /* write-only */
  uint8_t reserved2[0xedc];
};

#ifdef __cplusplus
#define HIVE_ABI_ASSERT static_assert
#else
#define HIVE_ABI_ASSERT _Static_assert
#endif
HIVE_ABI_ASSERT(sizeof(struct hive_wax_hint) == 32, "hint layout");
HIVE_ABI_ASSERT(offsetof(struct hive_wax_hint, kind) == 12, "hint layout");
HIVE_ABI_ASSERT(offsetof(struct hive_wax_hint, section) == 28, "hint layout");
HIVE_ABI_ASSERT(offsetof(struct hive_wax_registers, epoch) == 0x10, "register layout");
HIVE_ABI_ASSERT(offsetof(struct hive_wax_registers, now_ns) == 0x20, "register layout");
HIVE_ABI_ASSERT(offsetof(struct hive_wax_registers, heartbeat) == 0x80, "register layout");
HIVE_ABI_ASSERT(offsetof(struct hive_wax_registers, hint) == 0x100, "register layout");
HIVE_ABI_ASSERT(offsetof(struct hive_wax_registers, submit) == 0x120, "register layout");
HIVE_ABI_ASSERT(sizeof(struct hive_wax_registers) == 4096, "register layout");
#undef HIVE_ABI_ASSERT

/* NOLINTEND(readability-identifier-naming) */

#endif
