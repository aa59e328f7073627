// hive_rpc.h, on top of Client and Server. Nothing that is thrown leaves here.
#include <cstring>

#include "guests/sdk/c_calls.h"
#include "guests/sdk/hive_rpc.h"
#include "guests/sdk/rpc/client.h"
#include "guests/sdk/rpc/memory_connector.h"
#include "guests/sdk/rpc/monitor_client.h"
#include "guests/sdk/rpc/server.h"
#include "guests/sdk/rpc/sockets.h"

using hive::rpc::Bytes;
using hive::rpc::ByteView;
using hive::sdk::fail;
using hive::sdk::guarded;
using hive::sdk::missing;

struct hive_rpc_client {
  std::unique_ptr<hive::rpc::Client> client;
};

struct hive_rpc_pending {
  hive::rpc::Call call;
};

struct hive_rpc_server {
  std::unique_ptr<hive::rpc::Server> server;
};

struct hive_rpc_answer {
  Bytes& reply;
  std::optional<hive::rpc::HandlerError> error;
};

namespace {

constexpr std::chrono::seconds kDefaultTimeout{5};
constexpr std::chrono::milliseconds kIdentityPatience{500};

hive::rpc::CallOptions options_of(const hive_call& call) {
  constexpr std::uint64_t kDay = std::uint64_t{24} * 3600 * 1000000;
  hive::rpc::CallOptions options;
  options.timeout = kDefaultTimeout;
  if (call.timeout_us != 0) {
    options.timeout = std::chrono::microseconds(std::min(call.timeout_us, kDay));
  }
  options.idempotent = (call.flags & HIVE_RPC_IDEMPOTENT) != 0;
  return options;
}

ByteView request_of(const hive_call& call) {
  return {static_cast<const unsigned char*>(call.request), call.request_size};
}

/// Why CALL cannot be made; HIVE_OK where it can.
hive_status check(const hive_call* call) {
  if (call == nullptr) return missing("call");
  if (call->request == nullptr && call->request_size > 0) return missing("request");
  if (call->method >= HIVE_RPC_FIRST_OWN_METHOD || (call->flags & ~HIVE_RPC_IDEMPOTENT) != 0) {
    return fail(HIVE_INVALID, "the method or the flags make no sense");
  }
  return HIVE_OK;
}

hive_status give(const hive::rpc::Outcome& outcome, ByteView data, hive_reply* reply) {
  if (reply != nullptr) {
    reply->size = data.size();
    reply->code = outcome.code;
  }
  if (!outcome.ok()) return fail(outcome.status, outcome.message.c_str());
  if (reply == nullptr) return HIVE_OK;
  if (data.size() > reply->capacity)
    return fail(HIVE_NO_ROOM, hive::sdk::status_text(HIVE_NO_ROOM));
  if (!data.empty()) std::memcpy(reply->data, data.data(), data.size());
  return HIVE_OK;
}

/// A reply's buffer that each thread keeps.
Bytes& buffer() {
  thread_local Bytes bytes;
  return bytes;
}

std::optional<hive::rpc::HandlerError> handle(hive_rpc_handler handler, void* context,
                                              const hive::rpc::Request& request, Bytes& reply) {
  const hive_request seen{request.method,
                          request.caller_cid,
                          request.caller.cell,
                          request.caller.incarnation,
                          request.payload.data(),
                          request.payload.size(),
                          &request};
  hive_rpc_answer answer{reply, {}};
  handler(context, &seen, &answer);
  return std::move(answer.error);
}

hive_status serve(const char* service, const hive_server_options& wanted, hive_rpc_handler handler,
                  void* context, hive_rpc_server** server) {
  if (!hive::rpc::is_service_name(service)) {
    return fail(HIVE_BAD_NAME, "that is no name of a service");
  }
  hive::rpc::ServerOptions options;
  options.service = service;
  options.workers = wanted.workers;
  if (wanted.queue != 0) options.queue = wanted.queue;
  if (wanted.connections != 0) options.connections = wanted.connections;
  hive::rpc::Address address{0, hive_rpc_port(service), {}};
  if (wanted.path != nullptr) {
    address.path = wanted.path;
  } else {
    hive::rpc::MonitorClient monitor;
    options.own = hive::rpc::own_identity(monitor, hive::rpc::Clock::now() + kIdentityPatience);
  }
  const auto path = wanted.path != nullptr ? hive::rpc::Path::kSocket : hive::rpc::Path::kAuto;
  auto listener = hive::rpc::make_listener(address, path);
  if (!listener.ok()) return fail(listener.failure());
  auto handler_in_c = [handler, context](const hive::rpc::Request& request, Bytes& reply) {
    return handle(handler, context, request, reply);
  };
  *server = new hive_rpc_server{std::make_unique<hive::rpc::Server>(
      std::move(options), handler_in_c, std::move(listener).value())};
  return HIVE_OK;
}

}  // namespace

extern "C" {

hive_status hive_rpc_open(const char* cell, const char* service, uint32_t timeout_ms,
                          hive_rpc_client** client) {
  if (cell == nullptr || service == nullptr || client == nullptr) return missing("an argument");
  *client = nullptr;
  return guarded([&] {
    const auto timeout = std::chrono::milliseconds(timeout_ms == 0 ? 5000 : timeout_ms);
    auto opened = hive::rpc::Client::open(cell, service, hive::rpc::Clock::now() + timeout);
    if (!opened.ok()) return fail(opened.failure());
    *client = new hive_rpc_client{std::move(opened).value()};
    return HIVE_OK;
  });
}

hive_status hive_rpc_open_socket(const char* path, const char* service, hive_rpc_client** client) {
  if (path == nullptr || service == nullptr || client == nullptr) return missing("an argument");
  *client = nullptr;
  return guarded([&] {
    if (!hive::rpc::is_service_name(service)) {
      return fail(HIVE_BAD_NAME, "that is no name of a service");
    }
    hive::rpc::ClientOptions options;
    options.service = service;
    *client = new hive_rpc_client{std::make_unique<hive::rpc::Client>(
        options, std::make_shared<hive::rpc::SocketConnector>(hive::rpc::Address{0, 0, path}))};
    return HIVE_OK;
  });
}

void hive_rpc_close(hive_rpc_client* client) { delete client; }

hive_status hive_rpc_call(hive_rpc_client* client, const hive_call* call, hive_reply* reply) {
  if (const hive_status status = check(call); status != HIVE_OK) return status;
  return guarded([&] {
    Bytes& data = buffer();
    const hive::rpc::Outcome outcome =
        client->client->call(call->method, request_of(*call), data, options_of(*call));
    return give(outcome, data, reply);
  });
}

hive_status hive_rpc_ping(hive_rpc_client* client, uint64_t timeout_us) {
  return guarded([&] {
    hive_call call{};
    call.timeout_us = timeout_us;
    return give(client->client->ping(options_of(call).timeout), {}, nullptr);
  });
}

hive_status hive_rpc_start(hive_rpc_client* client, const hive_call* call,
                           hive_rpc_pending** pending) {
  if (pending == nullptr) return missing("pending");
  *pending = nullptr;
  if (const hive_status status = check(call); status != HIVE_OK) return status;
  return guarded([&] {
    *pending = new hive_rpc_pending{
        client->client->start(call->method, request_of(*call), options_of(*call))};
    return HIVE_OK;
  });
}

hive_status hive_rpc_wait(hive_rpc_pending* pending, hive_reply* reply) {
  return guarded([&] {
    Bytes& data = buffer();
    const hive::rpc::Outcome outcome = pending->call.wait(data);
    return give(outcome, data, reply);
  });
}

hive_status hive_rpc_poll(hive_rpc_pending* pending) {
  return guarded([&] {
    return pending->call.poll() ? HIVE_OK : fail(HIVE_NOT_DONE, "the call is still under way");
  });
}

void hive_rpc_cancel(hive_rpc_pending* pending) { pending->call.cancel(); }

void hive_rpc_end(hive_rpc_pending* pending) { delete pending; }

hive_status hive_rpc_start_callback(hive_rpc_client* client, const hive_call* call,
                                    hive_rpc_callback callback, void* context) {
  if (callback == nullptr) return missing("callback");
  if (const hive_status status = check(call); status != HIVE_OK) return status;
  return guarded([&] {
    client->client->start(call->method, request_of(*call), options_of(*call),
                          [callback, context](const hive::rpc::Outcome& outcome, ByteView data) {
                            callback(context, outcome.status, outcome.code, outcome.message.c_str(),
                                     data.data(), data.size());
                          });
    return HIVE_OK;
  });
}

hive_status hive_rpc_answer_with(hive_rpc_answer* answer, const void* data, size_t size) {
  if (data == nullptr && size > 0) return missing("data");
  return guarded([&] {
    const auto* bytes = static_cast<const unsigned char*>(data);
    answer->reply.insert(answer->reply.end(), bytes, bytes + size);
    return HIVE_OK;
  });
}

hive_status hive_rpc_fail(hive_rpc_answer* answer, uint32_t code, const char* message) {
  return guarded([&] {
    answer->error = {code, message == nullptr ? "" : message, false};
    return HIVE_OK;
  });
}

hive_status hive_rpc_fail_no_method(hive_rpc_answer* answer) {
  return guarded([&] {
    answer->error = {0, "no such method", true};
    return HIVE_OK;
  });
}

int hive_rpc_is_cancelled(const hive_request* request) {
  return static_cast<const hive::rpc::Request*>(request->internal)->is_cancelled() ? 1 : 0;
}

hive_status hive_rpc_serve(const char* service, const hive_server_options* options,
                           hive_rpc_handler handler, void* context, hive_rpc_server** server) {
  if (service == nullptr || handler == nullptr || server == nullptr) return missing("an argument");
  *server = nullptr;
  hive_server_options wanted{};
  wanted.workers = 4;
  if (options != nullptr) wanted = *options;
  return guarded([&] { return serve(service, wanted, handler, context, server); });
}

void hive_rpc_stop(hive_rpc_server* server) { delete server; }

}  // extern "C"
