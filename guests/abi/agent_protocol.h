/* The byte stream between hive-agent in a guest and its cell's monitor: frames, each a header and
 * `length` bytes of payload. It runs over the virtio console port named HIVE_AGENT_PORT. Integers
 * are little-endian. Both sides treat the other as hostile: a frame that breaks these rules ends
 * the stream.
 */
#ifndef HIVE_GUESTS_ABI_AGENT_PROTOCOL_H
#define HIVE_GUESTS_ABI_AGENT_PROTOCOL_H

#include <stdint.h>

#define HIVE_AGENT_PORT "org.hive.agent.0"
#define HIVE_AGENT_MAGIC 0x48564741u /* "AGVH" in memory */
#define HIVE_AGENT_VERSION 1u
#define HIVE_AGENT_MAX_PAYLOAD 16384u
#define HIVE_AGENT_MAX_SESSIONS 16u /* at a time */

/* Flow control: in each direction, a session may have at most this many bytes under way (STDIN one
 * way, STDOUT and STDERR together the other way). A WINDOW frame allows more. Who sends past the
 * window breaks the rules. */
#define HIVE_AGENT_WINDOW_BYTES 65536u

enum hive_agent_frame_type {
  /* agent -> monitor. HELLO is the first frame of a boot, and of an agent that was restarted, whose
   * sessions are gone: a JSON object with "version" (number), "kernel" (uname -r) and "uptime"
   * (seconds). */
  HIVE_AGENT_HELLO = 1,
  HIVE_AGENT_STDOUT = 2, /* `session`: output of a command */
  HIVE_AGENT_STDERR = 3,
  HIVE_AGENT_EXIT = 4,    /* `session` has ended: int32 exit status, or 128 + signal */
  HIVE_AGENT_PONG = 5,    /* answers PING with the same payload */
  HIVE_AGENT_LOCATED = 6, /* answers LOCATE `session`: hive_agent_range, from 1 to
                           * HIVE_AGENT_MAX_RANGES */
  HIVE_AGENT_REFUSED = 7, /* LOCATE, PANIC or WILD_WRITES `session` cannot be done: why, as text */
  HIVE_AGENT_WROTE = 8,   /* WILD_WRITES `session` is over: hive_agent_wrote */
  HIVE_AGENT_LOAD = 9, /* answers ASK_LOAD: hive_agent_load; nothing where the guest does not know
                        * now */

  /* monitor -> agent */
  HIVE_AGENT_EXEC =
      16, /* starts `session`: a JSON array of strings, the argv. A command that cannot
           * be run ends with status 127 (not found) or 126 and says why on STDERR. */
  HIVE_AGENT_STDIN = 17,    /* input of `session`; an empty payload is end of file */
  HIVE_AGENT_SIGNAL = 18,   /* int32 signal for `session` */
  HIVE_AGENT_POWEROFF = 19, /* shut the guest down cleanly */
  HIVE_AGENT_REBOOT = 20,
  HIVE_AGENT_PING = 21,
  HIVE_AGENT_CELLS = 22,  /* follows HELLO: the machine's cells, a line "CID NAME" for each, which
                           * the agent puts into HIVE_AGENT_CELLS_FILE */
  HIVE_AGENT_LOCATE = 23, /* where in guest-physical memory something is: a JSON array of strings,
                           * ["text"] or ["data"] of the kernel; of a process, by its number or
                           * name, its own pages, ["process", P], or the pointers of its address map
                           * or of the copy-on-write tree behind that, ["address-map", P] or
                           * ["cow-tree", P] */
  HIVE_AGENT_PANIC = 24,  /* has the kernel panic; answered only where that cannot be done */
  HIVE_AGENT_WILD_WRITES = 25, /* has a process store words all over global memory:
                                * hive_agent_wild_writes. One at a time */
  HIVE_AGENT_ASK_LOAD = 26,    /* what the guest's memory is used for */

  /* both ways */
  HIVE_AGENT_WINDOW = 32 /* uint32: the receiver may send that many more bytes of `session` */
};

/* Where programs in the guest find the names and vsock addresses of the machine's cells. */
#define HIVE_AGENT_CELLS_FILE "/run/hive/cells"

#define HIVE_AGENT_MAX_RANGES 128u

/* Guest-physical addresses. */
struct hive_agent_range {
  uint64_t start;
  uint64_t size; /* not 0 */
};

/* Whose memory wild writes go to. */
enum hive_agent_target {
  HIVE_AGENT_OWN = 1,    /* what this cell contributes */
  HIVE_AGENT_OTHERS = 2, /* what the other cells do */
  HIVE_AGENT_ALL = 3
};

#define HIVE_AGENT_MAX_STORES 1000000u
#define HIVE_AGENT_MAX_STORE_RATE 100000u
#define HIVE_AGENT_LONGEST_STORES 3600000u /* milliseconds */

/* Stores of 8 bytes, at places and with values that are drawn from `seed`. */
struct hive_agent_wild_writes {
  uint32_t target;   /* enum hive_agent_target */
  uint32_t count;    /* of stores: 1 to HIVE_AGENT_MAX_STORES */
  uint32_t rate;     /* per second: 1 to HIVE_AGENT_MAX_STORE_RATE */
  uint32_t limit_ms; /* no store after that long: 1 to HIVE_AGENT_LONGEST_STORES */
  uint64_t seed;
};

/* What came of them. Together at most HIVE_AGENT_MAX_STORES. */
struct hive_agent_wrote {
  uint64_t done;
  uint64_t denied; /* stores that ended in SIGSEGV or SIGBUS */
};

/* How the guest does with its memory, as its kernel says. Bytes, but for counts since its boot. */
struct hive_agent_load {
  uint64_t total; /* what the kernel has to hand out, not 0; what was taken from it for good, or is
                     in a balloon, is not in it */
  uint64_t free;
  uint64_t available; /* without swapping: free, or easy to free */
  uint64_t cached;
  uint64_t dirty;
  uint64_t swap_total;
  uint64_t swap_free;
  uint64_t major_faults;    /* that had to wait for a disk */
  uint64_t swapped_in;      /* pages */
  uint64_t swapped_out;     /* pages */
  uint64_t some_stalled_us; /* time in which some task waited for memory; 0: the kernel tells not */
  uint64_t all_stalled_us;  /* and no task ran */
};

struct hive_agent_frame {
  uint32_t magic;   /* HIVE_AGENT_MAGIC */
  uint16_t type;    /* enum hive_agent_frame_type */
  uint16_t flags;   /* 0 */
  uint32_t session; /* chosen by the monitor for EXEC, LOCATE, PANIC and WILD_WRITES; 0 where a
                       frame belongs to no session */
  uint32_t length;  /* bytes that follow, at most HIVE_AGENT_MAX_PAYLOAD */
};

#ifdef __cplusplus
static_assert(sizeof(struct hive_agent_frame) == 16, "frame header layout");
static_assert(sizeof(struct hive_agent_wild_writes) == 24, "payload layout");
static_assert(sizeof(struct hive_agent_wrote) == 16, "payload layout");
static_assert(sizeof(struct hive_agent_load) == 96, "payload layout");
#else
_Static_assert(sizeof(struct hive_agent_frame) == 16, "frame header layout");
#endif

#endif
