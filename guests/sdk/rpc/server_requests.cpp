// What a server does with the frames of its callers.
#include <algorithm>
#include <cstring>
#include <new>
#include <system_error>

#include "guests/sdk/rpc/memory_connector.h"
#include "guests/sdk/rpc/server_core.h"

namespace hive::rpc {
namespace {

constexpr std::size_t kMostKept = std::size_t{64} * 1024;  ///< Of a buffer.
constexpr std::uint64_t kLongestMicroseconds = std::uint64_t{24} * 3600 * 1000000;

bool is_same(const Identity& caller, const hive_rpc_frame& header) {
  return caller.cell == header.caller_cell && caller.incarnation == header.caller_incarnation;
}

}  // namespace

/// The header of an answer to REQUEST, not sealed.
hive_rpc_frame ServerCore::answer_to(const hive_rpc_frame& request, hive_rpc_kind kind) const {
  hive_rpc_frame header{};
  header.kind = static_cast<std::uint8_t>(kind);
  header.id = request.id;
  header.caller_cell = request.caller_cell;
  header.caller_incarnation = request.caller_incarnation;
  header.callee_incarnation = options_.own.incarnation;
  header.method = request.id == 0 ? 0 : request.method;
  return header;
}

bool ServerCore::send(Session& session, hive_rpc_frame header, ByteView payload,
                      Clock::time_point end) {
  seal(header, payload);
  const bool sent = session.send(header, payload, end);
  // The receiver may sleep without waiting for the socket to take more.
  if (sent && session.link().wants_write()) wake();
  return sent;
}

void ServerCore::send_error(Session& session, const hive_rpc_frame& to, const ErrorContent& content,
                            Clock::time_point end) {
  (void)send(session, answer_to(to, HIVE_RPC_ERROR), make_error(content), end);
}

/// The caller broke the rules: false, so that its connection ends.
bool ServerCore::protocol_error(Session& session, const char* what) {
  ++counts_.malformed;
  hive_rpc_frame to{};
  to.caller_cell = session.caller().cell;
  to.caller_incarnation = session.caller().incarnation;
  send_error(session, to, {HIVE_RPC_PROTOCOL, 0, what}, kNow);
  return false;
}

/// False where the connection has to end.
bool ServerCore::take(const std::shared_ptr<Session>& session, Frame& frame) {
  if (!session->is_greeted()) return welcome(*session, frame);
  if (!is_same(session->caller(), frame.header)) {
    return protocol_error(*session, "that is not who said hello");
  }
  switch (frame.header.kind) {
    case HIVE_RPC_REQUEST:
      take_request(session, frame);
      return true;
    case HIVE_RPC_CANCEL:
      session->cancel(frame.header.id);
      return true;
    default:
      return protocol_error(*session, "callers do not send frames of that kind");
  }
}

bool ServerCore::welcome(Session& session, const Frame& frame) {
  if (frame.header.kind != HIVE_RPC_HELLO) return protocol_error(session, "no hello came first");
  const hive_rpc_hello hello = read_hello(frame.payload);
  if (options_.service != hello.service) {
    send_error(session, frame.header,
               {HIVE_RPC_NO_SERVICE, 0, "another service listens on its port"}, kNow);
    return false;
  }
  session.greet({frame.header.caller_cell, frame.header.caller_incarnation});
  const hive_rpc_welcome answer{options_.own.cell, 0};
  return send(session, answer_to(frame.header, HIVE_RPC_WELCOME), bytes_of(answer), kNow);
}

void ServerCore::take_request(const std::shared_ptr<Session>& session, Frame& frame) {
  const hive_rpc_frame& header = frame.header;
  if (!session->take_id(header.id)) {
    ++counts_.duplicates;
    return;
  }
  if (header.callee_incarnation != options_.own.incarnation) {
    send_error(*session, header, {HIVE_RPC_STALE, 0, "this is another incarnation"}, kNow);
    return;
  }
  ++counts_.requests;
  if (header.method == HIVE_RPC_PING) {
    (void)send(*session, answer_to(header, HIVE_RPC_REPLY), {}, kNow);
    return;
  }
  const std::chrono::microseconds left(std::min(header.time_left, kLongestMicroseconds));
  const auto task = workers_.empty() ? nullptr : queue_.make_task();
  Task& filled = task ? *task : inline_task_;
  filled.session = session;
  filled.end = Clock::now() + left;
  filled.frame.header = header;
  std::swap(filled.frame.payload, frame.payload);
  if (!task) return run_inline();
  // The buffer may be one of a much longer frame.
  Bytes& payload = task->frame.payload;
  if (payload.capacity() > kMostKept && payload.capacity() / 2 > payload.size()) {
    payload.shrink_to_fit();
  }
  session->add(task);
  if (queue_.push(task)) return;
  session->remove(task);
  ++counts_.busy;
  send_error(*session, task->frame.header, {HIVE_RPC_BUSY, 0, "too many requests wait"}, kNow);
}

void ServerCore::run_inline() {
  // Else it would keep the session, with all that it has, until the next request.
  const std::shared_ptr<Session> session = inline_task_.session;
  try {
    run(inline_task_);
  } catch (const std::bad_alloc&) {
    session->close();  // There is no memory to say anything else.
  }
  inline_task_.session.reset();
}

void ServerCore::work() {
  while (std::shared_ptr<Task> task = queue_.pop()) {
    try {
      run(*task);
    } catch (const std::bad_alloc&) {
      task->session->close();  // There is no memory to say anything else.
    }
    task->session->remove(task);
    queue_.recycle(std::move(task));
  }
}

void ServerCore::run(Task& task) {
  if (task.cancelled) {
    ++counts_.cancelled;
    return;
  }
  if (Clock::now() >= task.end) {
    ++counts_.expired;
    send_error(*task.session, task.frame.header,
               {HIVE_RPC_EXPIRED, 0, "the deadline passed before the call was executed"}, kNow);
    return;
  }
  ++counts_.executed;
  // Of the thread, so that it is not made anew for each request.
  thread_local Bytes answer;
  answer.clear();
  const auto error = call_handler(task, answer);
  if (task.cancelled || Clock::now() >= task.end) {
    ++counts_.cancelled;
  } else {
    reply(task, error, answer);
  }
  if (answer.capacity() > kMostKept) Bytes().swap(answer);
}

std::optional<HandlerError> ServerCore::call_handler(const Task& task, Bytes& reply) {
  const hive_rpc_frame& header = task.frame.header;
  Request request;
  request.method = header.method;
  request.payload = task.frame.payload;
  request.caller_cid = task.session->link().peer_cid();
  request.caller = {header.caller_cell, header.caller_incarnation};
  request.deadline = task.end;
  request.cancelled = &task.cancelled;
  try {
    auto error = handler_(request, reply);
    if (!error && reply.size() > HIVE_RPC_MAX_PAYLOAD) {
      return HandlerError{0, "the reply is longer than 1 MiB"};
    }
    return error;
  } catch (const std::exception& error) {
    return HandlerError{0, error.what()};
  } catch (...) {
    return HandlerError{0, "the handler threw something"};
  }
}

void ServerCore::reply(Task& task, const std::optional<HandlerError>& error, ByteView payload) {
  // Who receives must not wait; it reads no more than it has room to answer.
  const Clock::time_point end = workers_.empty() ? kNow : task.end;
  const hive_rpc_frame& header = task.frame.header;
  if (!error) {
    (void)send(*task.session, answer_to(header, HIVE_RPC_REPLY), payload, end);
  } else if (error->no_method) {
    send_error(*task.session, header, {HIVE_RPC_NO_METHOD, 0, error->message}, end);
  } else {
    send_error(*task.session, header, {HIVE_RPC_FAILED, error->code, error->message}, end);
  }
}

Server::Server(ServerOptions options, Handler handler, std::unique_ptr<Listener> listener)
    : core_(std::make_unique<ServerCore>(std::move(options), std::move(handler),
                                         std::move(listener))) {}

Server::~Server() = default;

sdk::Result<std::unique_ptr<Server>> Server::open(ServerOptions options, Handler handler) {
  if (!is_service_name(options.service)) {
    return sdk::Failure{HIVE_BAD_NAME, "\"" + options.service + "\" is no name of a service"};
  }
  auto listener = make_listener({0, hive_rpc_port(options.service.c_str()), {}}, Path::kAuto);
  if (!listener.ok()) return listener.failure();
  try {
    return std::make_unique<Server>(std::move(options), std::move(handler),
                                    std::move(listener).value());
  } catch (const std::system_error& error) {
    return sdk::system_failure("start a server's threads", error.code().value());
  }
}

ServerCounters Server::counters() const { return core_->counters(); }

}  // namespace hive::rpc
