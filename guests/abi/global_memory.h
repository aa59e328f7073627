/* How a guest reaches global memory: a PCI device that programs for QEMU's ivshmem know (1af4:1110,
 * revision 1; QEMU's docs/specs/ivshmem-spec), with more registers above ivshmem's.
 *
 * BAR0: struct hive_global_registers. BAR1: MSI-X. BAR2: global memory itself, which also lies at
 * `window_start` of guest-physical memory, a range that the firmware's map calls reserved: mapped
 * from there it is cached write-back.
 *
 * Integers are little-endian. Registers are read and written 4 bytes at a time (ivshmem's), or in
 * aligned 1, 2, 4 or 8 bytes (all others). Others than those named read as 0; writes to them do
 * nothing.
 *
 * Cells are numbered in the order of the plan, from 0. A page is 4096 bytes.
 */
#ifndef HIVE_GUESTS_ABI_GLOBAL_MEMORY_H
#define HIVE_GUESTS_ABI_GLOBAL_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* NOLINTBEGIN(readability-identifier-naming): names as C has them */

#define HIVE_GLOBAL_VENDOR 0x1af4u
#define HIVE_GLOBAL_DEVICE 0x1110u
#define HIVE_GLOBAL_REVISION 1u
#define HIVE_GLOBAL_MAGIC 0x47564948u /* "HIVG" in memory */
#define HIVE_GLOBAL_VERSION 1u
#define HIVE_GLOBAL_MAX_CELLS 64u
#define HIVE_GLOBAL_VECTORS 4u    /* interrupts of each cell that others may raise */
#define HIVE_GLOBAL_NAME_SIZE 64u /* names end in a NUL and are padded with NULs */
#define HIVE_GLOBAL_PAGE_SIZE 4096u
#define HIVE_GLOBAL_MAX_RUNS 1048576u    /* in one request */
#define HIVE_GLOBAL_ANY_HOME 0xffffffffu /* the one that is advised, or else the asking cell */

/* What a request asks for. `home` says whose contribution it is about. A section's users and rights
 * end with the cell's incarnation. */
enum hive_global_operation {
  HIVE_GLOBAL_CELL = 1,          /* the name of cell `home` and the pages that it contributes */
  HIVE_GLOBAL_SECTION_NEXT = 2,  /* the first section that starts at page `first` or after */
  HIVE_GLOBAL_SECTION_OPEN = 3,  /* section `name`, which this cell uses from now on */
  HIVE_GLOBAL_SECTION_CLOSE = 4, /* takes one SECTION_OPEN of `section` back */
  HIVE_GLOBAL_PAGE = 5,          /* page `first`: its generation, section and writers */
  HIVE_GLOBAL_WRITTEN = 6,      /* the first run of pages, at page `first` or after, that `cell` has
                                 * written since it was allowed to */
  HIVE_GLOBAL_SECTION_USED = 7, /* this cell has used `section` `pages` times more: for those who
                                 * advise where it should be. Its own monitor takes it */
  HIVE_GLOBAL_SECTION_FIND = 8, /* section `name`, without opening it */

  /* Of home itself; SECTION_CREATE of any cell as far as home makes sections for others, and the
   * others of the cell that made `section`, too. */
  HIVE_GLOBAL_SECTION_CREATE = 32,  /* `pages` pages under `name`, which the asking cell may write.
                                     * `home` may be HIVE_GLOBAL_ANY_HOME */
  HIVE_GLOBAL_SECTION_DESTROY = 33, /* `section`; its pages are taken from all others */
  HIVE_GLOBAL_GRANT = 34,           /* lets `cell` write the runs of pages that are described */
  HIVE_GLOBAL_REVOKE = 35           /* takes them from `cell`; done when the reply comes */
};

/* Bits of `flags`. */
#define HIVE_GLOBAL_FORCE 1u   /* SECTION_DESTROY: even while other cells use it */
#define HIVE_GLOBAL_MOVABLE 2u /* SECTION_CREATE: it may be moved to another home */

struct hive_global_request {
  uint64_t tag;       /* the reply repeats it */
  uint32_t operation; /* enum hive_global_operation */
  uint32_t flags;
  uint32_t home;
  uint32_t cell;
  uint32_t section; /* its number. Where not 0, GRANT, REVOKE, PAGE and WRITTEN count pages from the
                     * section's start, and do not reach past its end */
  uint32_t reserved; /* 0 */
  uint64_t first;    /* page; of the first run */
  uint64_t pages;    /* in each run, or in the section */
  uint64_t stride;   /* pages from a run's start to the next one's: at least `pages` where `runs` is
                      * more than 1 */
  uint64_t runs;     /* 1 to HIVE_GLOBAL_MAX_RUNS */
  char name[HIVE_GLOBAL_NAME_SIZE];
};

enum hive_global_status {
  HIVE_GLOBAL_OK = 0,
  HIVE_GLOBAL_MALFORMED = 1,    /* no such operation, or a field that makes no sense */
  HIVE_GLOBAL_NOT_HOME = 2,     /* only home may ask that, or the cell that made the section */
  HIVE_GLOBAL_NO_SUCH_CELL = 3, /* `home` or `cell` */
  HIVE_GLOBAL_HOME_GONE = 4,    /* home's monitor does not answer, or its guest does not run */
  HIVE_GLOBAL_OUT_OF_RANGE = 5, /* pages past the end of the contribution or the section */
  HIVE_GLOBAL_NO_SUCH_SECTION = 6,
  HIVE_GLOBAL_BAD_NAME = 7, /* not 1 to 63 of [A-Za-z0-9._-], or it begins with "hive." */
  HIVE_GLOBAL_NAME_TAKEN = 8,
  HIVE_GLOBAL_NO_SPACE = 9, /* no free range is long enough, or no more is for other cells */
  HIVE_GLOBAL_IN_USE = 10,  /* other cells have the section open */
  HIVE_GLOBAL_NOT_OPEN = 11,
  HIVE_GLOBAL_LIMIT = 12,       /* too many sections, opens or runs */
  HIVE_GLOBAL_NOT_FOUND = 13,   /* NEXT and WRITTEN: there is none any more */
  HIVE_GLOBAL_HOME_WRITES = 14, /* home's own rights cannot be taken */
  HIVE_GLOBAL_MOVED = 15,       /* the section has another home now: `home`, `section`, `first` and
                                 * `pages` say where it went. It may have gone on from there */
  HIVE_GLOBAL_MOVING = 16       /* it is on its way, from here or to here: ask again soon */
};

#define HIVE_GLOBAL_MESSAGE_SIZE 144u

struct hive_global_reply {
  uint64_t tag;
  uint32_t status; /* enum hive_global_status; but for `message`, the rest is 0 where it is neither
                    * OK nor MOVED */
  uint32_t home;
  uint32_t section;    /* number of the section that the reply is about; 0: none */
  uint32_t generation; /* PAGE: how often its content was dropped or the page handed out.
                        * SECTION_*: HIVE_GLOBAL_MOVABLE where it may be moved */
  uint64_t first;      /* the section's, or WRITTEN: the run's first page in the contribution */
  uint64_t pages;      /* of the section, the run, the cell's contribution; GRANT and REVOKE: pages
                        * that changed */
  uint64_t writers;    /* PAGE: bit n: cell n may write it. SECTION_*: bit n: cell n has it open */
  char name[HIVE_GLOBAL_NAME_SIZE];       /* of the section or the cell */
  char message[HIVE_GLOBAL_MESSAGE_SIZE]; /* for people, where the status is not OK */
};

/* Where a cell's contribution lies within global memory; a size of 0: it has none. */
struct hive_global_part {
  uint64_t offset;
  uint64_t size;
};

/* Bits of `pin_mode`; others read as 0. */
/* "Interrupt disable" of the command register does not hold the interrupt pin back. For handlers
 * that disable it at each interrupt, and programs that do not want to enable it before each sleep:
 * the pin is released at each end of interrupt anyway. */
#define HIVE_GLOBAL_PIN_ALWAYS 1u

enum hive_global_state {
  HIVE_GLOBAL_IDLE = 0,    /* no request was submitted since the device was reset */
  HIVE_GLOBAL_BUSY = 1,    /* one is under way; what is written to `request` or `submit` is lost */
  HIVE_GLOBAL_ANSWERED = 2 /* `reply` holds */
};

struct hive_global_registers {
  /* ivshmem's. Mask and status do nothing. Interrupts are by MSI-X or, while that is off, by pin
   * INTA, which any doorbell of the cell asserts until the end of interrupt. PCI's status register
   * calls the pin asserted whenever its command register lets it be: a handler sets "interrupt
   * disable" there, and whoever is ready for the next interrupt clears it. What rings in between
   * comes then. */
  uint32_t interrupt_mask;
  uint32_t interrupt_status;
  uint32_t iv_position; /* read-only: this cell's number */
  uint32_t doorbell;    /* write-only: cell << 16 | vector interrupts that cell */
  uint8_t reserved0[0xf0];

  /* 0x100, read-only but for pin_mode */
  uint32_t magic;
  uint32_t version;
  uint32_t cell;  /* this cell's number */
  uint32_t cells; /* in the machine */
  uint64_t window_start;
  uint64_t window_size;
  uint32_t incarnation; /* how often this cell was booted */
  uint32_t vectors;     /* HIVE_GLOBAL_VECTORS */
  uint32_t pin_mode;    /* HIVE_GLOBAL_PIN_* */
  uint8_t reserved1[0x2d4];

  /* 0x400, read-only */
  struct hive_global_part parts[HIVE_GLOBAL_MAX_CELLS];

  /* 0x800. One request at a time: fill in `request`, write any value to `submit`, read `state`
   * until it is HIVE_GLOBAL_ANSWERED. Programs of a guest keep out of each other's way by flock()
   * on the file that they map BAR0 from. */
  struct hive_global_request request;
  uint32_t submit; /* write-only */
  uint32_t state;  /* read-only: enum hive_global_state */
  uint8_t reserved2[0x78];
  struct hive_global_reply reply; /* 0x900, read-only */
  uint8_t reserved3[0x600];
};

#ifdef __cplusplus
#define HIVE_ABI_ASSERT static_assert
#else
#define HIVE_ABI_ASSERT _Static_assert
#endif
HIVE_ABI_ASSERT(sizeof(struct hive_global_request) == 128, "request layout");
HIVE_ABI_ASSERT(offsetof(struct hive_global_request, first) == 32, "request layout");
HIVE_ABI_ASSERT(offsetof(struct hive_global_request, name) == 64, "request layout");
HIVE_ABI_ASSERT(sizeof(struct hive_global_reply) == 256, "reply layout");
HIVE_ABI_ASSERT(offsetof(struct hive_global_reply, name) == 48, "reply layout");
HIVE_ABI_ASSERT(sizeof(struct hive_global_registers) == 4096, "register layout");
HIVE_ABI_ASSERT(offsetof(struct hive_global_registers, doorbell) == 12, "register layout");
HIVE_ABI_ASSERT(offsetof(struct hive_global_registers, magic) == 0x100, "register layout");
HIVE_ABI_ASSERT(offsetof(struct hive_global_registers, pin_mode) == 0x128, "register layout");
HIVE_ABI_ASSERT(offsetof(struct hive_global_registers, parts) == 0x400, "register layout");
HIVE_ABI_ASSERT(offsetof(struct hive_global_registers, request) == 0x800, "register layout");
HIVE_ABI_ASSERT(offsetof(struct hive_global_registers, submit) == 0x880, "register layout");
HIVE_ABI_ASSERT(offsetof(struct hive_global_registers, reply) == 0x900, "register layout");
#undef HIVE_ABI_ASSERT

/* NOLINTEND(readability-identifier-naming) */

#endif
