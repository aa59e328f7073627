#include "cellmon/control/vsock/listen_ports.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "vmm/base/descriptors.h"
#include "vmm/base/watch.h"

namespace hive::control {

using boost::asio::posix::stream_descriptor;

ListenPorts::Listener::Listener(boost::asio::io_context& loop, const plan::VsockPort& wanted)
    : port(wanted.port),
      socket(wanted.path, kBacklog),
      watch(hive::watch(loop, copy_fd(socket.fd()))),
      pause(loop) {}

ListenPorts::ListenPorts(boost::asio::io_context& loop, const std::vector<plan::VsockPort>& ports,
                         OnCall on_call, spdlog::logger& log)
    : on_call_(std::move(on_call)), log_(log) {
  for (const plan::VsockPort& port : ports) {
    if (port.caller != plan::VsockPort::Caller::kHost) continue;
    await(listeners_.emplace_back(loop, port));
  }
}

void ListenPorts::await(Listener& listener) {
  listener.watch.async_wait(stream_descriptor::wait_read, [this, &listener](const auto& error) {
    if (!error) accept(listener);
  });
}

void ListenPorts::accept(Listener& listener) {
  UniqueFd caller(::accept4(listener.socket.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (caller) {
    on_call_(listener.port, std::move(caller));
    return await(listener);
  }
  if (errno != EAGAIN && errno != ECONNABORTED) {
    log_.warn("callers of {} wait: {}", listener.socket.path(), std::strerror(errno));
  }
  listener.pause.expires_after(kPause);
  listener.pause.async_wait([this, &listener](const auto& error) {
    if (!error) await(listener);
  });
}

}  // namespace hive::control
