// Clients of a real monitor's control socket: a crowd, those that never finish what they ask, those
// that ask for too much, and other users.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "cellmon/cli/rpc_client.h"
#include "cellmon/wire/cell_address.h"
#include "cellmon/wire/line_buffer.h"
#include "cellmon/wire/local_socket.h"
#include "tests/kvm/run/hive_run.h"

namespace hive::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using testing::HasSubstr;

constexpr std::string_view kAsk = "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"status\"}\n";
constexpr seconds kPatience{60};
/// Within which an honest client has its answer, whatever the others do.
constexpr seconds kServed{10};

/// A connection without manners.
class RawClient {
 public:
  explicit RawClient(const std::string& name)
      : fd_(wire::connect_abstract(name, SOCK_STREAM, kPatience)) {}

  /// What the monitor takes of TEXT without being waited for.
  std::size_t send(std::string_view text) {
    const ssize_t sent = ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent < 0 ? 0 : static_cast<std::size_t>(sent);
  }
  /// Reads what has come, up to the end of a line or of the connection. Whether either has.
  bool read_on() {
    std::array<char, 65536> buffer;
    while (!is_over()) {
      const ssize_t count = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (count < 0 && (errno == EAGAIN || errno == EINTR)) break;
      if (count <= 0) {
        ended_ = true;
      } else {
        text_.append(buffer.data(), static_cast<std::size_t>(count));
      }
    }
    return is_over();
  }
  /// The first line that comes; empty where the connection ends, or nothing comes, before one does.
  std::string line() {
    const auto end = steady_clock::now() + kPatience;
    while (!read_on() && steady_clock::now() < end) {
      pollfd wanted{fd_.get(), POLLIN, 0};
      (void)::poll(&wanted, 1, 100);
    }
    return text_.substr(0, text_.find('\n') == std::string::npos ? 0 : text_.find('\n'));
  }
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] bool ended() const { return ended_; }

 private:
  [[nodiscard]] bool is_over() const { return ended_ || text_.find('\n') != std::string::npos; }

  UniqueFd fd_;
  std::string text_;
  bool ended_ = false;
};

/// This process may have LEAST descriptors, if the host allows it.
bool allow_descriptors(rlim_t least) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= least) return true;
  limit.rlim_cur = least;
  limit.rlim_max = std::max(limit.rlim_max, least);
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

/// A cell at rest, and its monitor.
class Clients : public testing::Test {
 protected:
  void SetUp() override {
    machine_.add_cell("alpha", std::vector{micro::halt()});
    const Output up = machine_.up();
    ASSERT_EQ(up.status, 0) << up.err;
  }

  [[nodiscard]] wire::CellAddress address() const {
    return {::geteuid(), machine_.name(), "alpha"};
  }
  [[nodiscard]] std::string name() const { return wire::socket_name(address()); }

  /// Whether a client that comes now, and comes again when it is told to, is served in time.
  [[nodiscard]] bool serves() const {
    const auto end = steady_clock::now() + kServed;
    while (steady_clock::now() < end) {
      try {
        auto client = cli::RpcClient::connect(address(), kServed);
        if (!client) return false;
        const auto limit = cli::left_until(end);
        return client->call("status", nlohmann::json::object(), limit)["state"] == "running";
      } catch (const cli::RequestRefused&) {
      } catch (const Error&) {
        return false;
      }
    }
    return false;
  }

  /// That of the monitor.
  [[nodiscard]] long memory_kib() const {
    const auto pid = machine_.status("alpha")["monitor_pid"].get<pid_t>();
    std::FILE* file = std::fopen(("/proc/" + std::to_string(pid) + "/statm").c_str(), "r");
    long size = 0;
    long resident = 0;
    if (file == nullptr || std::fscanf(file, "%ld %ld", &size, &resident) != 2) resident = -1;
    if (file != nullptr) std::fclose(file);
    return resident * (::sysconf(_SC_PAGESIZE) / 1024);
  }

  TestMachine machine_;
};

TEST_F(Clients, OfAThousandAtOnceEachIsAnsweredOrToldWhyNot) {
  constexpr std::size_t kCrowd = 1000;
  if (!allow_descriptors(kCrowd + 256)) GTEST_SKIP() << "the host allows no 1256 descriptors";
  std::atomic<unsigned> served{0};
  std::jthread honest([&](const std::stop_token& over) {
    // The crowd may take its place before it was read: it is told so, and tries again.
    while (!over.stop_requested()) served += serves() ? 1U : 0U;
  });
  std::vector<RawClient> crowd;
  crowd.reserve(kCrowd);
  for (std::size_t i = 0; i < kCrowd; ++i) {
    crowd.emplace_back(name());
    EXPECT_EQ(crowd.back().send(kAsk), kAsk.size());
  }
  std::size_t answered = 0;
  std::size_t refused = 0;
  for (RawClient& client : crowd) {
    const std::string line = client.line();
    const bool is_answer = line.find("\"running\"") != std::string::npos;
    answered += is_answer ? 1U : 0U;
    refused += !is_answer && line.find("too many clients are connected") != std::string::npos;
  }
  EXPECT_EQ(answered + refused, kCrowd) << answered << " answered, " << refused << " refused";
  EXPECT_GT(answered, 0U);
  EXPECT_TRUE(serves()) << "with all of them still there";
  honest.request_stop();
  honest.join();
  EXPECT_GT(served, 0U);
  crowd.clear();
  EXPECT_EQ(machine_.hive({"pause", machine_.name() + "/alpha"}).status, 0);
}

TEST_F(Clients, ThatNeverEndTheirRequestsKeepNobodyFromBeingServed) {
  constexpr std::size_t kCrowd = 100;
  std::vector<RawClient> crowd;
  crowd.reserve(kCrowd);
  for (std::size_t i = 0; i < kCrowd; ++i) {
    crowd.emplace_back(name());
    EXPECT_EQ(crowd.back().send(kAsk.substr(0, 1 + i % (kAsk.size() - 1))),
              1 + i % (kAsk.size() - 1));
  }
  for (int times = 0; times < 20; ++times) EXPECT_TRUE(serves());
  // Who came first had to go, and was told; who came last is still listened to.
  EXPECT_THAT(crowd.front().line(), HasSubstr("too many clients are connected"));
  RawClient& last = crowd.back();
  EXPECT_FALSE(last.read_on()) << last.text();
  last.send(kAsk.substr(1 + (kCrowd - 1) % (kAsk.size() - 1)));
  EXPECT_THAT(last.line(), HasSubstr("\"running\""));
}

TEST_F(Clients, ThatSendTooMuchAreToldAndCutOff) {
  const long before = memory_kib();
  const std::string endless(std::size_t{1} << 20, '{');
  std::vector<RawClient> crowd;
  for (int i = 0; i < 20; ++i) {
    crowd.emplace_back(name());
    for (std::size_t sent = 0; sent < 4 * endless.size() && !crowd.back().read_on();) {
      const std::size_t now = crowd.back().send(endless);
      sent += now;
      if (now == 0) ::usleep(1000);
    }
    EXPECT_TRUE(serves());
  }
  for (RawClient& client : crowd) EXPECT_THAT(client.line(), HasSubstr("-32600"));
  // Lines of the greatest length, each for itself, cost no more than their own time.
  RawClient long_lines(name());
  std::string line(wire::kMaxLine - 1, 'x');
  line += '\n';
  for (std::size_t sent = 0; sent < line.size();) {
    const std::size_t now = long_lines.send(std::string_view(line).substr(sent));
    sent += now;
    if (now == 0) ::usleep(1000);
  }
  EXPECT_THAT(long_lines.line(), HasSubstr("-32700"));
  EXPECT_TRUE(serves());
  EXPECT_LT(memory_kib() - before, 4096) << "of the monitor, in KiB";
}

/// What another user gets of the socket called NAME: "nothing", where that is all.
std::string ask_as_another_user(const std::string& name) {
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (::connect(socket, reinterpret_cast<sockaddr*>(&address), size) != 0) return "nothing";
  (void)!::send(socket, kAsk.data(), kAsk.size(), MSG_NOSIGNAL);
  std::array<char, 256> buffer;
  const ssize_t count = ::recv(socket, buffer.data(), buffer.size(), 0);
  return count <= 0 ? "nothing" : std::string(buffer.data(), static_cast<std::size_t>(count));
}

TEST_F(Clients, OfAnotherUserGetNothing) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to act as another user";
  const std::string socket = name();
  std::vector<pid_t> others;
  for (int i = 0; i < 50; ++i) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::alarm(60);
      if (::setresgid(65534, 65534, 65534) != 0 || ::setresuid(65534, 65534, 65534) != 0) {
        ::_exit(2);
      }
      ::_exit(ask_as_another_user(socket) == "nothing" ? 0 : 1);
    }
    others.push_back(child);
  }
  EXPECT_TRUE(serves());
  for (const pid_t child : others) {
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(machine_.status("alpha")["state"], "running");
}

}  // namespace
}  // namespace hive::test
