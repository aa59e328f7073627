/* Intercell RPC on the wire: frames on a stream, each a header and `length` bytes of payload.
 * Integers are little-endian. Both sides treat the other as hostile: a frame that breaks these
 * rules ends its connection. docs/rpc.md explains how frames follow each other.
 *
 * A service has a name and no number: it listens on the vsock port that its name hashes to, and
 * checks the whole name in the first frame of each connection.
 */
#ifndef HIVE_GUESTS_ABI_RPC_H
#define HIVE_GUESTS_ABI_RPC_H

#include <stddef.h>
#include <stdint.h>

/* NOLINTBEGIN(readability-identifier-naming): names as C has them */

#define HIVE_RPC_MAGIC 0x52564948u /* "HIVR" in memory */
#define HIVE_RPC_VERSION 1u
#define HIVE_RPC_MAX_PAYLOAD (1u << 20) /* of a request or a reply, in bytes */
#define HIVE_RPC_MAX_MESSAGE 512u       /* of an error, in bytes */
#define HIVE_RPC_NAME_SIZE 64u          /* names end in a NUL and are padded with NULs */

/* Ports: FIRST plus the low 30 bits of the name's hash (FNV-1a, 32 bits). */
#define HIVE_RPC_FIRST_PORT 0x40000000u
#define HIVE_RPC_PORT_MASK 0x3fffffffu

#define HIVE_RPC_NO_CELL 0xffffffffu /* a caller or callee that does not know its own number */

/* Methods from here on are the library's; the rest are the service's. */
#define HIVE_RPC_FIRST_OWN_METHOD 0xffff0000u
#define HIVE_RPC_PING 0xffff0000u /* an empty reply, by the library itself */

enum hive_rpc_kind {
  HIVE_RPC_HELLO = 1,   /* the first frame of a caller: struct hive_rpc_hello */
  HIVE_RPC_WELCOME = 2, /* its answer: struct hive_rpc_welcome */
  HIVE_RPC_REQUEST = 3, /* ids increase on a connection; one that does not is a duplicate */
  HIVE_RPC_REPLY = 4,
  HIVE_RPC_CANCEL = 5, /* the caller no longer wants that reply; no payload, no answer */
  HIVE_RPC_ERROR = 6,  /* in place of WELCOME or REPLY: struct hive_rpc_error and a message */
  HIVE_RPC_SETUP = 7   /* where to go on in memory: struct hive_rpc_setup; id 0 */
};

/* Bits of features. */
#define HIVE_RPC_MEMORY 1u /* frames may go through global memory after SETUP */

struct hive_rpc_frame {
  uint32_t magic;
  uint8_t version;
  uint8_t kind;       /* enum hive_rpc_kind */
  uint16_t flags;     /* 0 */
  uint64_t id;        /* of the call, from 1; HELLO, WELCOME and errors of the connection: 0 */
  uint64_t time_left; /* REQUEST: microseconds until its deadline, from 1; else 0 */
  uint32_t caller_cell;
  uint32_t caller_incarnation; /* 0: not known; so below */
  uint32_t callee_incarnation; /* as WELCOME told it; HELLO: 0 */
  uint32_t method;             /* of the call; 0 where there is none */
  uint32_t length;             /* of the payload, in bytes */
  uint32_t checksum;           /* CRC-32C of the payload, then this header with a checksum of 0 */
};

struct hive_rpc_hello {
  char service[HIVE_RPC_NAME_SIZE];
  uint32_t features; /* that the caller could use; unknown ones are passed over */
  uint32_t reserved; /* 0 */
};

struct hive_rpc_welcome {
  uint32_t cell;     /* the callee's, or HIVE_RPC_NO_CELL */
  uint32_t features; /* of those offered, which ones to use */
};

/* After a WELCOME with HIVE_RPC_MEMORY the caller may send one SETUP, and nothing more until the
 * callee has answered with one. Each tells where, in its own cell's contribution, its end of two
 * channels (guests/abi/channel.h) lies: the ring of what it sends, and its index of what it
 * receives; both are zero until the channel begins. From then on each frame travels as records of
 * the sender's ring: the first holds the header and as much of the payload as it has room for,
 * further ones the rest. Each record but a frame's last has at least HIVE_RPC_LEAST_PIECE bytes of
 * payload. Their checksums are 0, since frames have their own. The stream carries nothing more; its
 * end is the connection's. */
struct hive_rpc_setup {
  uint32_t cell;     /* whose memory it is: the sender's */
  uint32_t capacity; /* bytes of the ring: a channel's, HIVE_RPC_LEAST_RING or more. Of the callee,
                      * 0: no; the connection goes on as it was, and the rest is 0 */
  uint64_t ring;     /* offset of struct hive_channel_ring, a multiple of 64 */
  uint64_t credit;   /* offset of struct hive_channel_credit, a multiple of 64 */
};
#define HIVE_RPC_LEAST_RING 16384u
#define HIVE_RPC_LEAST_PIECE 1024u

/* The section that a program keeps its end in: this, its process number, ".", the time of its start
 * (field 22 of /proc/PID/stat), ".", and a number. */
#define HIVE_RPC_SECTION "rpc."

enum hive_rpc_error_kind {
  HIVE_RPC_FAILED = 1,     /* the handler says so; `code` is its */
  HIVE_RPC_NO_METHOD = 2,  /* the service has no such method */
  HIVE_RPC_BUSY = 3,       /* too many requests or connections; not executed */
  HIVE_RPC_EXPIRED = 4,    /* the deadline had passed; not executed */
  HIVE_RPC_NO_SERVICE = 5, /* another service listens on this port */
  HIVE_RPC_STALE = 6,      /* the request is for another incarnation; not executed */
  HIVE_RPC_PROTOCOL = 7    /* the caller broke the rules; the connection ends */
};

struct hive_rpc_error {
  uint32_t error; /* enum hive_rpc_error_kind */
  uint32_t code;  /* FAILED: the service's, 0: the library's; else 0 */
};

/* What is wrong with a frame; goes into hints to the monitor (HIVE_HINT_BAD_REPLY). */
enum hive_rpc_fault {
  HIVE_RPC_FAULT_NONE = 0,
  HIVE_RPC_FAULT_MAGIC = 1,
  HIVE_RPC_FAULT_VERSION = 2,
  HIVE_RPC_FAULT_KIND = 3, /* unknown, or not one that this side is sent */
  HIVE_RPC_FAULT_FIELD = 4,
  HIVE_RPC_FAULT_LENGTH = 5,
  HIVE_RPC_FAULT_CHECKSUM = 6,
  HIVE_RPC_FAULT_PAYLOAD = 7,
  HIVE_RPC_FAULT_UNKNOWN_ID = 8,
  HIVE_RPC_FAULT_INCARNATION = 9 /* from or for another cell or incarnation */
};

/* The vsock port of service NAME, which ends in a NUL. */
static inline uint32_t hive_rpc_port(const char* name) {
  uint32_t hash = 2166136261u;
  for (; *name != '\0'; ++name) hash = (hash ^ (*name & 0xff)) * 16777619u;
  return HIVE_RPC_FIRST_PORT + (hash & HIVE_RPC_PORT_MASK);
}

#ifdef __cplusplus
#define HIVE_ABI_ASSERT static_assert
#else
#define HIVE_ABI_ASSERT _Static_assert
#endif
HIVE_ABI_ASSERT(sizeof(struct hive_rpc_frame) == 48, "frame layout");
HIVE_ABI_ASSERT(offsetof(struct hive_rpc_frame, kind) == 5, "frame layout");
HIVE_ABI_ASSERT(offsetof(struct hive_rpc_frame, id) == 8, "frame layout");
HIVE_ABI_ASSERT(offsetof(struct hive_rpc_frame, time_left) == 16, "frame layout");
HIVE_ABI_ASSERT(offsetof(struct hive_rpc_frame, caller_cell) == 24, "frame layout");
HIVE_ABI_ASSERT(offsetof(struct hive_rpc_frame, method) == 36, "frame layout");
HIVE_ABI_ASSERT(offsetof(struct hive_rpc_frame, checksum) == 44, "frame layout");
HIVE_ABI_ASSERT(sizeof(struct hive_rpc_hello) == 72, "hello layout");
HIVE_ABI_ASSERT(sizeof(struct hive_rpc_welcome) == 8, "welcome layout");
HIVE_ABI_ASSERT(sizeof(struct hive_rpc_error) == 8, "error layout");
HIVE_ABI_ASSERT(sizeof(struct hive_rpc_setup) == 24, "setup layout");
#undef HIVE_ABI_ASSERT

/* NOLINTEND(readability-identifier-naming) */

#endif
