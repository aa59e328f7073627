// Calls whose outcome goes to a callback: a thread waits for them.
#include <algorithm>

#include "guests/sdk/rpc/client_core.h"

namespace hive::rpc {

void ClientCore::begin_with_callback(std::unique_ptr<PendingCall> call, ByteView request) {
  const std::uint32_t checksum = payload_checksum(request);
  Lock lock(mutex_);
  start_driver();
  Outcome outcome = send(lock, *call, request, checksum);
  if (outcome.ok()) {
    with_callback_.push_back(std::move(call));
    if (leading_ && connection_) connection_->link->wake();  // It may not know of this deadline.
  } else {
    finish(*call, std::move(outcome));
    finished_.push_back(std::move(call));
  }
  driver_turn_.notify_one();
  hand_over();
}

void ClientCore::start_driver() {
  if (!driver_.joinable() && !closed_) driver_ = std::thread([this] { drive(); });
}

void ClientCore::drive() {
  Lock lock(mutex_);
  for (;;) {
    const Clock::time_point end = expire_callbacks();
    if (!finished_.empty()) {
      run_callbacks(lock);
    } else if (closed_) {
      return;
    } else if (with_callback_.empty() || !connection_) {
      hand_over();
      driver_turn_.wait(lock);
    } else {
      pump(lock, driver_turn_, end);
    }
  }
}

void ClientCore::run_callbacks(Lock& lock) {
  std::vector<std::unique_ptr<PendingCall>> ready;
  ready.swap(finished_);
  hand_over();
  lock.unlock();
  for (const auto& call : ready) call->callback(call->outcome, call->reply);
  ready.clear();
  lock.lock();
}

/// Ends those whose time is over; the earliest deadline of the rest.
Clock::time_point ClientCore::expire_callbacks() {
  const Clock::time_point now = Clock::now();
  Clock::time_point earliest = Clock::time_point::max();
  for (std::size_t i = with_callback_.size(); i-- > 0;) {
    PendingCall& call = *with_callback_[i];
    if (call.end > now) {
      earliest = std::min(earliest, call.end);
    } else {
      expire(call);
      finish(call, {HIVE_DEADLINE, 0, "no reply in time"});
    }
  }
  return earliest;
}

void ClientCore::close() {
  Lock lock(mutex_);
  closed_ = true;
  const Outcome outcome{HIVE_CANCELLED, 0, "the client is closed"};
  if (connection_) end_connection(std::shared_ptr<Connection>(connection_), outcome);
  connected_.notify_all();
  driver_turn_.notify_one();
  lock.unlock();
  if (driver_.joinable()) driver_.join();
}

}  // namespace hive::rpc
