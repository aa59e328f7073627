// The HTTP endpoint for Prometheus, with clients that behave and others.
#include "cellmon/cli/metrics_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <deque>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

#include "vmm/base/error.h"

namespace hive::cli {
namespace {

using boost::asio::ip::tcp;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string error_of(const std::string& listen) {
  try {
    (void)parse_listen(listen);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(ParseListen, TakesLoopbackAddressesOnly) {
  EXPECT_EQ(parse_listen("127.0.0.1:9100").port(), 9100);
  EXPECT_TRUE(parse_listen("[::1]:9100").address().is_v6());
  EXPECT_EQ(parse_listen("127.1.2.3:0").address().to_string(), "127.1.2.3");
  for (const char* open : {"0.0.0.0:9100", "192.168.0.1:9100", "[::]:9100", "8.8.8.8:1"}) {
    EXPECT_THAT(error_of(open),
                AllOf(HasSubstr("no loopback address"), HasSubstr("127.0.0.1:PORT")));
  }
  for (const char* wrong : {"", "9100", "localhost:9100", "127.0.0.1:", "127.0.0.1:http",
                            "127.0.0.1:65536", "127.0.0.1:-1", ":9100", "127.0.0.1:9100x"}) {
    EXPECT_THAT(error_of(wrong), StartsWith("--listen ")) << wrong;
  }
}

/// A server on a thread of its own.
class MetricsServerTest : public testing::Test {
 protected:
  void SetUp() override {
    server_.emplace(loop_, parse_listen("127.0.0.1:0"), [this]() -> std::string {
      if (fails_) throw std::runtime_error("no figures");
      return "hive_view_epoch 3\n";
    });
    endpoint_ = server_->endpoint();
    thread_ = std::thread([this] { loop_.run(); });
  }
  void TearDown() override {
    boost::asio::post(loop_, [this] { server_.reset(); });
    loop_.stop();
    thread_.join();
    server_.reset();
  }

  tcp::socket connect() {
    tcp::socket socket(clients_);
    socket.connect(endpoint_);
    return socket;
  }
  /// What the server answers until it closes.
  static std::string read_all(tcp::socket& socket) {
    std::string text;
    boost::system::error_code error;
    std::array<char, 1024> part{};
    while (!error) {
      const std::size_t size = socket.read_some(boost::asio::buffer(part), error);
      text.append(part.data(), size);
    }
    return text;
  }
  std::string ask(const std::string& request) {
    tcp::socket socket = connect();
    boost::system::error_code ignored;
    boost::asio::write(socket, boost::asio::buffer(request), ignored);
    return read_all(socket);
  }

  bool fails_ = false;
  boost::asio::io_context loop_{1};
  boost::asio::io_context clients_;
  std::optional<MetricsServer> server_;
  Endpoint endpoint_;
  std::thread thread_;
};

constexpr const char* kRequest = "GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n";

TEST_F(MetricsServerTest, GivesMetrics) {
  const std::string answer = ask(kRequest);
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Length: 18\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\n\r\nhive_view_epoch 3\n"));
  EXPECT_THAT(ask("GET /metrics?x=1 HTTP/1.0\r\n\r\n"), HasSubstr("200 OK"));
}

TEST_F(MetricsServerTest, GivesNothingElse) {
  EXPECT_THAT(ask("GET / HTTP/1.1\r\nHost: here\r\n\r\n"),
              AllOf(HasSubstr("404"), HasSubstr("metrics are at /metrics")));
  EXPECT_THAT(ask("DELETE /metrics HTTP/1.1\r\nHost: here\r\n\r\n"),
              AllOf(HasSubstr("405"), HasSubstr("Allow: GET")));
  EXPECT_THAT(ask("POST /metrics HTTP/1.1\r\nHost: here\r\nContent-Length: 5\r\n\r\nhello"),
              HasSubstr("HTTP/1.1 4"));
}

TEST_F(MetricsServerTest, SaysWhyThereAreNone) {
  fails_ = true;
  EXPECT_THAT(ask(kRequest), AllOf(HasSubstr("500"), HasSubstr("no figures")));
}

TEST_F(MetricsServerTest, RefusesWhatIsNoRequestOrTooLong) {
  EXPECT_THAT(ask("hello\r\n\r\n"), HasSubstr("400"));
  EXPECT_THAT(ask(std::string("\0\1\2\xff\r\n\r\n", 8)), HasSubstr("400"));
  const std::string head = "GET /metrics HTTP/1.1\r\nX: ";
  EXPECT_THAT(ask(head + std::string(MetricsServer::kMaxRequest, 'x') + "\r\n\r\n"),
              Not(HasSubstr("200 OK")));
  EXPECT_THAT(ask(kRequest), HasSubstr("200 OK"));
}

TEST_F(MetricsServerTest, EndsAClientThatStopsHalfWay) {
  const auto start = std::chrono::steady_clock::now();
  tcp::socket slow = connect();
  boost::asio::write(slow, boost::asio::buffer(std::string(kRequest, 20)));
  EXPECT_THAT(ask(kRequest), HasSubstr("200 OK"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, MetricsServer::kLimit)
      << "it has waited for the other";
  EXPECT_THAT(read_all(slow), Not(HasSubstr("200 OK")));
  EXPECT_LT(std::chrono::steady_clock::now() - start, 12 * MetricsServer::kLimit);
}

TEST_F(MetricsServerTest, ServesOthersAgainOnceThoseThatStandAroundAreGone) {
  std::deque<tcp::socket> idle;
  for (unsigned client = 0; client < 5 * MetricsServer::kMaxClients; ++client) {
    idle.push_back(connect());
  }
  EXPECT_EQ(ask(kRequest), "");
  idle.clear();
  std::string answer;
  for (int tries = 0; tries < 1000 && answer.empty(); ++tries) {
    answer = ask(kRequest);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_THAT(answer, HasSubstr("200 OK"));
}

TEST_F(MetricsServerTest, TakesEveryPartOfARequestAndItsEnd) {
  const std::string request = kRequest;
  for (std::size_t size = 0; size < request.size(); ++size) {
    tcp::socket socket = connect();
    boost::asio::write(socket, boost::asio::buffer(request.substr(0, size)));
    socket.shutdown(tcp::socket::shutdown_send);
    EXPECT_THAT(read_all(socket), Not(HasSubstr("200 OK"))) << size;
  }
  EXPECT_THAT(ask(request), HasSubstr("200 OK"));
}

TEST(MetricsServer, SaysThatAPortIsTaken) {
  boost::asio::io_context loop;
  const MetricsServer first(loop, parse_listen("127.0.0.1:0"), [] { return ""; });
  try {
    const MetricsServer second(loop, first.endpoint(), [] { return ""; });
    ADD_FAILURE() << "both listen";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("choose another port"));
  }
}

}  // namespace
}  // namespace hive::cli
