/* libhive: global memory, from user space of a Linux guest that has no driver for it.
 *
 * A machine is opened once and may be used by several threads. Every function that can fail returns
 * an enum hive_status; hive_last_message() then says, for the calling thread, what was at fault.
 * Pointers to results may not be NULL unless it is said that they may. Nothing here throws or ends
 * the process.
 *
 * Words: `home` is the number of the cell that contributes a piece of global memory; offsets count
 * bytes from the start of its contribution. A page is 4096 bytes. Cells are numbered from 0, in the
 * order of the plan. docs/sdk.md explains it with examples.
 */
#ifndef HIVE_GUESTS_SDK_HIVE_H
#define HIVE_GUESTS_SDK_HIVE_H

#include <stddef.h>
#include <stdint.h>

/* NOLINTBEGIN(readability-identifier-naming): names as C has them */

#ifdef __cplusplus
extern "C" {
#endif

enum hive_status {
  HIVE_OK = 0,

  /* Refusals by the home of the memory. */
  HIVE_MALFORMED = 1,
  HIVE_NOT_HOME = 2, /* only home may ask that, or the cell that made the section */
  HIVE_NO_SUCH_CELL = 3,
  HIVE_HOME_GONE = 4,    /* home's monitor does not answer, or its guest does not run */
  HIVE_OUT_OF_RANGE = 5, /* past the end of the contribution or the section */
  HIVE_NO_SUCH_SECTION = 6,
  HIVE_BAD_NAME = 7, /* not 1 to 63 of [A-Za-z0-9._-], or it begins with "hive." */
  HIVE_NAME_TAKEN = 8,
  HIVE_NO_SPACE = 9,
  HIVE_IN_USE = 10, /* other cells have the section open */
  HIVE_NOT_OPEN = 11,
  HIVE_LIMIT = 12,
  HIVE_NOT_FOUND = 13, /* there is none, or none any more */
  HIVE_HOME_WRITES = 14,
  HIVE_MOVED = 15,  /* the section has another home now: open it anew, by its name */
  HIVE_MOVING = 16, /* it is on its way to one: ask again soon */

  /* The device and this process. */
  HIVE_NO_DEVICE = 64,
  HIVE_NO_PERMISSION = 65,
  HIVE_SYSTEM = 66,     /* a system call failed */
  HIVE_NOT_MAPPED = 67, /* global memory is not mapped, or not for writing */
  HIVE_DEADLINE = 68,
  HIVE_BROKEN = 69,  /* the device says what makes no sense */
  HIVE_INVALID = 70, /* an argument makes no sense */
  HIVE_OUT_OF_MEMORY = 71,
  HIVE_ABANDONED = 72, /* the lock is taken, from an owner that failed */
  HIVE_CLOSED = 73,    /* the other end of the channel has closed it */

  /* Careful reference. */
  HIVE_MISALIGNED = 96,
  HIVE_FAULT = 97,     /* the access raised SIGSEGV or SIGBUS; a store: the firewall refused it */
  HIVE_GONE = 98,      /* the memory reads as all-ones: its home is gone */
  HIVE_WRONG_TAG = 99, /* no object, or one of another kind */
  HIVE_TORN = 100,     /* it is being written, or its writer died meanwhile */
  HIVE_ROTTEN = 101,   /* the checksum does not match */
  HIVE_STALE = 102,    /* it was written in another generation of its page */
  HIVE_TOO_LONG = 103, /* it is longer than the destination, or than its home's memory */

  /* Calls to other cells (hive_rpc.h). */
  HIVE_REFUSED = 128,      /* no such service there, or the plan forbids the call */
  HIVE_RESET = 129,        /* the connection ended first; the call may have been executed */
  HIVE_PEER_FAILED = 130,  /* the cell failed, or is another incarnation by now */
  HIVE_BAD_REPLY = 131,    /* what came back failed a check */
  HIVE_CANCELLED = 132,    /* by the caller */
  HIVE_BUSY = 133,         /* the server has too much to do; not executed */
  HIVE_NO_METHOD = 134,    /* the service has no such method */
  HIVE_REMOTE_ERROR = 135, /* the service says so, with a code of its own */
  HIVE_NOT_DONE = 136,     /* the call is still under way */
  HIVE_NO_ROOM = 137       /* the call was executed, but its reply is longer than the room for it */
};

/* A few words for each status, never NULL. */
const char* hive_status_text(enum hive_status status);

/* What went wrong in the calling thread's last call that failed, and what to do; never NULL. Valid
 * until the thread's next call. */
const char* hive_last_message(void);

/* --- the machine --- */

typedef struct hive_machine hive_machine;

/* How global memory is mapped into this process. */
enum hive_mapping {
  HIVE_MAP_BEST = 0,            /* only asked for: the first of those below that is there */
  HIVE_MAP_WRITE_BACK = 1,      /* through /dev/mem: cached, as private memory is */
  HIVE_MAP_WRITE_COMBINING = 2, /* resource2_wc: reads are not cached */
  HIVE_MAP_UNCACHED = 3,        /* resource2 */
  HIVE_MAP_NONE = 4             /* not at all: registers only */
};

#define HIVE_READ_ONLY 1u /* hive_options.flags: map global memory for reading only */

struct hive_options {
  const char* function; /* PCI function, as "0000:00:05.0"; NULL: the first that is Hive's */
  uint32_t mapping;     /* enum hive_mapping */
  uint32_t flags;
  uint32_t deadline_ms; /* of each request; 0: 5000 */
  uint32_t reserved;    /* 0 */
};

/* OPTIONS may be NULL. Needs root, or rights to the function's files in sysfs and to /dev/mem.
 * Installs handlers for SIGSEGV and SIGBUS: see hive_guard_faults(). */
enum hive_status hive_open(const struct hive_options* options, hive_machine** machine);

/* Unmaps everything. Sections that were opened stay open: they are the cell's, not the process's.
 * NULL is allowed. No other thread may be using MACHINE. */
void hive_close(hive_machine* machine);

#define HIVE_FUNCTION_SIZE 32u
#define HIVE_NAME_SIZE 64u

struct hive_machine_info {
  uint32_t cell;         /* this cell's number */
  uint32_t cells;        /* in the machine */
  uint32_t incarnation;  /* how often this cell was booted */
  uint32_t vectors;      /* doorbells of each cell */
  uint64_t window_start; /* of global memory, in guest-physical memory */
  uint64_t window_size;
  uint32_t mapping; /* enum hive_mapping, as it came out */
  uint32_t flags;
  char function[HIVE_FUNCTION_SIZE];
};

void hive_get_info(const hive_machine* machine, struct hive_machine_info* info);

struct hive_cell {
  uint32_t cell;
  uint32_t reserved;
  uint64_t offset; /* of its contribution within global memory */
  uint64_t size;   /* 0: it contributes nothing */
  char name[HIVE_NAME_SIZE];
};

/* Asks CELL's monitor for its name; HIVE_HOME_GONE leaves CELL_INFO without one. */
enum hive_status hive_get_cell(hive_machine* machine, uint32_t cell, struct hive_cell* cell_info);

/* Looks a cell up by NAME; HIVE_NOT_FOUND. */
enum hive_status hive_find_cell(hive_machine* machine, const char* name, uint32_t* cell);

/* Where OFFSET of HOME's contribution is mapped; NULL where SIZE bytes from there are not all
 * within it, or nothing is mapped. Plain loads and stores go there: one that the firewall refuses
 * raises SIGSEGV or SIGBUS. Valid until hive_close(). */
void* hive_address(const hive_machine* machine, uint32_t home, uint64_t offset, uint64_t size);

/* --- sections --- */

struct hive_section {
  uint32_t home;
  uint32_t number;
  uint64_t first; /* page of home's contribution */
  uint64_t pages;
  uint64_t users; /* bit n: cell n has it open */
  char name[HIVE_NAME_SIZE];
  uint32_t flags; /* HIVE_MOVABLE (hive_placement.h) */
};

#define HIVE_ANY_HOME 0xffffffffu

/* Of this cell's own contribution. */
enum hive_status hive_section_create(hive_machine* machine, const char* name, uint64_t pages,
                                     struct hive_section* section);
#define HIVE_FORCE 1u /* even while other cells have it open */
enum hive_status hive_section_destroy(hive_machine* machine, const struct hive_section* section,
                                      uint32_t flags);

/* While it is open, home does not destroy it unless it forces that. HOME may be HIVE_ANY_HOME: then
 * the cell with the lowest number that has such a section. One that has moved from HOME is opened
 * where it is; one that is on its way, from HOME or to it, is waited for, 5 s at most, and then
 * HIVE_MOVING: it may be there later, or stay where it was. Opens are counted, belong to the cell
 * and end with its incarnation, or with the section's move: what was opened before is HIVE_MOVED,
 * and is to be opened anew. */
enum hive_status hive_section_open(hive_machine* machine, uint32_t home, const char* name,
                                   struct hive_section* section);
enum hive_status hive_section_close(hive_machine* machine, const struct hive_section* section);

/* The same without opening it. One that is on its way is found where it was for as long as it is
 * there. */
enum hive_status hive_section_find(hive_machine* machine, uint32_t home, const char* name,
                                   struct hive_section* section);
/* HOME's first section that starts at page FIRST or after; HIVE_NOT_FOUND after the last. */
enum hive_status hive_section_next(hive_machine* machine, uint32_t home, uint64_t first,
                                   struct hive_section* section);

/* hive_address() of the section's first byte. */
void* hive_section_address(const hive_machine* machine, const struct hive_section* section);

/* --- who may write --- */

/* `runs` runs of `pages` pages each, the first at page `first`, one every `stride` pages. */
struct hive_pattern {
  uint64_t first;
  uint64_t pages;
  uint64_t stride; /* at least `pages`; any where `runs` is 1 */
  uint64_t runs;
};

/* Let CELL write pages of this cell's contribution, and take them again. SECTION may be NULL; else
 * pages count from its start; one that this cell made elsewhere will do. CHANGED, which may be
 * NULL, gets how many pages changed. Once hive_revoke() has returned, nothing of CELL writes them.
 */
enum hive_status hive_grant(hive_machine* machine, uint32_t cell,
                            const struct hive_section* section, const struct hive_pattern* pattern,
                            uint64_t* changed);
enum hive_status hive_revoke(hive_machine* machine, uint32_t cell,
                             const struct hive_section* section, const struct hive_pattern* pattern,
                             uint64_t* changed);

struct hive_page {
  uint32_t generation; /* how often its content was dropped or the page handed out */
  uint32_t section;    /* 0: it is in none */
  uint64_t writers;    /* bit n: cell n may write it */
};

/* PAGE counts from SECTION's start, or HOME's contribution's where SECTION is NULL. With a SECTION,
 * HOME is its home whatever is said. */
enum hive_status hive_get_page(hive_machine* machine, uint32_t home,
                               const struct hive_section* section, uint64_t page,
                               struct hive_page* info);

/* The first run of pages, at page FROM or after, that CELL has written since it was allowed to;
 * HIVE_NOT_FOUND after the last. Pages count as above. */
enum hive_status hive_get_written(hive_machine* machine, uint32_t home,
                                  const struct hive_section* section, uint32_t cell, uint64_t from,
                                  uint64_t* first, uint64_t* pages);

/* --- doorbells --- */

/* Interrupts CELL, which may be this one. Its kernel has to have a driver that takes the device's
 * interrupts, as uio_pci_generic does. */
enum hive_status hive_ring(hive_machine* machine, uint32_t cell, uint32_t vector);

/* --- waiting and waking --- */

/* Waits until the 4-byte word at OFFSET of HOME's contribution, a multiple of 4, is not OLD, and
 * gives what it is then. HIVE_DEADLINE after TIMEOUT_MS. Spins for a moment, then sleeps until a
 * doorbell rings: see hive_wake(). Where this cell contributes nothing, or the kernel's
 * uio_pci_generic is not there, this polls: without a pause at first, in the end every 2 ms. A home
 * that is gone reads as 0xffffffff. */
enum hive_status hive_wait(hive_machine* machine, uint32_t home, uint64_t offset, uint32_t old,
                           uint32_t timeout_ms, uint32_t* value);

/* Wakes all who wait for the word at OFFSET of HOME's contribution, in all cells: to be called
 * after the word was changed, by whatever store. Cells where nobody waits are not disturbed; a word
 * that is changed without a call is noticed within 100 ms. CELLS, which may be NULL, gets how many
 * cells' doorbells were rung. */
enum hive_status hive_wake(hive_machine* machine, uint32_t home, uint64_t offset, uint32_t* cells);

/* A lock among cells (guests/abi/cell_lock.h) in the word at OFFSET of HOME's contribution, which
 * this cell may write; 0 is a free one. It belongs to the cell: threads and processes of one cell
 * exclude each other as well, but any of them can free it. Not recursive. HIVE_DEADLINE after
 * TIMEOUT_MS. HIVE_ABANDONED: the caller holds it, but whoever held it before failed, and what it
 * protects may be half-changed. */
enum hive_status hive_lock(hive_machine* machine, uint32_t home, uint64_t offset,
                           uint32_t timeout_ms);
/* HIVE_INVALID: this cell does not hold it. HIVE_BROKEN: somebody keeps changing the word. */
enum hive_status hive_unlock(hive_machine* machine, uint32_t home, uint64_t offset);
/* Who holds it; the incarnation modulo 2^24. HIVE_NOT_FOUND: nobody does. */
enum hive_status hive_lock_owner(hive_machine* machine, uint32_t home, uint64_t offset,
                                 uint32_t* cell, uint32_t* incarnation);
/* Frees it where that incarnation of CELL, which failed, holds it; whoever gets it next is told so
 * by HIVE_ABANDONED. HIVE_BROKEN as hive_unlock(). hive_lock() does so by itself where this cell
 * contributes memory. A lock in a page that was discarded is free, and has no owner to tell of. */
enum hive_status hive_lock_abandon(hive_machine* machine, uint32_t home, uint64_t offset,
                                   uint32_t cell, uint32_t incarnation);

/* --- recovery --- */

/* Pages of this cell's contribution whose content was dropped, since a cell that failed may have
 * corrupted it: they read as zeros from then on, until they are written again. */
struct hive_discard {
  uint32_t number; /* from 1 since this cell's start */
  uint32_t reserved;
  uint64_t first; /* page of the contribution */
  uint64_t pages;
  uint64_t cells; /* which failed: bit N is cell N */
  uint64_t epoch; /* of the machine's view without them */
};

/* Gives the first discard after number AFTER, and waits for it: HIVE_DEADLINE after TIMEOUT_MS. The
 * last 1024 are kept; where its number is not AFTER + 1, those between are not told of any more,
 * and any page may have been among theirs. A program that goes on after a failure has been told
 * before of all that the failure came to. HIVE_NOT_MAPPED: this cell contributes less than 1 MiB.
 */
enum hive_status hive_next_discard(hive_machine* machine, uint32_t after, uint32_t timeout_ms,
                                   struct hive_discard* discard);

/* --- channels --- */

/* One-way streams of records between two programs, each of which writes only its own cell's memory
 * (guests/abi/channel.h). Each end is used by one thread at a time, and closed before its machine.
 *
 * RING is a multiple of 64 within the sender's contribution, with room for 128 bytes and CAPACITY,
 * a power of 2 of at least 64; CREDIT one within the receiver's, with room for 64 bytes. Both ends
 * have to be told both. A record is at most CAPACITY - 16 bytes long. */
struct hive_channel_place {
  uint32_t sender;   /* a cell */
  uint32_t receiver; /* a cell; may be the same */
  uint64_t ring;
  uint64_t credit;
  uint32_t capacity;
  uint32_t reserved; /* 0 */
};

typedef struct hive_sender hive_sender;
typedef struct hive_receiver hive_receiver;

/* Makes the ring, empty: a receiver that was at it begins anew. HIVE_INVALID: that is no place, or
 * its ring is not this cell's. */
enum hive_status hive_sender_open(hive_machine* machine, const struct hive_channel_place* place,
                                  hive_sender** sender);
/* Waits for room. HIVE_DEADLINE after TIMEOUT_MS: nothing was sent. HIVE_TOO_LONG: there will never
 * be room. Where there is none: HIVE_CLOSED, HIVE_GONE or HIVE_BROKEN, as the receiver's end is. */
enum hive_status hive_send(hive_sender* sender, const void* record, size_t size,
                           uint32_t timeout_ms);
/* The receiver gets what was sent, and then HIVE_CLOSED. NULL is allowed. */
void hive_sender_close(hive_sender* sender);

/* The sender may not have made the ring yet. */
enum hive_status hive_receiver_open(hive_machine* machine, const struct hive_channel_place* place,
                                    hive_receiver** receiver);
/* The next record into the SIZE bytes at RECORD; LENGTH gets how many it fills. HIVE_DEADLINE after
 * TIMEOUT_MS. HIVE_TOO_LONG: it was longer than SIZE, and is gone. HIVE_CLOSED or HIVE_GONE, as the
 * sender's end is. HIVE_BROKEN or HIVE_ROTTEN: what is in the ring makes no sense, and the channel
 * is of no use until the sender opens it anew. */
enum hive_status hive_receive(hive_receiver* receiver, void* record, size_t size,
                              uint32_t timeout_ms, size_t* length);
/* The sender gets HIVE_CLOSED. NULL is allowed. */
void hive_receiver_close(hive_receiver* receiver);

/* Short messages (guests/abi/sips.h): in order for each sender and receiver, with at most one
 * doorbell. Both cells open the port; both contribute global memory. A port is of one program of a
 * cell at a time, whose threads may share it. */
#define HIVE_SIPS_SIZE 128u

typedef struct hive_sips hive_sips;

/* PORT is 0 to 255. */
enum hive_status hive_sips_open(hive_machine* machine, uint32_t port, hive_sips** sips);
/* MESSAGE has HIVE_SIPS_SIZE bytes. HIVE_NOT_FOUND: CELL has not opened the port. HIVE_DEADLINE: it
 * does not receive what was sent before. */
enum hive_status hive_sips_send(hive_sips* sips, uint32_t cell, const void* message,
                                uint32_t timeout_ms);
/* The next message of any cell into the HIVE_SIPS_SIZE bytes at MESSAGE; CELL gets the sender. */
enum hive_status hive_sips_receive(hive_sips* sips, uint32_t timeout_ms, uint32_t* cell,
                                   void* message);
/* Waits until what was sent was taken, for a second at most, and not for cells that have closed the
 * port: what was not taken by then is lost. NULL is allowed. */
void hive_sips_close(hive_sips* sips);

/* --- careful reference --- */

struct hive_object {
  uint64_t sequence; /* another one each time that it is published */
  uint64_t length;   /* of its content */
  uint32_t tag;
  uint32_t generation;
};

/* Reads the object (guests/abi/careful_object.h) at OFFSET of HOME's contribution without trusting
 * any of it: checks alignment and bounds, copies it once into DESTINATION, and gives it out only
 * where tag, sequence and checksum are right. It never faults, and tries a bounded number of times
 * where the object is being written. GENERATION is its page's (hive_get_page()), or 0 to take it
 * from any. After a failure DESTINATION is zeroed. OBJECT may be NULL. */
enum hive_status hive_careful_read(const hive_machine* machine, uint32_t home, uint64_t offset,
                                   uint32_t tag, uint32_t generation, void* destination,
                                   size_t size, struct hive_object* object);

/* Makes such an object, which takes 32 bytes and LENGTH, rounded up to 8. One writer at a time.
 * HIVE_FAULT where the firewall refuses; the object may then be torn. */
enum hive_status hive_careful_publish(const hive_machine* machine, uint32_t home, uint64_t offset,
                                      uint32_t tag, uint32_t generation, const void* content,
                                      size_t length);

/* Copies that return HIVE_FAULT where an access faults, but check nothing of what they copy. */
enum hive_status hive_copy_from(const hive_machine* machine, uint32_t home, uint64_t offset,
                                void* destination, size_t size);
enum hive_status hive_copy_to(const hive_machine* machine, uint32_t home, uint64_t offset,
                              const void* source, size_t size);

/* Careful functions survive faults by handlers for SIGSEGV and SIGBUS, which hive_open() installs.
 * They pass all other faults on to the handlers from before, or to the default. A program that
 * installs its own ones afterwards calls this to put the library's before them. */
enum hive_status hive_guard_faults(void);

#ifdef __cplusplus
}
#endif

/* NOLINTEND(readability-identifier-naming) */

#endif
