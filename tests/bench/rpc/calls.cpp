#include "tests/bench/rpc/calls.h"

#include <unistd.h>

#include <deque>
#include <stdexcept>

#include "guests/sdk/rpc/client.h"
#include "guests/sdk/rpc/server.h"

namespace hive::bench {
namespace {

constexpr const char* kService = "bench";
constexpr std::uint32_t kEcho = 1, kTake = 2;  // Methods: replies with the request, with nothing.
constexpr std::size_t kUnderWay = 8;           // Calls of a stream; as slots have it.
constexpr rpc::CallOptions kOptions{std::chrono::seconds(60), false};

void expect(const rpc::Outcome& outcome) {
  if (!outcome.ok()) throw std::runtime_error("the call fails: " + outcome.message);
}

void stream(rpc::Client& client, const rpc::Bytes& request) {
  std::deque<rpc::Call> calls;
  rpc::Bytes reply;
  const auto finish = [&] {
    expect(calls.front().wait(reply));
    calls.pop_front();
  };
  for (std::size_t sent = 0; sent < kStreamed; sent += request.size()) {
    if (calls.size() == kUnderWay) finish();
    calls.push_back(client.start(kTake, request, kOptions));
  }
  while (!calls.empty()) finish();
}

}  // namespace

void serve_calls() {
  rpc::ServerOptions options;
  options.service = kService;
  options.workers = 0;
  const auto server = rpc::Server::open(
      options,
      [](const rpc::Request& request, rpc::Bytes& reply) -> std::optional<rpc::HandlerError> {
        if (request.method == kEcho) reply.assign(request.payload.begin(), request.payload.end());
        return std::nullopt;
      });
  if (!server.ok()) throw std::runtime_error("no server: " + server.failure().message);
  tell_that_it_serves();
  for (;;) ::pause();
}

void call_service(const std::string& cell, rpc::Path path, const Task& task) {
  const auto end = rpc::Clock::now() + std::chrono::seconds(60);
  const auto opened = rpc::Client::open(cell, kService, end, path);
  if (!opened.ok()) throw std::runtime_error("no client: " + opened.failure().message);
  rpc::Client& client = *opened.value();
  const rpc::Bytes request(task.size, rpc::Bytes::value_type{'q'});
  rpc::Bytes reply;
  if (task.stream) {
    measure_stream([&] { stream(client, request); });
    return;
  }
  measure_trips(task.count, [&] { expect(client.call(kEcho, request, reply, kOptions)); });
  if (reply != request) throw std::runtime_error("the reply is not the request");
}

}  // namespace hive::bench
