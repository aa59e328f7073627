// Requests to the monitors, by the device's registers.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

#include "guests/abi/global_memory.h"
#include "guests/sdk/backoff.h"
#include "guests/sdk/registers.h"
#include "guests/sdk/result.h"
#include "guests/sdk/turn.h"

namespace hive::sdk {

/// Makes one request at a time, in turn with the other threads and, by flock(), with the other
/// programs of this guest. Thread-safe.
class CommandChannel {
 public:
  /// LOCK is the descriptor of the file that the registers are mapped from; whoever made the
  /// channel owns it.
  CommandChannel(Registers registers, int lock, std::chrono::milliseconds deadline);

  /// Submits REQUEST, under a tag of its own, and waits for the reply until the deadline. A refusal
  /// is a failure with its status and message, which is safe to print.
  Result<hive_global_reply> ask(hive_global_request request);
  /// Does WORK while no other thread or program of this guest makes a request or does such work.
  /// HIVE_DEADLINE at END, or at the deadline of requests where that is earlier.
  Result<Done> exclude(const std::function<void()>& work, Clock::time_point end);

 private:
  Result<Done> lock_until(Clock::time_point end);
  Result<Done> await_quiet(Clock::time_point end) const;
  Result<Done> await_answer(std::uint64_t tag, Clock::time_point end) const;

  Registers registers_;
  int lock_;
  std::chrono::milliseconds deadline_;
  Turn turn_;
  std::uint64_t next_tag_;
};

/// REPLY's failure, or the reply with its texts made safe: `name` ends in a NUL.
Result<hive_global_reply> check_reply(hive_global_reply reply);

}  // namespace hive::sdk
