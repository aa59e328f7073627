#include "cellmon/cli/metrics_server.h"

#include <fmt/format.h>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <exception>
#include <optional>
#include <utility>

#include "cellmon/metrics/exposition.h"
#include "vmm/base/error.h"

namespace hive::cli {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using Response = http::response<http::string_body>;

constexpr unsigned kVersion = 11;  // HTTP/1.1

Response make_response(http::status status, std::string_view type, std::string body) {
  Response response(status, kVersion);
  response.set(http::field::content_type, beast::string_view(type.data(), type.size()));
  response.keep_alive(false);
  response.body() = std::move(body);
  response.prepare_payload();
  return response;
}

Response refuse(http::status status, const std::string& why) {
  return make_response(status, "text/plain; charset=utf-8", why + "\n");
}

Response answer(const http::request<http::empty_body>& request,
                const MetricsServer::Collect& collect) {
  const beast::string_view target = request.target();
  const beast::string_view path = target.substr(0, target.find('?'));
  if (path != "/metrics") return refuse(http::status::not_found, "metrics are at /metrics");
  if (request.method() != http::verb::get) {
    Response response = refuse(http::status::method_not_allowed, "only GET is served");
    response.set(http::field::allow, "GET");
    return response;
  }
  try {
    return make_response(http::status::ok, metrics::kPrometheusType, collect());
  } catch (const std::exception& error) {
    return refuse(http::status::internal_server_error, error.what());
  }
}

/// One client, from its connection's start to its end. Owned by what it waits for.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, const MetricsServer::Collect& collect, std::shared_ptr<int> place)
      : stream_(std::move(socket)),
        buffer_(MetricsServer::kMaxRequest),
        collect_(collect),
        place_(std::move(place)) {
    parser_.header_limit(MetricsServer::kMaxRequest);
    parser_.body_limit(0);
  }

  void start() {
    stream_.expires_after(MetricsServer::kLimit);
    http::async_read(stream_, buffer_, parser_,
                     [self = shared_from_this()](const beast::error_code& error, std::size_t) {
                       self->take_request(error);
                     });
  }

 private:
  void take_request(const beast::error_code& error) {
    if (!error) return send(answer(parser_.get(), collect_));
    const bool is_http =
        error.category() == http::make_error_code(http::error::bad_method).category();
    if (is_http && error != http::error::end_of_stream && error != http::error::partial_message) {
      send(refuse(http::status::bad_request, "bad request: " + error.message()));
    }
  }

  void send(Response response) {
    response_ = std::move(response);
    stream_.expires_after(MetricsServer::kLimit);
    http::async_write(stream_, response_,
                      [self = shared_from_this()](const beast::error_code&, std::size_t) {
                        beast::error_code ignored;
                        self->stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
                      });
  }

  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  http::request_parser<http::empty_body> parser_;
  Response response_;
  const MetricsServer::Collect collect_;
  std::shared_ptr<int> place_;  ///< Counts clients.
};

}  // namespace

Endpoint parse_listen(std::string_view text) {
  const auto refuse_it = [&](const char* why) {
    return Error(fmt::format("--listen {}: {}; write 127.0.0.1:PORT or [::1]:PORT", text, why),
                 Error::Kind::kUsage);
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) throw refuse_it("it has no port");
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  std::uint16_t port = 0;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (result.ec != std::errc{} || result.ptr != digits.data() + digits.size()) {
    throw refuse_it("the port is no number from 0 to 65535");
  }
  boost::system::error_code error;
  const auto address = asio::ip::make_address(std::string(host), error);
  if (error) throw refuse_it("it is no address");
  if (!address.is_loopback()) {
    throw refuse_it("anybody could read the metrics there: it is no loopback address");
  }
  return {address, port};
}

/// Outlives the server while it waits for clients.
class MetricsServer::Core : public std::enable_shared_from_this<Core> {
 public:
  Core(asio::io_context& loop, const Endpoint& endpoint, Collect collect)
      : loop_(loop), acceptor_(loop), retry_(loop), collect_(std::move(collect)) {
    try {
      acceptor_.open(endpoint.protocol());
      acceptor_.set_option(tcp::acceptor::reuse_address(true));
      acceptor_.bind(endpoint);
      acceptor_.listen();
    } catch (const boost::system::system_error& error) {
      throw Error(fmt::format("cannot listen at {}:{}: {}; choose another port",
                              endpoint.address().to_string(), endpoint.port(),
                              error.code().message()));
    }
  }

  void accept() {
    acceptor_.async_accept([self = shared_from_this()](const auto& error, tcp::socket socket) {
      if (self->closed_) return;
      if (error) return self->accept_later();
      // One more than those that are served is turned away by the end of its connection.
      if (self->places_.use_count() <= kMaxClients) {
        std::make_shared<Session>(std::move(socket), self->collect_, self->places_)->start();
      }
      self->accept();
    });
  }

  void close() {
    closed_ = true;
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    retry_.cancel();
  }

  [[nodiscard]] Endpoint endpoint() const { return acceptor_.local_endpoint(); }

 private:
  /// The host has no descriptor or memory for another client.
  void accept_later() {
    retry_.expires_after(std::chrono::milliseconds(100));
    retry_.async_wait([self = shared_from_this()](const auto& error) {
      if (!error && !self->closed_) self->accept();
    });
  }

  asio::io_context& loop_;
  tcp::acceptor acceptor_;
  asio::steady_timer retry_;
  Collect collect_;
  std::shared_ptr<int> places_ = std::make_shared<int>(0);
  bool closed_ = false;
};

MetricsServer::MetricsServer(asio::io_context& loop, const Endpoint& endpoint, Collect collect)
    : core_(std::make_shared<Core>(loop, endpoint, std::move(collect))) {
  core_->accept();
}

MetricsServer::~MetricsServer() { core_->close(); }

Endpoint MetricsServer::endpoint() const { return core_->endpoint(); }

void serve_metrics(const Endpoint& endpoint, MetricsServer::Collect collect) {
  asio::io_context loop(1);
  MetricsServer server(loop, endpoint, std::move(collect));
  asio::signal_set signals(loop, SIGINT, SIGTERM);
  signals.async_wait([&](const auto&, int) { loop.stop(); });
  const Endpoint at = server.endpoint();
  const bool is_v6 = at.address().is_v6();
  fmt::print("http://{}{}{}:{}/metrics\n", is_v6 ? "[" : "", at.address().to_string(),
             is_v6 ? "]" : "", at.port());
  std::fflush(stdout);
  loop.run();
}

}  // namespace hive::cli
