// How a thread sleeps until a doorbell rings.
#pragma once

#include <cstdint>
#include <memory>

#include "guests/sdk/backoff.h"

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
  virtual void forget() = 0;
  /// Lets the next interrupt through, and one that is pending at once: the handler has masked them
  /// with the last one. False where that cannot be done.
  virtual bool enable() = 0;
  /// Until END, or until there was an interrupt since forget(): at once where there was.
  virtual void wait_until(Clock::time_point end) = 0;
  /// For those who wait for other things too: readable (poll(2)) where there was an interrupt since
  /// forget().
  [[nodiscard]] virtual int descriptor() const = 0;
};

/// This cell's doorbell and those of others. Thread-safe.
class Bell {
 public:
  Bell() = default;
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;
  virtual ~Bell() = default;

  /// Null where this process cannot be told of interrupts.
  virtual std::unique_ptr<Listener> listen() = 0;
  /// Wakes those who wait in CELL, which may be this one.
  virtual void ring(std::uint32_t cell) = 0;
};

}  // namespace hive::sdk
