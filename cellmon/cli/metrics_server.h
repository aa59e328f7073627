// Metrics over HTTP, for Prometheus on the same host.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace hive::cli {

using Endpoint = boost::asio::ip::tcp::endpoint;

/// The loopback address and port in TEXT: "127.0.0.1:9100", "[::1]:9100". Throws Error (kUsage).
Endpoint parse_listen(std::string_view text);

/// Serves `GET /metrics`, and nothing else, to at most kMaxClients at a time. Each has kLimit to
/// send its request, of at most kMaxRequest bytes, and again to take the answer; then its
/// connection is closed. Single-threaded.
class MetricsServer {
 public:
  /// The answer's body.
  using Collect = std::function<std::string()>;

  static constexpr unsigned kMaxClients = 16;
  static constexpr unsigned kMaxRequest = 8192;
  static constexpr std::chrono::seconds kLimit{5};

  /// Listens at ENDPOINT. Throws Error.
  MetricsServer(boost::asio::io_context& loop, const Endpoint& endpoint, Collect collect);
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

  /// With the port that the kernel has chosen where it was to.
  [[nodiscard]] Endpoint endpoint() const;

 private:
  class Core;
  std::shared_ptr<Core> core_;
};

/// Serves at ENDPOINT, and says where, until SIGINT or SIGTERM. Throws Error.
void serve_metrics(const Endpoint& endpoint, MetricsServer::Collect collect);

}  // namespace hive::cli
