// Calls whose outcome goes to a callback: a thread waits for them.
#include <algorithm>
#include <new>
#include <system_error>

#include "guests/sdk/rpc/client_core.h"

namespace hive::rpc {

void ClientCore::begin_with_callback(std::unique_ptr<PendingCall> call, ByteView request) {
  const std::uint32_t checksum = payload_checksum(request);
  Lock lock(mutex_);
  Outcome outcome = start_driver();
  if (outcome.ok()) outcome = send(lock, *call, request, checksum);
  if (!outcome.ok()) finish(*call, std::move(outcome));
  keep(call);
  hand_over();
  lock.unlock();
  if (call) call->callback(call->outcome, call->reply);
}

/// Hands CALL to the driver, whether it is done or not. Where that cannot be, CALL is done and
/// stays the caller's.
void ClientCore::keep(std::unique_ptr<PendingCall>& call) {
  if (!driver_.joinable()) return;
  try {
    // So that finish() need not.
    finished_.reserve(finished_.size() + with_callback_.size() + 1);
    (call->done ? finished_ : with_callback_).push_back(std::move(call));
  } catch (const std::bad_alloc&) {
    if (!call->done) tell_server(*call);
    finish(*call, make_outcome(HIVE_OUT_OF_MEMORY, "no memory for a call"));
    return;
  }
  if (leading_ && connection_) connection_->link->wake();  // It may not know of this deadline.
  driver_turn_.notify_one();
}

Outcome ClientCore::start_driver() {
  if (driver_.joinable() || closed_) return {};
  try {
    driver_ = std::thread([this] { drive(); });
    return {};
  } catch (const std::system_error&) {
    return make_outcome(HIVE_SYSTEM, "no thread for callbacks is to be had");
  } catch (const std::bad_alloc&) {
    return make_outcome(HIVE_OUT_OF_MEMORY, "no memory for a thread");
  }
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
  try {
    ready.reserve(finished_.size() + with_callback_.size());  // For finish().
  } catch (const std::bad_alloc&) {
    driver_turn_.wait_for(lock, kShortOfMemory);
    return;
  }
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
      finish(call, make_outcome(HIVE_DEADLINE, "no reply in time"));
    }
  }
  return earliest;
}

void ClientCore::close() {
  Lock lock(mutex_);
  closed_ = true;
  const Outcome outcome = make_outcome(HIVE_CANCELLED, "the client is closed");
  if (connection_) end_connection(std::shared_ptr<Connection>(connection_), outcome);
  connected_.notify_all();
  driver_turn_.notify_one();
  lock.unlock();
  if (driver_.joinable()) driver_.join();
}

}  // namespace hive::rpc
