// Waiting for words of global memory, and waking those who wait, across cells: a futex over cells.
//
// A thread that is to sleep publishes itself in its own cell's wait table, where other cells can
// read it and only its own can write. Why no wake-up is lost:
//
//   waiter                                     waker
//   1 adds itself to its slot                  a stores the word
//   2 forgets the interrupts so far            b full fence
//   3 enables interrupts                       c looks at each cell's slot
//   4 full fence                               d rings those whose slot is not 0
//   5 looks at the word: over where it changed
//   6 sleeps until an interrupt since 2
//
// 1 and 5 have a fence between them, as a and c have, so either 5 sees a's store or c sees 1's
// addition (Dekker). In the first case the wait is over. In the second the waker rings after 1:
// where the interrupt came before 2, step 5, after it, sees a's store; where it came after 2,
// step 6 ends at once or when it comes. An interrupt that was masked when it rang is pending and
// comes at 3; one that is masked after 3 was masked by the handler of another that came after 2.
//
// But where the pin is always on (HIVE_GLOBAL_PIN_ALWAYS), nothing is masked, and what rings
// between an interrupt and its end adds nothing to it. The handler tells the waiter before that
// end, which another vCPU may be slow to reach: what rings until then, after 2 forgot the
// interrupt, does not come at 6. So a sleep after such a forgetting is short, 1 ms at first, and
// the next ones grow with the time that has passed since (Listener::longest_sleep()): an end that
// takes long costs a wait no more than about as much again.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "guests/sdk/backoff.h"
#include "guests/sdk/events/bell.h"
#include "guests/sdk/events/spin_bound.h"
#include "guests/sdk/events/system_areas.h"
#include "guests/sdk/result.h"
#include "guests/sdk/turn.h"

namespace hive::sdk {

/// The waker's and the waiter's full fence.
void full_fence();

/// One of the waiters for KEY, from now to the end of the scope. AREAS has an own one.
class Published {
 public:
  Published(SystemAreas& areas, const WaitKey& key) : areas_(areas), key_(key) {
    areas_.add_waiter(key_);
  }
  Published(const Published&) = delete;
  Published& operator=(const Published&) = delete;
  ~Published() { areas_.remove_waiter(key_); }

 private:
  SystemAreas& areas_;
  WaitKey key_;
};

/// Thread-safe. Where this cell has no memory of its own, or this process cannot be told of
/// interrupts, waits poll: without a pause at first, in the end every 2 ms.
class Events {
 public:
  /// Looks whether the wait is over, by loads that come after those of the last look.
  using Look = std::function<bool()>;

  /// How long a sleeper does without a look where nobody wakes it and no doorbell can have been
  /// lost: a program may have changed the word and not woken anyone, or have died in between.
  static constexpr std::chrono::milliseconds kLongestSleep{100};

  /// What is to be done before the first sleep, until END. Called again where that is
  /// HIVE_DEADLINE; after any other failure nobody sleeps.
  using Prepare = std::function<Result<Done>(Clock::time_point end)>;

  /// DEVICE outlives the object and does not move.
  Events(const Device& device, std::unique_ptr<Bell> bell, Prepare prepare,
         std::chrono::milliseconds longest_sleep = kLongestSleep);

  /// Waits until LOOK, which is about the word at KEY, says so; false: END passed first.
  bool wait(const WaitKey& key, const Look& look, Clock::time_point end);
  /// Has all who wait for KEY look again. After the word was stored. How many cells were rung.
  unsigned wake(const WaitKey& key);
  /// The same where only CELL waits for KEY.
  void wake_in(std::uint32_t cell, const WaitKey& key);

  [[nodiscard]] SystemAreas& areas() { return areas_; }

  // For those who sleep by themselves, since they wait for other things too. They keep the order of
  // the steps above: forget() and enable() once, then for each word: a Published, the fence, a
  // look. Several words may be published one after the other, as long as nothing is forgotten after
  // the first: an interrupt that counts for any of them comes after step 2. They sleep no longer
  // than the listener says.

  /// A listener for one thread, or null where there is none by END: poll then. The first one may
  /// take long, since a driver is loaded for it.
  std::unique_ptr<Listener> take_listener(Clock::time_point end);
  /// Whether there never will be one.
  [[nodiscard]] bool is_deaf() const { return deaf_; }
  void give_back(std::unique_ptr<Listener> listener);
  [[nodiscard]] std::chrono::milliseconds longest_sleep() const { return longest_sleep_; }

 private:
  static bool poll(const Look& look, Clock::time_point end);
  bool sleep(const WaitKey& key, const Look& look, Clock::time_point end);
  std::unique_ptr<Listener> take_idle();
  std::unique_ptr<Listener> make_listener(Clock::time_point end);

  SystemAreas areas_;
  std::uint32_t cells_;
  std::unique_ptr<Bell> bell_;
  std::chrono::milliseconds longest_sleep_;
  SpinBound spin_bound_;
  std::atomic<bool> deaf_{false};
  Turn making_;      ///< Of who makes a listener.
  Prepare prepare_;  ///< Of who has that turn. Empty once it is done.
  std::mutex mutex_;
  std::vector<std::unique_ptr<Listener>> listeners_;  ///< Idle ones. Guarded by mutex_.
};

}  // namespace hive::sdk
