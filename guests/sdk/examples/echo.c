/* A service that echoes, and a caller of it:
 *   hive-echo serve              on one cell
 *   hive-echo call CELL WORDS    on another
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guests/sdk/hive_rpc.h"

static int failed(const char* what) {
  fprintf(stderr, "hive-echo: %s: %s\n", what, hive_last_message());
  return 1;
}

static void echo(void* context, const struct hive_request* request, hive_rpc_answer* answer) {
  (void)context;
  if (request->method == 1) {
    hive_rpc_answer_with(answer, request->data, request->size);
  } else {
    hive_rpc_fail_no_method(answer);
  }
}

static int serve(void) {
  hive_rpc_server* server;
  if (hive_rpc_serve("echo", NULL, echo, NULL, &server) != HIVE_OK) return failed("serve");
  for (;;) pause();
}

static int call(const char* cell, const char* words) {
  hive_rpc_client* client;
  char room[256];
  struct hive_call request = {.method = 1, .request = words, .request_size = strlen(words)};
  struct hive_reply reply = {.data = room, .capacity = sizeof room};
  int status = 0;
  if (hive_rpc_open(cell, "echo", 0, &client) != HIVE_OK) return failed(cell);
  if (hive_rpc_call(client, &request, &reply) == HIVE_OK) {
    printf("%.*s\n", (int)reply.size, room);
  } else {
    status = failed(cell);
  }
  hive_rpc_close(client);
  return status;
}

int main(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], "serve") == 0) return serve();
  if (argc == 4 && strcmp(argv[1], "call") == 0) return call(argv[2], argv[3]);
  fprintf(stderr, "usage: hive-echo serve | call CELL WORDS\n");
  return 2;
}
