// The streams by which programs in the guest ask their monitor.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <map>
#include <memory>

#include "cellmon/control/vsock/monitor_service.h"
#include "vmm/base/unique_fd.h"

namespace hive::control {

/// Serves the streams from the loop, each request in turn. A client that does not read its replies
/// is not read either. Single-threaded.
class ServiceClients {
 public:
  static constexpr std::size_t kMaxClients = 32;

  ServiceClients(boost::asio::io_context& loop, MonitorService& service)
      : loop_(loop), service_(service) {}
  ServiceClients(const ServiceClients&) = delete;
  ServiceClients& operator=(const ServiceClients&) = delete;
  ServiceClients(ServiceClients&&) = delete;
  ServiceClients& operator=(ServiceClients&&) = delete;
  ~ServiceClients() { clear(); }

  /// Makes a stream; the client's end of it, or none when there are too many. Throws Error when the
  /// host has no descriptor left.
  UniqueFd connect();
  /// Ends all streams.
  void clear();

  [[nodiscard]] std::size_t count() const { return clients_.size(); }

 private:
  class Client;

  boost::asio::io_context& loop_;
  MonitorService& service_;
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, std::shared_ptr<Client>> clients_;
};

}  // namespace hive::control
