#include <signal.h>

#include <ostream>

#include "guests/ctl/rpc.h"
#include "guests/ctl/rpc_command.h"
#include "guests/sdk/rpc/memory_connector.h"
#include "guests/sdk/rpc/monitor_client.h"
#include "guests/sdk/rpc/server.h"

namespace hive::ctl {
namespace {

constexpr std::chrono::milliseconds kIdentityPatience{500};

struct ServeCommand {
  std::string service;
  std::string socket;
  bool echo = false;
  unsigned workers = 4;
  std::vector<std::string> argv;
};

/// SIGINT and SIGTERM do not end the process while this exists, but wait().
class EndSignals {
 public:
  EndSignals() {
    ::sigemptyset(&signals_);
    ::sigaddset(&signals_, SIGINT);
    ::sigaddset(&signals_, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &signals_, &before_);
  }
  EndSignals(const EndSignals&) = delete;
  EndSignals& operator=(const EndSignals&) = delete;
  ~EndSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  void wait() const {
    int signal = 0;
    ::sigwait(&signals_, &signal);
  }

 private:
  sigset_t signals_{};
  sigset_t before_{};
};

rpc::Handler handler_of(const ServeCommand& command) {
  if (!command.echo) {
    return [&command](const rpc::Request& request, rpc::Bytes& reply) {
      return run_command(command.argv, request, reply);
    };
  }
  return [](const rpc::Request& request, rpc::Bytes& reply) -> std::optional<rpc::HandlerError> {
    reply.assign(request.payload.begin(), request.payload.end());
    return std::nullopt;
  };
}

void serve(Session& session, const ServeCommand& command) {
  if (command.echo != command.argv.empty()) {
    throw Error("serve takes either --echo or a command after --", Error::Kind::kUsage);
  }
  rpc::ServerOptions options;
  options.service = command.service;
  options.workers = command.workers;
  rpc::Address address{0, 0, command.socket};
  if (!rpc::is_service_name(command.service)) {
    throw Error("\"" + command.service + "\" is no name of a service", Error::Kind::kUsage);
  }
  if (command.socket.empty()) {
    address.port = hive_rpc_port(command.service.c_str());
    rpc::MonitorClient monitor;
    options.own = rpc::own_identity(monitor, rpc::Clock::now() + kIdentityPatience);
  }
  const EndSignals signals;  // Before there are threads, which have to block them too.
  auto listener = need(
      rpc::make_listener(address, command.socket.empty() ? rpc::Path::kAuto : rpc::Path::kSocket));
  const rpc::Server server(options, handler_of(command), std::move(listener));
  session.err() << "hivectl: serving " << command.service << '\n' << std::flush;
  signals.wait();
}

}  // namespace

void add_rpc_serve(CLI::App& rpc, Session& session) {
  CLI::App* command = rpc.add_subcommand(
      "serve", "Answer each call with the output of a command, which gets the request as input");
  const auto options = std::make_shared<ServeCommand>();
  command->add_option("SERVICE", options->service, "Its name")->required();
  command->add_option("--socket", options->socket, "A Unix socket in place of vsock");
  command->add_flag("--echo", options->echo, "Reply with the request; takes no command");
  command
      ->add_option("--workers", options->workers,
                   "Calls at a time; 0: one, without threads between (default: 4)")
      ->check(CLI::Range(0, 256));
  command->add_option("COMMAND", options->argv, "After --");
  command->callback([&session, options] { serve(session, *options); });
}

}  // namespace hive::ctl
