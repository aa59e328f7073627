#include "guests/sdk/rpc/monitor_client.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <new>

namespace hive::rpc {
namespace {

hive_monitor_request question(std::uint32_t cell, std::uint32_t cid) {
  hive_monitor_request request{};
  request.magic = HIVE_MONITOR_MAGIC;
  request.operation = HIVE_MONITOR_CELL;
  request.cell = cell;
  request.cid = cid;
  return request;
}

bool exchange(int socket, const hive_monitor_request& request, hive_monitor_reply& reply,
              Clock::time_point end) {
  return write_all(socket, &request, sizeof request, end) &&
         read_all(socket, &reply, sizeof reply, end) && reply.magic == HIVE_MONITOR_MAGIC;
}

}  // namespace

MonitorClient::MonitorClient(Address service, std::chrono::milliseconds patience)
    : service_(std::move(service)), patience_(patience) {}

MonitorClient::~MonitorClient() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    stop_by_ = Clock::now() + patience_;
  }
  changed_.notify_all();
  if (sender_.joinable()) sender_.join();
}

UniqueFd MonitorClient::connect(Clock::time_point end) {
  {
    const std::lock_guard lock(mutex_);
    if (Clock::now() < pause_until_) return {};
  }
  const Clock::time_point start = Clock::now();
  auto socket = connect_to(service_, end);
  if (socket.ok()) return std::move(socket).value();
  // In less time the service may just not have come to it.
  if (end < start + kTellingTime) return {};
  const std::lock_guard lock(mutex_);
  pause_until_ = Clock::now() + kPause;
  return {};
}

std::optional<CellState> MonitorClient::ask(const hive_monitor_request& request,
                                            Clock::time_point end) {
  const Clock::time_point by = std::min(end, Clock::now() + patience_);
  const UniqueFd socket = connect(by);
  hive_monitor_reply reply{};
  if (!socket || !exchange(socket.get(), request, reply, by)) return std::nullopt;
  if (reply.status != HIVE_MONITOR_OK) return std::nullopt;
  const bool is_asked = request.cid != 0 ? reply.cid == request.cid : reply.cell == request.cell;
  if (!is_asked) return std::nullopt;
  const std::size_t length = ::strnlen(reply.name, sizeof reply.name);
  return CellState{reply.cell,        reply.cid, reply.alive == 1,
                   reply.incarnation, reply.own, std::string(reply.name, length)};
}

std::optional<CellState> MonitorClient::cell(std::uint32_t cell, Clock::time_point end) {
  return ask(question(cell, 0), end);
}

std::optional<CellState> MonitorClient::cell_of_cid(std::uint32_t cid, Clock::time_point end) {
  return ask(question(0, cid), end);
}

void MonitorClient::hint(const Suspect& suspect, hive_monitor_hint hint,
                         std::uint64_t detail) noexcept {
  hive_monitor_request request = question(suspect.cell, suspect.cid);
  request.operation = HIVE_MONITOR_HINT;
  request.hint = hint;
  request.incarnation = suspect.incarnation;
  request.detail = detail;
  const std::lock_guard lock(mutex_);
  if (hint_count_ == kMostHints || stopping_) return;
  if (!sender_.joinable()) {
    try {
      sender_ = std::thread([this] { send_hints(); });
    } catch (const std::exception&) {
      return;  // No thread to be had: a hint is not worth more.
    }
  }
  hints_[(first_hint_ + hint_count_++) % kMostHints] = request;
  changed_.notify_one();
}

void MonitorClient::send_hints() {
  UniqueFd socket;
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || hint_count_ > 0; });
    if (stopping_ && (hint_count_ == 0 || Clock::now() >= stop_by_)) return;
    const hive_monitor_request request = hints_[first_hint_];
    first_hint_ = (first_hint_ + 1) % kMostHints;
    --hint_count_;
    lock.unlock();
    try {
      send_hint(socket, request);
    } catch (const std::bad_alloc&) {
      socket.reset();  // The hint is lost: there is no memory for it.
    }
    lock.lock();
  }
}

/// Twice where the connection turns out to be a dead one from before.
void MonitorClient::send_hint(UniqueFd& socket, hive_monitor_request request) {
  for (int attempt = 0; attempt < 2; ++attempt) {
    const bool is_old = socket.valid();
    const Clock::time_point end = Clock::now() + patience_;
    if (!is_old) socket = connect(end);
    if (!socket) return;
    hive_monitor_reply reply{};
    if (request.cid != 0 && exchange(socket.get(), question(0, request.cid), reply, end)) {
      if (reply.status != HIVE_MONITOR_OK) return;
      request.cell = reply.cell;
      request.cid = 0;
    }
    if (request.cid == 0 && exchange(socket.get(), request, reply, end)) return;
    socket.reset();
    if (!is_old) return;
  }
}

}  // namespace hive::rpc
