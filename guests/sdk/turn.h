// One thread at a time, with a deadline.
#pragma once

#include <condition_variable>
#include <mutex>

#include "guests/sdk/backoff.h"

namespace hive::sdk {

/// One thread at a time has it. A mutex with a deadline, which ThreadSanitizer knows.
class Turn {
 public:
  /// False: END passed first.
  bool take_until(Clock::time_point end);
  void give_back();

 private:
  std::mutex mutex_;
  std::condition_variable free_;
  bool taken_ = false;
};

/// Gives a turn that was taken back at the end of the scope.
class TurnTaken {
 public:
  explicit TurnTaken(Turn& turn) : turn_(turn) {}
  TurnTaken(const TurnTaken&) = delete;
  TurnTaken& operator=(const TurnTaken&) = delete;
  ~TurnTaken() { turn_.give_back(); }

 private:
  Turn& turn_;
};

}  // namespace hive::sdk
