// How a thread sleeps until a doorbell rings.
#pragma once

#include <cstdint>
#include <memory>

#include "guests/sdk/backoff.h"
#include "guests/sdk/result.h"

namespace hive::sdk {

/// One party that is told of this cell's interrupts, as each open file of a UIO device is. Used by
/// one thread at a time.
class Listener {
 public:
  Listener() = default;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  virtual ~Listener() = default;

  /// Interrupts that came before do not end wait_until().
  void forget() {
    if (forget_interrupts()) unsure_since_ = Clock::now();
  }
  /// How long to sleep at most where that is USUAL once nothing can be lost any more: what rings
  /// before the end of an interrupt that was forgotten may never come. So 1 ms at first, and then
  /// as long as it has been since.
  [[nodiscard]] Clock::duration longest_sleep(Clock::duration usual) const;
  /// Lets the next interrupt through, and one that is pending at once: the handler has masked them
  /// with the last one. False where that cannot be done.
  virtual bool enable() = 0;
  /// Until END, or until there was an interrupt since forget(): at once where there was.
  virtual void wait_until(Clock::time_point end) = 0;
  /// For those who wait for other things too: readable (poll(2)) where there was an interrupt since
  /// forget().
  [[nodiscard]] virtual int descriptor() const = 0;

 protected:
  /// Whether one was forgotten before whose end what rings is lost.
  virtual bool forget_interrupts() = 0;

 private:
  Clock::time_point unsure_since_;  ///< When such a one was last forgotten.
};

/// This cell's doorbell and those of others. Thread-safe.
class Bell {
 public:
  Bell() = default;
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;
  virtual ~Bell() = default;

  /// By one thread at a time. HIVE_DEADLINE: there was none by END; ask again. Else this process
  /// cannot be told of interrupts.
  virtual Result<std::unique_ptr<Listener>> listen(Clock::time_point end) = 0;
  /// Wakes those who wait in CELL, which may be this one.
  virtual void ring(std::uint32_t cell) = 0;
};

}  // namespace hive::sdk
