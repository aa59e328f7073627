#include "cellmon/cli/rpc_client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "cellmon/wire/local_socket.h"
#include "cellmon/wire/text.h"
#include "vmm/base/error.h"

namespace hive::cli {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kMaxErrorText = 1024;

}  // namespace

Milliseconds left_until(steady_clock::time_point time) {
  return std::max(std::chrono::ceil<Milliseconds>(time - steady_clock::now()), Milliseconds(0));
}

Milliseconds share_of(steady_clock::time_point deadline) {
  constexpr Milliseconds kToRead{50};
  return std::max(left_until(deadline), kToRead);
}

Error lost_monitor(const wire::CellAddress& address) {
  return Error(address.full_name() + ": its monitor is gone; end the machine (hive down " +
               address.machine + ") where cells of it still run, and start it anew (hive up FILE)");
}

std::optional<RpcClient> RpcClient::connect(const wire::CellAddress& address, Milliseconds limit) {
  UniqueFd fd = wire::connect_abstract(wire::socket_name(address), SOCK_STREAM,
                                       std::max(limit, Milliseconds(1)));
  if (!fd) return std::nullopt;
  return RpcClient(address, std::move(fd));
}

RpcClient RpcClient::reach(const wire::CellAddress& address) {
  auto client = connect(address);
  if (!client) throw lost_monitor(address);
  return std::move(*client);
}

pid_t RpcClient::peer_pid() const {
  ucred peer{};
  socklen_t size = sizeof(peer);
  return ::getsockopt(fd_.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? peer.pid : -1;
}

UniqueFd RpcClient::peer_pidfd() const {
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, peer_pid(), 0)));
}

std::uint64_t RpcClient::send(std::string_view method, const Json& params) {
  const std::string line = wire::format_request(++last_id_, method, params);
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t count = ::send(fd_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) break;
    rest.remove_prefix(static_cast<std::size_t>(count));
  }
  return last_id_;
}

void RpcClient::take_line(const std::string& line) {
  auto reply = wire::parse_reply(line);
  if (auto* result = std::get_if<wire::RpcResult>(&reply)) {
    messages_.emplace_back(std::move(*result));
  } else if (auto* error = std::get_if<wire::RpcError>(&reply)) {
    messages_.emplace_back(std::move(*error));
  } else if (auto* notification = std::get_if<wire::RpcNotification>(&reply)) {
    messages_.emplace_back(std::move(*notification));
  }
}

void RpcClient::fill(Milliseconds timeout) {
  pollfd entry{fd_.get(), POLLIN, 0};
  if (closed_ || ::poll(&entry, 1, static_cast<int>(timeout.count())) <= 0) return;
  std::array<char, 64 * 1024> buffer;
  const ssize_t count = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) {
    closed_ = true;
    return;
  }
  lines_.feed({buffer.data(), static_cast<std::size_t>(count)});
  while (const auto line = lines_.next()) take_line(*line);
  closed_ = closed_ || lines_.overflowed();
}

std::optional<Message> RpcClient::receive(Milliseconds timeout) {
  const auto deadline = steady_clock::now() + timeout;
  do {
    if (!messages_.empty()) {
      Message message = std::move(messages_.front());
      messages_.pop_front();
      return message;
    }
    fill(left_until(deadline));
  } while (!messages_.empty() || (!closed_ && left_until(deadline).count() > 0));
  return std::nullopt;
}

Json RpcClient::call(std::string_view method, const Json& params, Milliseconds timeout) {
  return answer(send(method, params), timeout);
}

Json RpcClient::answer(std::uint64_t id, Milliseconds timeout) {
  const std::string cell = address_.full_name();
  const auto deadline = steady_clock::now() + timeout;
  std::deque<Message> others;
  std::optional<Message> message;
  std::optional<Json> answer;
  refusal_.clear();
  bool is_refused = false;
  while (!answer && refusal_.empty() && (message = receive(left_until(deadline)))) {
    if (auto* result = std::get_if<wire::RpcResult>(&*message); result && result->id == id) {
      answer = std::move(result->result);
    } else if (auto* error = std::get_if<wire::RpcError>(&*message);
               error && (error->id == id || error->id.is_null())) {
      // Without an id: of the connection, so that no other answer comes.
      is_refused = error->id == id && error->code != static_cast<int>(wire::RpcCode::kUnknown);
      refusal_ =
          error->message.empty() ? "refused" : wire::printable(error->message, kMaxErrorText);
    } else {
      others.push_back(std::move(*message));
    }
  }
  std::move(messages_.begin(), messages_.end(), std::back_inserter(others));
  messages_ = std::move(others);
  if (answer) return *answer;
  if (!refusal_.empty() && is_refused) throw RequestRefused(cell + ": " + refusal_);
  if (!refusal_.empty()) throw Error(cell + ": " + refusal_);
  if (closed_) throw lost_monitor(address_);
  throw Error(cell +
              ": its monitor does not answer; try again, or end the machine: hive down --force " +
              address_.machine);
}

void throw_refusal(const RpcClient& client, const Message& message) {
  const auto* error = std::get_if<wire::RpcError>(&message);
  if (error == nullptr) return;
  throw Error(client.address().full_name() + ": " + wire::printable(error->message, kMaxErrorText));
}

}  // namespace hive::cli
