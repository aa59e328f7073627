#include "guests/sdk/rpc/client.h"

#include <algorithm>
#include <thread>

#include "guests/sdk/rpc/client_core.h"
#include "guests/sdk/rpc/memory_connector.h"
#include "guests/sdk/rpc/monitor_client.h"

namespace hive::rpc {
namespace {

constexpr std::chrono::nanoseconds kLongest = std::chrono::hours(24);
constexpr std::chrono::milliseconds kLongestPause{100};  ///< Between attempts.

void set_times(PendingCall& call, Clock::time_point start, std::chrono::nanoseconds timeout) {
  call.start = start;
  call.end = call.start + std::clamp(timeout, std::chrono::nanoseconds(0), kLongest);
}

/// Whether another attempt may come to something else than STATUS.
bool may_change(hive_status status, unsigned attempt) {
  switch (status) {
    case HIVE_RESET:
    case HIVE_PEER_FAILED:
    case HIVE_BAD_REPLY:
    case HIVE_BUSY:
      return true;
    case HIVE_REFUSED:
      return attempt > 0;  // There was a service, which may be starting again.
    default:
      return false;
  }
}

}  // namespace

Call::Call(std::shared_ptr<ClientCore> core, std::unique_ptr<PendingCall> pending)
    : core_(std::move(core)), pending_(std::move(pending)) {}

Call::Call(Call&&) noexcept = default;

Call& Call::operator=(Call&& other) noexcept {
  if (this == &other) return *this;
  if (pending_) core_->cancel(*pending_, "dropped");
  core_ = std::move(other.core_);
  pending_ = std::move(other.pending_);
  return *this;
}

Call::~Call() {
  if (pending_) core_->cancel(*pending_, "dropped");
}

Outcome Call::wait(Bytes& reply) {
  core_->wait(*pending_);
  std::swap(reply, pending_->reply);
  pending_->reply.clear();
  return pending_->outcome;
}

bool Call::poll() { return core_->poll(*pending_); }

void Call::cancel() { core_->cancel(*pending_, "cancelled by the caller"); }

Client::Client(ClientOptions options, std::shared_ptr<Connector> connector)
    : core_(std::make_shared<ClientCore>(std::move(options), std::move(connector))) {}

Client::~Client() { core_->close(); }

sdk::Result<std::unique_ptr<Client>> Client::open(const std::string& cell,
                                                  const std::string& service, Clock::time_point end,
                                                  Path path) {
  if (!is_service_name(service)) {
    return sdk::Failure{HIVE_BAD_NAME, "\"" + service + "\" is no name of a service"};
  }
  auto monitor = std::make_shared<MonitorClient>();
  const auto cid = resolve_cell(cell, *monitor, end);
  if (!cid.ok()) return cid.failure();
  ClientOptions options;
  options.service = service;
  options.own = own_identity(*monitor, end);
  options.monitor = std::move(monitor);
  const Address address{cid.value(), hive_rpc_port(service.c_str()), {}};
  options.path = path;
  auto connector = make_connector(address, path, end);
  if (!connector.ok()) return connector.failure();
  return std::make_unique<Client>(std::move(options), std::move(connector).value());
}

Outcome Client::call(std::uint32_t method, ByteView request, Bytes& reply,
                     const CallOptions& options) {
  const Clock::time_point start = Clock::now();
  for (unsigned attempt = 0;; ++attempt) {
    PendingCall call;
    call.method = method;
    set_times(call, start, options.timeout);
    std::swap(call.reply, reply);
    core_->begin(call, request);
    core_->wait(call);
    std::swap(call.reply, reply);
    if (call.outcome.ok()) return std::move(call.outcome);
    reply.clear();
    if (!options.idempotent || !may_change(call.outcome.status, attempt)) {
      return std::move(call.outcome);
    }
    const auto pause =
        std::min(kLongestPause, std::chrono::milliseconds(1U << std::min(attempt, 7U)));
    if (Clock::now() + pause >= call.end) return std::move(call.outcome);
    std::this_thread::sleep_for(pause);
  }
}

Call Client::start(std::uint32_t method, ByteView request, const CallOptions& options) {
  auto pending = std::make_unique<PendingCall>();
  pending->method = method;
  set_times(*pending, Clock::now(), options.timeout);
  core_->begin(*pending, request);
  return {core_, std::move(pending)};
}

void Client::start(std::uint32_t method, ByteView request, const CallOptions& options,
                   Callback callback) {
  auto pending = std::make_unique<PendingCall>();
  pending->method = method;
  pending->callback = std::move(callback);
  set_times(*pending, Clock::now(), options.timeout);
  core_->begin_with_callback(std::move(pending), request);
}

Outcome Client::ping(std::chrono::nanoseconds timeout) {
  Bytes reply;
  return call(HIVE_RPC_PING, {}, reply, {timeout, true});
}

ClientCounters Client::counters() const { return core_->counters(); }

Identity Client::peer() const { return core_->peer(); }

bool Client::is_in_memory() const { return core_->is_in_memory(); }

}  // namespace hive::rpc
