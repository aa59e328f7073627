#include "cellmon/wire/local_socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <thread>

#include "vmm/base/error.h"

namespace hive::wire {
namespace {

struct Address {
  sockaddr_un value{};
  socklen_t size = 0;

  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&value); }
};

/// NAME behind the leading NUL that makes it abstract.
Address address_of(const std::string& name) {
  Address address;
  if (name.size() + 1 > sizeof(address.value.sun_path)) {
    throw Error("socket name @" + name + ": too long");
  }
  address.value.sun_family = AF_UNIX;
  std::copy(name.begin(), name.end(), address.value.sun_path + 1);
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  return address;
}

UniqueFd make_socket(int type) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_CLOEXEC | type, 0));
  if (!fd) throw_errno("cannot make a socket");
  return fd;
}

/// Calls of FD that wait to hand something over give up after LIMIT; 0: never.
void limit_waits(const UniqueFd& fd, std::chrono::milliseconds limit) {
  const timeval time{limit.count() / 1000, limit.count() % 1000 * 1000};
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time) != 0) {
    throw_errno("cannot limit the waits of a socket");
  }
}

}  // namespace

UniqueFd listen_abstract(const std::string& name, int type) {
  constexpr int kBacklog = 64;
  const Address address = address_of(name);
  UniqueFd fd = make_socket(type | SOCK_NONBLOCK);
  if (::bind(fd.get(), address.get(), address.size) != 0) {
    throw_errno("cannot bind socket @" + name, errno,
                errno == EADDRINUSE ? "the cell runs already, or somebody took its name" : "");
  }
  if (::listen(fd.get(), kBacklog) != 0) throw_errno("cannot listen on socket @" + name);
  return fd;
}

UniqueFd try_hold_abstract(const std::string& name) {
  const Address address = address_of(name);
  UniqueFd fd = make_socket(SOCK_STREAM);
  if (::bind(fd.get(), address.get(), address.size) == 0) return fd;
  if (errno != EADDRINUSE) throw_errno("cannot bind socket @" + name);
  return {};
}

UniqueFd hold_abstract(const std::string& name, std::chrono::steady_clock::time_point deadline) {
  constexpr std::chrono::milliseconds kStep{5};
  UniqueFd held = try_hold_abstract(name);
  while (!held && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(kStep);
    held = try_hold_abstract(name);
  }
  return held;
}

UniqueFd connect_abstract(const std::string& name, int type, std::chrono::milliseconds limit) {
  const Address address = address_of(name);
  UniqueFd fd = make_socket(type);
  if (limit.count() != 0) limit_waits(fd, limit);
  if (::connect(fd.get(), address.get(), address.size) != 0) {
    const bool full = errno == EAGAIN;
    if (errno == ECONNREFUSED || (full && (type & SOCK_NONBLOCK) != 0)) return {};
    if (full) throw Error("socket @" + name + ": its process takes no callers; it may be stopped");
    throw_errno("cannot connect to socket @" + name);
  }
  if (limit.count() != 0) limit_waits(fd, {});
  if (!is_trusted_peer(fd.get())) {
    throw Error("socket @" + name + " belongs to another user; not used");
  }
  return fd;
}

bool is_trusted_peer(int socket) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  return peer.uid == 0 || peer.uid == ::geteuid();
}

UniqueFd open_peer_process(int socket) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return {};
  UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, peer.pid, 0)));
  // Whose end is open now was alive when its number was looked up.
  pollfd entry{socket, 0, 0};
  if (::poll(&entry, 1, 0) != 0) return {};
  return process;
}

}  // namespace hive::wire
