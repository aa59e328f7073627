/* What the micro guest and its host agree on. The micro guest is a freestanding PVH kernel that
 * performs scripted actions, so that tests can make a vCPU do exactly one thing at a time.
 *
 * The script is the guest's first PVH module (its initrd): a hive_micro_header, then the actions of
 * every CPU's script. CPU 0 runs script 0 at once; CPU n runs script n once HIVE_MICRO_START_CPU
 * has started it. Each CPU writes its results to its own area of guest memory, where the host reads
 * them. Integers are little-endian; addresses are guest-physical, mapped one to one below 4 GiB.
 *
 * An exception during an action is recorded in the action's result, and the script goes on with the
 * next action. Interrupts are off unless an action turns them on.
 */
#ifndef HIVE_GUESTS_ABI_MICRO_H
#define HIVE_GUESTS_ABI_MICRO_H

#include <stddef.h>
#include <stdint.h>

/* NOLINTBEGIN(readability-identifier-naming): C names. */

#define HIVE_MICRO_MAGIC 0x006f7263694d6948ull /* "HiMicro" in memory */
#define HIVE_MICRO_VERSION 1u
#define HIVE_MICRO_MAX_CPUS 16u     /* a CPU's number is its APIC id */
#define HIVE_MICRO_MAX_ACTIONS 448u /* per script */
#define HIVE_MICRO_MAX_LOOP_DEPTH 4u
#define HIVE_MICRO_BARRIERS 16u
#define HIVE_MICRO_MAX_MAPPED 16u /* times that HIVE_MICRO_MAP maps a new GiB */

/* The guest keeps to RAM below HIVE_MICRO_FREE, except where a script says otherwise. */
#define HIVE_MICRO_RESULTS 0x40000ull /* hive_micro_results of CPU 0, then of CPU 1, ... */
#define HIVE_MICRO_FREE 0x200000ull

/* `width` is 1, 2, 4 or 8 bytes. A store that crosses a boundary is a STORE to an unaligned
 * address. Where an action is bounded by `ticks` (of the TSC), 0 means for ever, and a bound that
 * passes gives HIVE_MICRO_TIMED_OUT. "->" says what the result's `value` becomes. */
enum hive_micro_op {
  HIVE_MICRO_END = 0,     /* ends the script: state becomes DONE, and the CPU halts for ever */
  HIVE_MICRO_OUT = 1,     /* width 1, 2, 4; a: port, b: value */
  HIVE_MICRO_IN = 2,      /* width 1, 2, 4; a: port -> what was read */
  HIVE_MICRO_STORE = 3,   /* width; a: address, b: value */
  HIVE_MICRO_LOAD = 4,    /* width; a: address -> what was read */
  HIVE_MICRO_FILL = 5,    /* a: address, b: byte, c: length; rep stosb -> ticks it took */
  HIVE_MICRO_COPY = 6,    /* a: to, b: from, c: length; rep movsb -> ticks it took */
  HIVE_MICRO_ADD = 7,     /* lock xadd; width; a: address, b: addend -> old value */
  HIVE_MICRO_XCHG = 8,    /* width; a: address, b: new value -> old value */
  HIVE_MICRO_CMPXCHG = 9, /* lock cmpxchg; width; a: address, b: expected, c: new -> old value */
  HIVE_MICRO_CPUID = 10,  /* a: leaf, b: subleaf -> EAX | EBX << 32, extra: ECX | EDX << 32 */
  HIVE_MICRO_RDMSR = 11,  /* a: register -> its value */
  HIVE_MICRO_WRMSR = 12,  /* a: register, b: value */
  HIVE_MICRO_RDTSC = 13,  /* -> the TSC */
  HIVE_MICRO_WAIT = 14, /* width; a: address, b: value, c: ticks; until equal -> last value read */
  HIVE_MICRO_HALT = 15, /* sti, hlt, cli -> interrupts that this CPU has handled so far */
  HIVE_MICRO_INTERRUPTS = 16, /* a: 1 turns interrupts on for the actions that follow, 0 off */
  HIVE_MICRO_AWAIT = 17,      /* a: vector, b: count, c: ticks; spins with interrupts on until the
                                 vector's count is at least b -> its count */
  HIVE_MICRO_IPI = 18,        /* a: low half of the ICR, b: APIC id it goes to */
  HIVE_MICRO_X2APIC = 19,     /* switches this CPU's APIC to x2APIC mode */
  HIVE_MICRO_START_CPU = 20,  /* a: CPU, c: ticks; INIT, SIPI, SIPI, until it runs its script */
  HIVE_MICRO_BARRIER = 21, /* a: barrier (below HIVE_MICRO_BARRIERS), b: CPUs that meet, c: ticks */
  HIVE_MICRO_LOOP = 22,    /* performs the b actions that follow a times in all -> ticks it took */
  HIVE_MICRO_MAP = 23,     /* maps the GiB around address a (below 512 GiB) one to one */
  HIVE_MICRO_UNDEFINED = 24, /* ud2 */
  HIVE_MICRO_TRIPLE_FAULT = 25,
  HIVE_MICRO_SPIN = 26,          /* for ever, at the interrupt setting that is in force */
  HIVE_MICRO_TRAPPED_STORE = 27, /* 8 bytes; a: address, b: value; with the trap flag set, so that
                                   vector 1 comes after it */
  HIVE_MICRO_SWEEP = 28,         /* a: address, b: stride, c: count; stores into 8 bytes at each of
                                    the addresses a, a + b, ... the address itself -> ticks it took */
  HIVE_MICRO_TALK = 29,      /* a: address of a hive_micro_talk; takes turns with another guest by
                               shared memory and doorbells -> turns */
  HIVE_MICRO_FILL_WORK = 30, /* a: address of a hive_micro_work (micro_work.h); fills its memory */
  HIVE_MICRO_WORK = 31,      /* a: as above; does a round, what its serial port asks for, and sleeps
                                -> rounds */
  HIVE_MICRO_STAMP = 32      /* a: as above; stamps the other home's words, if it may: once it has
                                got an exception there, not before it is told anew -> words */
};

/* One side's part of the shared memory: only that side writes it. Its message follows. */
struct hive_micro_slot {
  uint64_t sequence; /* of its last message, from 1 */
  uint64_t sleeping; /* 1 while it halts, or is about to, until its doorbell rings */
  uint64_t reserved[6];
};

#define HIVE_MICRO_TALK_CALLS 1ull /* this side sends first, the other answers */
#define HIVE_MICRO_TALK_RINGS_ALWAYS \
  2ull /* with each message, not only while the other side sleeps */

/* Addresses are this guest's. In each turn each side copies a message of `length` bytes out of
 * `buffer` into its slot, publishes it, rings, and copies the other's into `buffer`. */
struct hive_micro_talk {
  uint64_t own;   /* a hive_micro_slot */
  uint64_t other; /* the other side's */
  uint64_t buffer;
  uint64_t length;
  uint64_t doorbell; /* of a 4-byte register */
  uint64_t ring;     /* what to write to it */
  uint64_t flags;
  uint64_t spin;  /* ticks to look for the other's message before halting */
  uint64_t turns; /* they go on counting from the slot's sequence */
  uint64_t times; /* of 8 bytes for each turn: the ticks that it took; 0: nowhere */
};

struct hive_micro_action {
  uint32_t op;    /* enum hive_micro_op */
  uint32_t width; /* 0 where the op has none */
  uint64_t a;
  uint64_t b;
  uint64_t c;
};

struct hive_micro_header {
  uint64_t magic;
  uint32_t version;
  uint32_t scripts; /* CPUs with a script */
  struct {
    uint32_t first; /* index of its first action among all actions */
    uint32_t count; /* an END is implied after the last */
  } script[HIVE_MICRO_MAX_CPUS];
  uint64_t reserved[2];
};

enum hive_micro_status {
  HIVE_MICRO_NOT_RUN = 0,
  HIVE_MICRO_OK = 1,
  HIVE_MICRO_EXCEPTION = 2, /* `vector`, `error_code`, `rip`; `value` is RFLAGS as it was there; for
                               a page fault `extra` is CR2 */
  HIVE_MICRO_TIMED_OUT = 3,
  HIVE_MICRO_INVALID = 4 /* unknown op or width, or an operand out of range: nothing was done */
};

/* What became of one action; when it ran several times, of the last time. */
struct hive_micro_result {
  uint8_t status; /* enum hive_micro_status */
  uint8_t vector;
  uint16_t reserved;
  uint32_t error_code; /* 0 for exceptions without */
  uint64_t value;
  uint64_t extra;
  uint64_t rip;
};

enum hive_micro_state {
  HIVE_MICRO_IDLE = 0,
  HIVE_MICRO_RUNNING = 1,
  HIVE_MICRO_DONE = 2,
  HIVE_MICRO_REFUSED = 3, /* no script, or a malformed one */
  HIVE_MICRO_FAILED = 4   /* an exception outside an action, in result[0] */
};

/* One CPU's area. Interrupt vectors 0x20 to 0xfe are counted and acknowledged; 0xff is the APIC's
 * spurious vector: counted only. */
struct hive_micro_results {
  uint32_t state;      /* enum hive_micro_state; written last */
  uint32_t current;    /* index in its script of the action being performed, or just performed */
  uint64_t performed;  /* actions finished, every turn of a loop included */
  uint64_t exceptions; /* actions that ended in one */
  uint64_t interrupts; /* the sum of `vectors` */
  uint64_t reserved[124];
  uint32_t vectors[256];
  struct hive_micro_result result[HIVE_MICRO_MAX_ACTIONS];
};

#ifdef __cplusplus
#define HIVE_MICRO_ASSERT(condition) static_assert(condition, "micro guest ABI layout")
#else
#define HIVE_MICRO_ASSERT(condition) _Static_assert(condition, "micro guest ABI layout")
#endif
HIVE_MICRO_ASSERT(sizeof(struct hive_micro_action) == 32);
HIVE_MICRO_ASSERT(sizeof(struct hive_micro_slot) == 64);
HIVE_MICRO_ASSERT(sizeof(struct hive_micro_talk) == 80);
HIVE_MICRO_ASSERT(sizeof(struct hive_micro_header) == 160);
HIVE_MICRO_ASSERT(sizeof(struct hive_micro_result) == 32);
HIVE_MICRO_ASSERT(offsetof(struct hive_micro_results, vectors) == 1024);
HIVE_MICRO_ASSERT(offsetof(struct hive_micro_results, result) == 2048);
HIVE_MICRO_ASSERT(sizeof(struct hive_micro_results) == 16384);

/* NOLINTEND(readability-identifier-naming) */

#endif
