// Stream sockets that RPC goes over.
#pragma once

#include <cstdint>
#include <string>

#include "guests/sdk/rpc/link.h"
#include "guests/sdk/rpc/socket_link.h"
#include "vmm/base/unique_fd.h"

namespace hive::rpc {

/// Where a service is: a port of a cell, or, for trials on one machine, a Unix socket.
struct Address {
  std::uint32_t cid = 0;
  std::uint32_t port = 0;
  std::string path;  ///< Where it is not empty, of a Unix socket.
};

/// ADDRESS for people.
std::string to_string(const Address& address);

/// A socket that is connected to ADDRESS, non-blocking. HIVE_DEADLINE at END, HIVE_REFUSED where
/// nobody listens, HIVE_NO_DEVICE where there is no vsock, or HIVE_SYSTEM.
sdk::Result<UniqueFd> connect_to(const Address& address, Clock::time_point end);

/// Has the kernel try to connect SOCKET, which is of vsock, until END, and not for the 2 s that it
/// does by default. False where it does not know how.
bool set_connect_end(int socket, Clock::time_point end);

/// A socket that listens on ADDRESS, whose cid does not matter. HIVE_NAME_TAKEN where another does;
/// the file of a Unix socket on which nobody listens any more is replaced.
sdk::Result<UniqueFd> listen_on(const Address& address);

/// Reads or writes all of SIZE bytes by END; false where that fails.
bool read_all(int socket, void* data, std::size_t size, Clock::time_point end);
bool write_all(int socket, const void* data, std::size_t size, Clock::time_point end);

class SocketConnector : public Connector {
 public:
  explicit SocketConnector(Address address) : address_(std::move(address)) {}
  sdk::Result<std::unique_ptr<Link>> connect(Clock::time_point end) override;
  [[nodiscard]] std::uint32_t cid() const override { return address_.cid; }

 private:
  Address address_;
};

class SocketListener : public Listener {
 public:
  /// PATH: of a Unix socket, whose file is removed in the end.
  explicit SocketListener(UniqueFd socket, std::string path = {});
  SocketListener(const SocketListener&) = delete;
  SocketListener& operator=(const SocketListener&) = delete;
  ~SocketListener() override;
  [[nodiscard]] int fd() const override { return socket_.get(); }
  std::unique_ptr<Link> accept() override;
  /// The same, for those who build on the socket.
  std::unique_ptr<SocketLink> accept_socket();

  static sdk::Result<std::unique_ptr<SocketListener>> open(const Address& address);

 private:
  UniqueFd socket_;
  std::string path_;
};

}  // namespace hive::rpc
