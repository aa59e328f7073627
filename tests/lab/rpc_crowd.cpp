// A guest's program for rpc_test.sh: a service that takes its time, and a crowd of calls to it.
//
//   rpc_crowd serve                        serves "crowd" until it is killed
//   rpc_crowd call CELL CALLS SECONDS      starts CALLS calls at once with that deadline, says
//                                          "started", waits for all, and prints what became of them
#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "guests/sdk/rpc/client.h"
#include "guests/sdk/rpc/monitor_client.h"
#include "guests/sdk/rpc/server.h"
#include "guests/sdk/status.h"

namespace {

using namespace std::chrono_literals;
using hive::rpc::Bytes;
using hive::rpc::ByteView;
using hive::rpc::Client;
using hive::rpc::Clock;

constexpr std::uint32_t kEcho = 1;
constexpr auto kServiceTime = 200ms;
constexpr unsigned kWorkers = 16;

ByteView bytes_of(const unsigned& number) {
  return {reinterpret_cast<const unsigned char*>(&number), sizeof number};
}

unsigned open_descriptors() {
  unsigned count = 0;
  DIR* folder = ::opendir("/proc/self/fd");
  while (::readdir(folder) != nullptr) ++count;
  ::closedir(folder);
  return count;
}

int serve() {
  hive::rpc::ServerOptions options;
  options.service = "crowd";
  options.workers = kWorkers;
  const auto echo = [](const hive::rpc::Request& request, Bytes& reply) {
    std::this_thread::sleep_for(kServiceTime);
    reply.assign(request.payload.begin(), request.payload.end());
    return std::optional<hive::rpc::HandlerError>();
  };
  const auto server = hive::rpc::Server::open(options, echo);
  if (!server.ok()) {
    std::fprintf(stderr, "rpc_crowd: %s\n", server.failure().message.c_str());
    return 1;
  }
  std::puts("serving");
  std::fflush(stdout);
  while (true) ::pause();
}

/// What became of the calls, by status, and how long the last one took.
struct Tally {
  std::map<std::string, unsigned> counts;
  Clock::duration longest{};
  unsigned wrong = 0;  ///< Replies that are not the request.
};

Tally call_all(Client& client, unsigned calls, std::chrono::seconds timeout) {
  const hive::rpc::CallOptions options{.timeout = timeout};
  std::vector<hive::rpc::Call> started;
  std::vector<Clock::time_point> starts;
  for (unsigned number = 0; number < calls; ++number) {
    starts.push_back(Clock::now());
    started.push_back(client.start(kEcho, bytes_of(number), options));
  }
  std::puts("started");
  std::fflush(stdout);
  Tally tally;
  for (unsigned number = 0; number < calls; ++number) {
    Bytes reply;
    const auto outcome = started[number].wait(reply);
    tally.longest = std::max(tally.longest, Clock::now() - starts[number]);
    ++tally.counts[hive::sdk::status_text(outcome.status)];
    const ByteView sent = bytes_of(number);
    if (outcome.ok() && !std::equal(reply.begin(), reply.end(), sent.begin(), sent.end())) {
      ++tally.wrong;
    }
  }
  return tally;
}

int call(const std::string& cell, unsigned calls, std::chrono::seconds timeout) {
  const unsigned before = open_descriptors();
  Tally tally;
  {
    auto client = Client::open(cell, "crowd", Clock::now() + 10s);
    if (!client.ok()) {
      std::fprintf(stderr, "rpc_crowd: %s\n", client.failure().message.c_str());
      return 1;
    }
    tally = call_all(*client.value(), calls, timeout);
  }
  for (const auto& [status, count] : tally.counts) std::printf("%u %s\n", count, status.c_str());
  using std::chrono::duration_cast, std::chrono::milliseconds;
  std::printf("longest %lld ms\n",
              static_cast<long long>(duration_cast<milliseconds>(tally.longest).count()));
  std::printf("wrong %u\ndescriptors %+d\n", tally.wrong,
              static_cast<int>(open_descriptors() - before));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 1 && words[0] == "serve") return serve();
  if (words.size() == 4 && words[0] == "call") {
    return call(words[1], static_cast<unsigned>(std::stoul(words[2])),
                std::chrono::seconds(std::stoul(words[3])));
  }
  std::fputs("usage: rpc_crowd serve | call CELL CALLS SECONDS\n", stderr);
  return 2;
}
