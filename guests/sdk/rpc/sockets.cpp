#include "guests/sdk/rpc/sockets.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
// After sys/socket.h, which it needs.
#include <linux/vm_sockets.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "guests/sdk/rpc/socket_link.h"

namespace hive::rpc {
namespace {

constexpr int kBacklog = 128;

/// A socket address of either kind.
struct RawAddress {
  union {
    sockaddr any;
    sockaddr_un local;
    sockaddr_vm cell;
  };
  socklen_t size;
};

std::optional<RawAddress> raw(const Address& address, std::uint32_t cid) {
  RawAddress result{};
  if (address.path.empty()) {
    result.cell.svm_family = AF_VSOCK;
    result.cell.svm_cid = cid;
    result.cell.svm_port = address.port;
    result.size = sizeof result.cell;
    return result;
  }
  if (address.path.size() >= sizeof result.local.sun_path) return std::nullopt;
  result.local.sun_family = AF_UNIX;
  std::memcpy(result.local.sun_path, address.path.data(), address.path.size());
  result.size = sizeof result.local;
  return result;
}

sdk::Failure path_too_long(const Address& address) {
  return {HIVE_INVALID, address.path + " is too long for a Unix socket"};
}

sdk::Result<UniqueFd> make_socket(const Address& address) {
  const int family = address.path.empty() ? AF_VSOCK : AF_UNIX;
  UniqueFd socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket) return socket;
  if (errno == EAFNOSUPPORT) {
    return sdk::Failure{HIVE_NO_DEVICE,
                        "this kernel has no vsock; load vmw_vsock_virtio_transport"};
  }
  return sdk::system_failure("socket", errno);
}

sdk::Failure connect_failure(const Address& address, int error) {
  const std::string where = to_string(address);
  switch (error) {
    case ECONNREFUSED:
    case ECONNRESET:
    case ENOENT:
      return {HIVE_REFUSED, "nobody listens on " + where + ", or the plan forbids the call"};
    case ENODEV:
    case ENETUNREACH:
    case EHOSTUNREACH:
      return {HIVE_NO_DEVICE, "there is no way to " + where + ": this machine has no vsock device"};
    case ETIMEDOUT:
    case EAGAIN:
      return {HIVE_DEADLINE, "no answer from " + where};
    default:
      return sdk::system_failure("connect to " + where, error);
  }
}

/// Waits for EVENTS of SOCKET; false at END.
bool wait_for(int socket, short events, Clock::time_point end) {
  for (;;) {
    const auto left = end - Clock::now();
    if (left <= Clock::duration::zero()) return false;
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    pollfd polled{socket, events, 0};
    const int ready = ::poll(&polled, 1, static_cast<int>(std::min<std::int64_t>(ms, 1 << 30)));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

/// What is left until END, as a time that the kernel takes: more than 0, at most an hour.
timeval time_left(Clock::time_point end) {
  constexpr std::chrono::microseconds kLeast = std::chrono::milliseconds(1);
  constexpr std::chrono::microseconds kMost = std::chrono::hours(1);
  const Clock::time_point now = Clock::now();
  auto left = kLeast;
  if (end > now + kMost) {
    left = kMost;
  } else if (end > now) {
    left = std::max(kLeast, std::chrono::ceil<std::chrono::microseconds>(end - now));
  }
  return {left.count() / 1000000, left.count() % 1000000};
}

/// connect(2) until END; an errno value, or 0.
int connect_by(int socket, const RawAddress& address, Clock::time_point end) {
  for (;;) {
    if (::connect(socket, &address.any, address.size) == 0) return 0;
    if (errno == EAGAIN) {  // A Unix socket whose backlog is full; poll() knows nothing of it.
      if (Clock::now() >= end) return ETIMEDOUT;
      ::poll(nullptr, 0, 1);
      continue;
    }
    if (errno != EINPROGRESS && errno != EINTR) return errno;
    if (!wait_for(socket, POLLOUT, end)) return ETIMEDOUT;
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
    return error;
  }
}

}  // namespace

std::string to_string(const Address& address) {
  if (!address.path.empty()) return address.path;
  return "port " + std::to_string(address.port) + " of CID " + std::to_string(address.cid);
}

bool set_connect_end(int socket, Clock::time_point end) {
  const timeval left = time_left(end);
  return ::setsockopt(socket, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &left, sizeof left) == 0;
}

sdk::Result<UniqueFd> connect_to(const Address& address, Clock::time_point end) {
  const auto target = raw(address, address.cid);
  if (!target) return path_too_long(address);
  auto socket = make_socket(address);
  if (!socket.ok()) return socket;
  // Where the kernel does not know that, its own end comes first.
  if (address.path.empty()) (void)set_connect_end(socket.value().get(), end);
  const int error = connect_by(socket.value().get(), *target, end);
  if (error != 0) return connect_failure(address, error);
  return socket;
}

sdk::Result<UniqueFd> listen_on(const Address& address) {
  const auto where = raw(address, VMADDR_CID_ANY);
  if (!where) return path_too_long(address);
  auto made = make_socket(address);
  if (!made.ok()) return made;
  UniqueFd socket = std::move(made).value();
  int bound = ::bind(socket.get(), &where->any, where->size);
  if (bound != 0 && errno == EADDRINUSE && !address.path.empty()) {
    const auto other = connect_to(address, Clock::now() + std::chrono::milliseconds(100));
    if (other.status() == HIVE_REFUSED && ::unlink(address.path.c_str()) == 0) {
      bound = ::bind(socket.get(), &where->any, where->size);
    } else {
      errno = EADDRINUSE;
    }
  }
  if (bound == 0 && ::listen(socket.get(), kBacklog) == 0) return socket;
  if (errno == EADDRINUSE) {
    return sdk::Failure{HIVE_NAME_TAKEN, "another program listens on " + to_string(address) +
                                             "; end it, or choose another name for the service"};
  }
  return sdk::system_failure("listen on " + to_string(address), errno);
}

bool read_all(int socket, void* data, std::size_t size, Clock::time_point end) {
  auto* bytes = static_cast<unsigned char*>(data);
  while (size > 0) {
    const ssize_t got = ::recv(socket, bytes, size, MSG_DONTWAIT);
    if (got == 0) return false;
    if (got < 0 && errno != EAGAIN && errno != EINTR) return false;
    if (got < 0 && !wait_for(socket, POLLIN, end)) return false;
    if (got < 0) continue;
    bytes += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

bool write_all(int socket, const void* data, std::size_t size, Clock::time_point end) {
  const auto* bytes = static_cast<const unsigned char*>(data);
  while (size > 0) {
    const ssize_t sent = ::send(socket, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) return false;
    if (sent < 0 && !wait_for(socket, POLLOUT, end)) return false;
    if (sent < 0) continue;
    bytes += sent;
    size -= static_cast<std::size_t>(sent);
  }
  return true;
}

sdk::Result<std::unique_ptr<Link>> SocketConnector::connect(Clock::time_point end) {
  auto socket = connect_to(address_, end);
  if (!socket.ok()) return socket.failure();
  auto link = std::make_unique<SocketLink>(std::move(socket).value(), address_.cid);
  if (!link->valid()) return sdk::system_failure("eventfd", errno);
  return std::unique_ptr<Link>(std::move(link));
}

SocketListener::SocketListener(UniqueFd socket, std::string path)
    : socket_(std::move(socket)), path_(std::move(path)) {
  ::fcntl(socket_.get(), F_SETFL, ::fcntl(socket_.get(), F_GETFL) | O_NONBLOCK);
}

SocketListener::~SocketListener() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

std::unique_ptr<Link> SocketListener::accept() { return accept_socket(); }

std::unique_ptr<SocketLink> SocketListener::accept_socket() {
  RawAddress peer{};
  peer.size = sizeof peer.local;
  UniqueFd socket(::accept4(socket_.get(), &peer.any, &peer.size, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket) return nullptr;
  const std::uint32_t cid = peer.any.sa_family == AF_VSOCK ? peer.cell.svm_cid : 0;
  auto link = std::make_unique<SocketLink>(std::move(socket), cid);
  if (!link->valid()) return nullptr;
  return link;
}

sdk::Result<std::unique_ptr<SocketListener>> SocketListener::open(const Address& address) {
  auto socket = listen_on(address);
  if (!socket.ok()) return socket.failure();
  return std::make_unique<SocketListener>(std::move(socket).value(), address.path);
}

}  // namespace hive::rpc
