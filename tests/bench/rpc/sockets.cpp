#include "tests/bench/rpc/sockets.h"

#include <arpa/inet.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <variant>
#include <vector>

namespace hive::bench {
namespace {

/// What a client says first.
struct Opening {
  std::uint32_t size = 0;
  std::uint32_t stream = 0;
};

using Address = std::variant<sockaddr_in, sockaddr_vm>;

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

Address address_of(Family family, const std::string& host, unsigned port) {
  if (family == Family::kVsock) {
    sockaddr_vm address{};
    address.svm_family = AF_VSOCK;
    address.svm_port = port;
    address.svm_cid = host.empty() ? VMADDR_CID_ANY : static_cast<unsigned>(std::stoul(host));
    return address;
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = host.empty() ? htonl(INADDR_ANY) : ::inet_addr(host.c_str());
  return address;
}

/// Applies CALL (bind or connect) to SOCKET and ADDRESS.
template <typename Call>
bool apply(Call call, int socket, const Address& address) {
  return std::visit(
      [&](const auto& each) {
        return call(socket, reinterpret_cast<const sockaddr*>(&each), sizeof each) == 0;
      },
      address);
}

int make_socket(Family family) {
  const int made = ::socket(family == Family::kVsock ? AF_VSOCK : AF_INET, SOCK_STREAM, 0);
  if (made < 0) fail("socket");
  return made;
}

/// What is small goes out at once, as every RPC over TCP has it.
void hurry(Family family, int socket) {
  const int on = 1;
  if (family == Family::kTcp &&
      ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) {
    fail("TCP_NODELAY");
  }
}

/// False at the end of the stream.
bool receive(int socket, void* target, std::size_t size) {
  auto* at = static_cast<char*>(target);
  while (size != 0) {
    const ssize_t got = ::recv(socket, at, size, 0);
    if (got < 0) fail("recv");
    if (got == 0) return false;
    at += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

void transmit(int socket, const void* source, std::size_t size) {
  const auto* at = static_cast<const char*>(source);
  while (size != 0) {
    const ssize_t sent = ::send(socket, at, size, MSG_NOSIGNAL);
    if (sent < 0) fail("send");
    at += sent;
    size -= static_cast<std::size_t>(sent);
  }
}

void answer(int socket) {
  std::vector<char> buffer(kLongest);
  Opening opening;
  if (!receive(socket, &opening, sizeof opening) || opening.size > buffer.size()) return;
  std::size_t streamed = 0;
  while (receive(socket, buffer.data(), opening.size)) {
    streamed += opening.size;
    if (opening.stream == 0) {
      transmit(socket, buffer.data(), opening.size);
    } else if (streamed >= kStreamed) {
      transmit(socket, buffer.data(), 1);
      streamed = 0;
    }
  }
}

}  // namespace

void serve_socket(Family family, unsigned port) {
  const int listener = make_socket(family);
  const int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (!apply(::bind, listener, address_of(family, "", port))) fail("bind");
  if (::listen(listener, 4) != 0) fail("listen");
  tell_that_it_serves();
  for (;;) {
    const int socket = ::accept(listener, nullptr, nullptr);
    if (socket < 0) fail("accept");
    hurry(family, socket);
    try {
      answer(socket);
    } catch (const std::system_error&) {
      // A client that went away ends its connection only.
    }
    ::close(socket);
  }
}

void call_socket(Family family, const std::string& host, unsigned port, const Task& task) {
  const int socket = make_socket(family);
  if (!apply(::connect, socket, address_of(family, host, port))) fail("connect");
  hurry(family, socket);
  const Opening opening{static_cast<std::uint32_t>(task.size), task.stream ? 1U : 0U};
  transmit(socket, &opening, sizeof opening);
  std::vector<char> request(task.size, 'q');
  std::vector<char> reply(task.size);
  const auto await = [&](std::size_t size) {
    if (!receive(socket, reply.data(), size)) throw std::runtime_error("the server hung up");
  };
  if (task.stream) {
    measure_stream([&] {
      for (std::size_t sent = 0; sent < kStreamed; sent += task.size) {
        transmit(socket, request.data(), task.size);
      }
      await(1);
    });
  } else {
    measure_trips(task.count, [&] {
      transmit(socket, request.data(), task.size);
      await(task.size);
    });
    if (reply != request) throw std::runtime_error("the reply is not the request");
  }
  ::close(socket);
}

}  // namespace hive::bench
