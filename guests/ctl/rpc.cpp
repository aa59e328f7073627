#include "guests/ctl/rpc.h"

#include <istream>
#include <ostream>

#include "guests/ctl/commands.h"
#include "guests/sdk/rpc/sockets.h"
#include "guests/sdk/status.h"

namespace hive::ctl {
namespace {

using Nanoseconds = std::chrono::nanoseconds;

struct CallCommand {
  RpcTarget target;
  std::uint32_t method = 1;
  bool idempotent = false;
};

struct PingCommand {
  RpcTarget target;
  unsigned count = 1;
};

rpc::Bytes read_request(std::istream& in) {
  rpc::Bytes request(HIVE_RPC_MAX_PAYLOAD + 1);
  in.read(reinterpret_cast<char*>(request.data()), static_cast<std::streamsize>(request.size()));
  request.resize(static_cast<std::size_t>(in.gcount()));
  if (request.size() > HIVE_RPC_MAX_PAYLOAD) throw Error("a request has at most 1 MiB");
  return request;
}

void call(Session& session, const CallCommand& command) {
  const rpc::Bytes request = read_request(session.in());
  const auto client = open_client(command.target);
  rpc::Bytes reply;
  need_reply(
      client->call(command.method, request, reply, {command.target.timeout(), command.idempotent}));
  session.out().write(reinterpret_cast<const char*>(reply.data()),
                      static_cast<std::streamsize>(reply.size()));
}

void ping(Session& session, const PingCommand& command) {
  const auto client = open_client(command.target);
  for (unsigned i = 0; i < command.count; ++i) {
    const auto start = rpc::Clock::now();
    need_reply(client->ping(command.target.timeout()));
    const std::chrono::duration<double, std::micro> took = rpc::Clock::now() - start;
    session.out() << command.target.text << ": " << took.count() << " us";
    const rpc::Identity peer = client->peer();
    if (peer.cell != HIVE_RPC_NO_CELL) {
      session.out() << ", cell " << peer.cell << ", incarnation " << peer.incarnation;
    }
    session.out() << '\n';
  }
}

rpc::Path path_of(const RpcTarget& target) {
  if (target.path == "memory") return rpc::Path::kMemory;
  return target.path == "socket" ? rpc::Path::kSocket : rpc::Path::kAuto;
}

void add_call(CLI::App& rpc, Session& session) {
  CLI::App* command =
      rpc.add_subcommand("call", "Call with standard input; the reply goes to standard output");
  const auto options = std::make_shared<CallCommand>();
  add_target(*command, options->target);
  command->add_option("--method", options->method, "Number of the method (default: 1)");
  command->add_flag("--idempotent", options->idempotent,
                    "Call again, within the time, where the peer was reset or busy");
  command->callback([&session, options] { call(session, *options); });
}

void add_ping(CLI::App& rpc, Session& session) {
  CLI::App* command = rpc.add_subcommand("ping", "A round trip to the service's library");
  const auto options = std::make_shared<PingCommand>();
  add_target(*command, options->target);
  command->add_option("--count", options->count, "How often (default: 1)");
  command->callback([&session, options] { ping(session, *options); });
}

void add_port(CLI::App& rpc, Session& session) {
  CLI::App* command = rpc.add_subcommand("port", "The vsock port of a service");
  const auto service = std::make_shared<std::string>();
  command->add_option("SERVICE", *service)->required();
  command->callback([&session, service] {
    if (!rpc::is_service_name(*service)) {
      throw Error("\"" + *service + "\" is no name of a service", Error::Kind::kUsage);
    }
    session.out() << hive_rpc_port(service->c_str()) << '\n';
  });
}

}  // namespace

Nanoseconds RpcTarget::timeout() const {
  return std::chrono::duration_cast<Nanoseconds>(std::chrono::duration<double>(timeout_seconds));
}

void add_target(CLI::App& command, RpcTarget& target) {
  command.add_option("CELL:SERVICE", target.text, "A cell by name or number, and its service")
      ->required();
  command.add_option("--timeout", target.timeout_seconds, "Seconds for each call (default: 5)")
      ->check(CLI::Range(0.000001, 86400.0));
  command.add_option("--socket", target.socket,
                     "A Unix socket in place of vsock; the cell does not matter then");

  command.add_option("--path", target.path, "What calls go through: auto, memory or socket")
      ->check(CLI::IsMember({"auto", "memory", "socket"}));
}

std::unique_ptr<rpc::Client> open_client(const RpcTarget& target) {
  const std::size_t colon = target.text.find(':');
  const bool has_cell = colon != std::string::npos && colon > 0;
  if (!has_cell && target.socket.empty()) {
    throw Error("\"" + target.text + "\" is not CELL:SERVICE", Error::Kind::kUsage);
  }
  const std::string service =
      colon == std::string::npos ? target.text : target.text.substr(colon + 1);
  if (target.socket.empty()) {
    return need(rpc::Client::open(target.text.substr(0, colon), service,
                                  rpc::Clock::now() + target.timeout(), path_of(target)));
  }
  if (!rpc::is_service_name(service)) {
    throw Error("\"" + service + "\" is no name of a service", Error::Kind::kUsage);
  }
  rpc::ClientOptions options;
  options.service = service;
  options.path = path_of(target);
  return std::make_unique<rpc::Client>(
      options, std::make_shared<rpc::SocketConnector>(rpc::Address{0, 0, target.socket}));
}

void need_reply(const rpc::Outcome& outcome) {
  if (outcome.ok()) return;
  std::string message = sdk::status_text(outcome.status);
  if (outcome.status == HIVE_REMOTE_ERROR) message += " with code " + std::to_string(outcome.code);
  if (!outcome.message.empty()) message += ": " + outcome.message;
  throw Error(message);
}

void add_rpc(CLI::App& app, Session& session) {
  CLI::App* rpc = app.add_subcommand("rpc", "Call services of other cells, and offer some");
  rpc->require_subcommand(1);
  for (const auto& add : {add_call, add_ping, add_port, add_rpc_serve, add_rpc_bench}) {
    add(*rpc, session);
  }
}

}  // namespace hive::ctl
