#include <deque>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "guests/ctl/latencies.h"
#include "guests/ctl/rpc.h"

namespace hive::ctl {
namespace {

using rpc::Clock;

struct BenchCommand {
  RpcTarget target;
  std::uint32_t method = 1;
  unsigned calls = 1000;
  unsigned warmup = 20;
  unsigned window = 1;
  std::vector<std::uint32_t> sizes{0, 128, 4096, 65536};
};

/// A call that was started, and when.
struct Started {
  rpc::Call call;
  Clock::time_point at;
};

/// CALLS calls with REQUEST; how long each took, in ns.
std::unique_ptr<Latencies> measure(rpc::Client& client, const BenchCommand& command,
                                   rpc::ByteView request, unsigned calls) {
  const rpc::CallOptions options{command.target.timeout(), false};
  auto times = std::make_unique<Latencies>();
  rpc::Bytes reply;
  const auto add = [&times](Clock::time_point start) {
    times->add(std::chrono::nanoseconds(Clock::now() - start).count());
  };
  if (command.window == 1) {
    for (unsigned i = 0; i < calls; ++i) {
      const auto start = Clock::now();
      need_reply(client.call(command.method, request, reply, options));
      add(start);
    }
    return times;
  }
  std::deque<Started> under_way;
  for (unsigned started = 0; times->count() < calls;) {
    while (started < calls && under_way.size() < command.window) {
      const auto now = Clock::now();
      under_way.push_back({client.start(command.method, request, options), now});
      ++started;
    }
    need_reply(under_way.front().call.wait(reply));
    add(under_way.front().at);
    under_way.pop_front();
  }
  return times;
}

nlohmann::json figures(const Latencies& times, std::uint32_t size, double seconds) {
  const std::uint64_t count = times.count();
  return {
      {"bytes", size},
      {"calls", count},
      {"min", times.min()},
      {"median", times.percentile(50)},
      {"p99", times.percentile(99)},
      {"max", times.max()},
      {"seconds", seconds},
      {"request_bytes_per_second", seconds > 0 ? size * static_cast<double>(count) / seconds : 0}};
}

void bench(Session& session, const BenchCommand& command) {
  const auto client = open_client(command.target);
  nlohmann::json sizes = nlohmann::json::array();
  for (const std::uint32_t size : command.sizes) {
    const rpc::Bytes request(size, 0x5a);
    if (command.warmup > 0) (void)measure(*client, command, request, command.warmup);
    const auto start = Clock::now();
    const auto times = measure(*client, command, request, command.calls);
    const std::chrono::duration<double> took = Clock::now() - start;
    sizes.push_back(figures(*times, size, took.count()));
  }
  session.out() << nlohmann::json{{"service", command.target.text},
                                  {"unit", "ns"},
                                  {"window", command.window},
                                  {"path", client->is_in_memory() ? "memory" : "socket"},
                                  {"sizes", sizes}}
                       .dump(2)
                << '\n';
}

}  // namespace

void add_rpc_bench(CLI::App& rpc, Session& session) {
  CLI::App* command =
      rpc.add_subcommand("bench", "Time calls to a service that echoes (serve --echo); as JSON");
  const auto options = std::make_shared<BenchCommand>();
  add_target(*command, options->target);
  command->add_option("--method", options->method, "Number of the method (default: 1)");
  command->add_option("--calls", options->calls, "Of each size (default: 1000)")
      ->check(CLI::Range(1, 100'000'000));
  command->add_option("--warmup", options->warmup, "Calls before those (default: 20)");
  command->add_option("--window", options->window, "Calls under way at a time (default: 1)")
      ->check(CLI::Range(1, 4096));
  command->add_option("--sizes", options->sizes, "Bytes of requests (default: 0,128,4096,65536)")
      ->delimiter(',')
      ->check(CLI::Range(0U, HIVE_RPC_MAX_PAYLOAD));
  command->callback([&session, options] { bench(session, *options); });
}

}  // namespace hive::ctl
