/* libhive: calls to services of other cells, and services for them. docs/rpc.md explains it with
 * examples. As in hive.h, functions that can fail return an enum hive_status, hive_last_message()
 * says in words what was at fault, pointers to results may not be NULL unless it is said that they
 * may, and nothing throws or ends the process.
 *
 * A service is found by its name: 1 to 63 of [A-Za-z0-9._-]. Requests and replies have at most
 * 1 MiB.
 */
#ifndef HIVE_GUESTS_SDK_HIVE_RPC_H
#define HIVE_GUESTS_SDK_HIVE_RPC_H

#include "guests/sdk/hive.h"

/* NOLINTBEGIN(readability-identifier-naming): names as C has them */

#ifdef __cplusplus
extern "C" {
#endif

/* --- calls --- */

typedef struct hive_rpc_client hive_rpc_client;

/* Service SERVICE of CELL, a name or a number. Asks for the cell's address for TIMEOUT_MS at most
 * (0: 5000), but does not connect: the first call does, and each that finds the connection ended.
 * May be used by several threads at once. */
enum hive_status hive_rpc_open(const char* cell, const char* service, uint32_t timeout_ms,
                               hive_rpc_client** client);

/* The same through a Unix socket of this machine, for trials without cells. */
enum hive_status hive_rpc_open_socket(const char* path, const char* service,
                                      hive_rpc_client** client);

/* Ends all calls with HIVE_CANCELLED; callbacks have been called when it returns. No other thread
 * may be using CLIENT; calls that were started are still to be ended. NULL is allowed. */
void hive_rpc_close(hive_rpc_client* client);

#define HIVE_RPC_IDEMPOTENT                                                                     \
  1u /* hive_rpc_call() only: may be sent again, within the deadline, where the peer was reset, \
        failed or busy, or replied nonsense. Otherwise a call is executed at most once. */

struct hive_call {
  uint32_t method; /* below 0xffff0000 */
  uint32_t flags;
  uint64_t timeout_us; /* from the start, for all that it takes; 0: 5 seconds; a day at most */
  const void* request; /* may be NULL where the size is 0 */
  size_t request_size;
};

struct hive_reply {
  void* data; /* set by the caller: where the reply goes; may be NULL where the capacity is 0 */
  size_t capacity;
  size_t size;   /* of the reply; with HIVE_NO_ROOM: more than the capacity, nothing was copied */
  uint32_t code; /* with HIVE_REMOTE_ERROR: the service's own; 0: its library's */
  uint32_t reserved;
};

/* Calls and waits for the reply, not past the deadline. */
enum hive_status hive_rpc_call(hive_rpc_client* client, const struct hive_call* call,
                               struct hive_reply* reply);

/* A round trip to the service's library, which runs none of the service's code. */
enum hive_status hive_rpc_ping(hive_rpc_client* client, uint64_t timeout_us);

typedef struct hive_rpc_pending hive_rpc_pending;

/* Sends the request and returns; it may have to wait, not past the deadline, for a connection or
 * for room on it. How the call goes is for hive_rpc_wait() to say. */
enum hive_status hive_rpc_start(hive_rpc_client* client, const struct hive_call* call,
                                hive_rpc_pending** pending);
/* Waits for the reply, the deadline or hive_rpc_cancel(). Once for each call. */
enum hive_status hive_rpc_wait(hive_rpc_pending* pending, struct hive_reply* reply);
/* HIVE_OK where hive_rpc_wait() would not wait, else HIVE_NOT_DONE. */
enum hive_status hive_rpc_poll(hive_rpc_pending* pending);
/* From any thread; no effect on a call that is done. The service may have executed it or not. */
void hive_rpc_cancel(hive_rpc_pending* pending);
/* Frees it; cancels it where it is not done. NULL is allowed. */
void hive_rpc_end(hive_rpc_pending* pending);

/* Gets the outcome of a call: a thread of the library's calls it, once. MESSAGE and DATA are valid
 * until it returns. It may start calls; it may not close the client. */
typedef void (*hive_rpc_callback)(void* context, enum hive_status status, uint32_t code,
                                  const char* message, const void* data, size_t size);
enum hive_status hive_rpc_start_callback(hive_rpc_client* client, const struct hive_call* call,
                                         hive_rpc_callback callback, void* context);

/* --- services --- */

typedef struct hive_rpc_server hive_rpc_server;
typedef struct hive_rpc_answer hive_rpc_answer;

struct hive_request {
  uint32_t method;
  uint32_t caller_cid;  /* as the transport vouches for it; 0: unknown */
  uint32_t caller_cell; /* as it says itself; 0xffffffff: it does not */
  uint32_t caller_incarnation;
  const void* data; /* hostile: nothing but its transport was checked */
  size_t size;
  const void* internal;
};

/* Answers one request, by hive_rpc_answer_with() or hive_rpc_fail(); without either the reply is
 * empty. REQUEST and ANSWER are valid until it returns. */
typedef void (*hive_rpc_handler)(void* context, const struct hive_request* request,
                                 hive_rpc_answer* answer);

/* The reply, which is copied; it is added to what is there already. */
enum hive_status hive_rpc_answer_with(hive_rpc_answer* answer, const void* data, size_t size);
/* An error in place of a reply: CODE is the service's own, MESSAGE for people; may be NULL. */
enum hive_status hive_rpc_fail(hive_rpc_answer* answer, uint32_t code, const char* message);
/* The same: there is no such method. */
enum hive_status hive_rpc_fail_no_method(hive_rpc_answer* answer);
/* Not 0 where nobody waits for the reply any longer; a long handler looks now and then. */
int hive_rpc_is_cancelled(const struct hive_request* request);

struct hive_server_options {
  const char* path;     /* of a Unix socket to listen on; NULL: vsock */
  uint32_t workers;     /* threads that run the handler; 0: the one that receives runs it, which is
                           fastest for handlers that take little time and never wait */
  uint32_t queue;       /* requests that wait for a worker, past which it is busy; 0: 4096. One
                           cell has at most half of them */
  uint32_t connections; /* at a time; 0: 256 */
  uint32_t reserved;    /* 0 */
};

/* Offers SERVICE, until hive_rpc_stop(). OPTIONS may be NULL: 4 workers. HIVE_NAME_TAKEN where
 * another program of this cell offers it, or a service whose name has the same hash. */
enum hive_status hive_rpc_serve(const char* service, const struct hive_server_options* options,
                                hive_rpc_handler handler, void* context, hive_rpc_server** server);
/* Ends all connections and waits for the handlers that run. NULL is allowed. */
void hive_rpc_stop(hive_rpc_server* server);

#ifdef __cplusplus
}
#endif

/* NOLINTEND(readability-identifier-naming) */

#endif
