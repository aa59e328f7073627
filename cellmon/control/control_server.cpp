#include "cellmon/control/control_server.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "cellmon/wire/local_socket.h"
#include "vmm/base/watch.h"

namespace hive::control {

using boost::asio::posix::stream_descriptor;
using wire::Json;

ControlServer::ControlServer(boost::asio::io_context& loop, UniqueFd listener, CellMonitor& monitor,
                             spdlog::logger& log, std::function<Json(bool)> on_finished)
    : loop_(loop),
      listener_(watch(loop, std::move(listener))),
      accept_pause_(loop),
      monitor_(monitor),
      log_(log),
      on_finished_(std::move(on_finished)),
      methods_(monitor, {[this](std::uint64_t number) { return find_client(number); },
                         [this] { return count_followers() < kMaxFollowers; }}) {
  accept_next();
}

void ControlServer::accept_next() {
  listener_.async_wait(stream_descriptor::wait_read,
                       [this](const boost::system::error_code& error) {
                         if (error) return;
                         if (accept_one()) {
                           accept_next();
                         } else {
                           accept_later();
                         }
                       });
}

void ControlServer::accept_later() {
  accept_pause_.expires_after(kAcceptPause);
  accept_pause_.async_wait([this](const boost::system::error_code& error) {
    if (!error) accept_next();
  });
}

bool ControlServer::accept_one() {
  UniqueFd fd(::accept4(listener_.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd) {
    const int error = errno;
    if (error != EMFILE && error != ENFILE && error != ENOBUFS && error != ENOMEM) return true;
    if (!std::exchange(short_of_descriptors_, true)) {
      log_.warn("clients have to wait: {}", std::strerror(error));
    }
    return false;
  }
  short_of_descriptors_ = false;
  if (!wire::is_trusted_peer(fd.get())) {
    log_.warn("refused a client of another user");
  } else {
    if (clients_.size() >= kMaxClients) make_room();
    add_client(std::move(fd));
  }
  return true;
}

void ControlServer::make_room() {
  ControlClient* idlest = nullptr;
  const auto rank = [this](const ControlClient& client) {
    return std::pair(methods_.is_awaited(client.number()), client.last_turn);
  };
  for (const auto& [number, client] : clients_) {
    if (client->follows()) continue;
    if (idlest == nullptr || rank(*client) < rank(*idlest)) idlest = client.get();
  }
  if (idlest == nullptr) return;
  idlest->refuse(nullptr, wire::RpcCode::kFailed,
                 "too many clients are connected, and this one asked for nothing the longest; "
                 "end some, and try again");
  remove_client(idlest->number());
}

void ControlServer::add_client(UniqueFd fd) {
  const std::uint64_t number = ++last_client_;
  ControlClient::Handlers handlers;
  handlers.on_request = [this, number](const wire::RpcRequest& request) {
    ControlClient* client = find_client(number);
    if (client == nullptr) return;
    client->last_turn = ++last_turn_;
    methods_.handle(*client, request);
  };
  handlers.on_closed = [this, number] { remove_client(number); };
  handlers.on_output_taken = [this](std::uint32_t session, std::size_t bytes) {
    if (AgentPeer* agent = monitor_.agent()) agent->consume_output(session, bytes);
  };
  try {
    clients_[number] =
        std::make_unique<ControlClient>(loop_, std::move(fd), number, std::move(handlers));
    clients_[number]->last_turn = ++last_turn_;
  } catch (const boost::system::system_error& error) {
    clients_.erase(number);
    log_.warn("cannot serve a client: {}", error.what());
  }
}

void ControlServer::remove_client(std::uint64_t number) {
  const auto found = clients_.find(number);
  if (found == clients_.end()) return;
  const std::unique_ptr<ControlClient> client = std::move(found->second);
  clients_.erase(found);
  for (const std::uint32_t session : client->sessions) {
    if (AgentPeer* agent = monitor_.agent()) agent->abandon(session);
  }
}

ControlClient* ControlServer::find_client(std::uint64_t number) {
  const auto found = clients_.find(number);
  return found == clients_.end() ? nullptr : found->second.get();
}

std::size_t ControlServer::count_followers() const {
  return static_cast<std::size_t>(std::count_if(
      clients_.begin(), clients_.end(), [](const auto& entry) { return entry.second->follows(); }));
}

ControlClient* ControlServer::client_of_session(std::uint32_t session) {
  for (const auto& [number, client] : clients_) {
    if (client->sessions.contains(session)) return client.get();
  }
  return nullptr;
}

void ControlServer::on_event(const wire::Event& event) {
  for (const auto& [number, client] : clients_) {
    if (client->follows_events) client->notify("event", to_json(event));
  }
}

void ControlServer::on_console(ConsoleId console, std::string_view bytes) {
  for (const auto& [number, client] : clients_) {
    if (client->consoles.contains(console)) notify_console(*client, console, bytes);
  }
}

void ControlServer::on_exec_output(std::uint32_t session, AgentPeer::Output output,
                                   std::string_view bytes) {
  ControlClient* client = client_of_session(session);
  if (client == nullptr) return;
  client->notify_output(session, output == AgentPeer::Output::kStdout ? "stdout" : "stderr", bytes);
}

void ControlServer::on_exec_exit(std::uint32_t session, int status) {
  ControlClient* client = client_of_session(session);
  if (client == nullptr) return;
  client->sessions.erase(session);
  const auto waiting = client->waiting_input.extract(session);
  if (!waiting.empty()) {
    client->refuse(waiting.mapped(), wire::RpcCode::kFailed, "the command has ended");
  }
  client->notify("exec.exit", {{"session", session}, {"status", status}});
}

void ControlServer::on_exec_input_taken(std::uint32_t session) {
  ControlClient* client = client_of_session(session);
  if (client == nullptr) return;
  const auto waiting = client->waiting_input.extract(session);
  if (!waiting.empty()) client->reply(waiting.mapped(), Json::object());
}

void ControlServer::on_exec_lost(const std::string& why) {
  for (const auto& [number, client] : clients_) {
    for (const auto& [session, id] : std::exchange(client->waiting_input, {})) {
      client->refuse(id, wire::RpcCode::kFailed, why);
    }
    for (const std::uint32_t session : std::exchange(client->sessions, {})) {
      client->notify("exec.lost", {{"session", session}, {"reason", why}});
    }
  }
}

void ControlServer::on_finished() {
  // Nobody can connect any more, but the name stays taken until the cell's files are gone.
  boost::system::error_code ignored;
  listener_.cancel(ignored);
  accept_pause_.cancel();
  ::shutdown(listener_.native_handle(), SHUT_RD);
  methods_.on_finished(on_finished_(methods_.purge()));
}

UniqueFd ControlServer::release_listener() {
  accept_pause_.cancel();
  return UniqueFd(listener_.release());
}

bool ControlServer::has_queue() const {
  return std::any_of(clients_.begin(), clients_.end(),
                     [](const auto& entry) { return entry.second->has_queue(); });
}

}  // namespace hive::control
