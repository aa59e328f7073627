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
  HIVE_AGENT_REFUSED = 7, /* LOCATE or PANIC `session` cannot be done: why, as text */

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
                           * ["text"] or ["data"] of the kernel, or ["process", number or name] */
  HIVE_AGENT_PANIC = 24,  /* has the kernel panic; answered only where that cannot be done */

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

struct hive_agent_frame {
  uint32_t magic;   /* HIVE_AGENT_MAGIC */
  uint16_t type;    /* enum hive_agent_frame_type */
  uint16_t flags;   /* 0 */
  uint32_t session; /* chosen by the monitor for EXEC, LOCATE and PANIC; 0 where a frame belongs to
                       no session */
  uint32_t length;  /* bytes that follow, at most HIVE_AGENT_MAX_PAYLOAD */
};

#ifdef __cplusplus
static_assert(sizeof(struct hive_agent_frame) == 16, "frame header layout");
#else
_Static_assert(sizeof(struct hive_agent_frame) == 16, "frame header layout");
#endif

#endif
