#include "cellmon/control/vsock/host_ports.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "cellmon/wire/path_socket.h"

namespace hive::control {

HostPorts::HostPorts(boost::asio::io_context& loop, const std::vector<plan::VsockPort>& ports,
                     OnOpened on_opened)
    : on_opened_(std::move(on_opened)), timer_(loop) {
  for (const plan::VsockPort& port : ports) {
    if (port.caller == plan::VsockPort::Caller::kGuest) paths_.emplace(port.port, port.path);
  }
}

std::string HostPorts::path_of(std::uint32_t port) const {
  const auto found = paths_.find(port);
  return found == paths_.end() ? std::string() : found->second;
}

void HostPorts::open(std::uint32_t request, std::uint32_t port) {
  if (!paths_.contains(port)) return on_opened_(request, port, ECONNREFUSED, {});
  const bool has_room = waiting_.size() < kMaxWaiting;
  if (try_open(request, port, !has_room)) return;
  waiting_.push_back({request, port, Clock::now() + kLimit});
  if (waiting_.size() == 1) arm();
}

bool HostPorts::try_open(std::uint32_t request, std::uint32_t port, bool last) {
  UniqueFd socket;
  const int error = wire::connect_path(paths_.at(port), socket);
  if (error == EAGAIN && !last) return false;
  on_opened_(request, port, error, std::move(socket));
  return true;
}

void HostPorts::arm() {
  timer_.expires_after(kRetry);
  timer_.async_wait([this](const auto& error) {
    if (!error) retry();
  });
}

void HostPorts::retry() {
  const auto now = Clock::now();
  for (std::size_t tries = waiting_.size(); tries > 0 && !waiting_.empty(); --tries) {
    const Waiting next = waiting_.front();
    waiting_.pop_front();
    if (!try_open(next.request, next.port, now >= next.end)) waiting_.push_back(next);
  }
  if (!waiting_.empty()) arm();
}

void HostPorts::clear() {
  waiting_.clear();
  timer_.cancel();
}

}  // namespace hive::control
