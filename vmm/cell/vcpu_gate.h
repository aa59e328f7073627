// Stops and starts all vCPUs of a cell together.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <utility>

namespace hive::cell {

/// The gate that every vCPU thread passes before each entry into the guest. Closing it gets all
/// vCPUs out of the guest; once close() has returned true none is inside, and none enters until
/// open().
class VcpuGate {
 public:
  /// KICK_ALL makes every vCPU leave the guest soon; it is called without the gate's lock held.
  explicit VcpuGate(std::function<void()> kick_all) : kick_all_(std::move(kick_all)) {}

  /// A vCPU thread announces that it will pass the gate from now on.
  void join();
  /// A vCPU thread's last call: the gate no longer waits for it.
  void leave();

  /// Cheap test for the vCPU's loop: whether to call wait().
  [[nodiscard]] bool open_now() const { return open_.load(); }
  /// Called by a vCPU thread outside the guest: blocks while the gate is closed, or HELD, where
  /// given, is true. False when the vCPU must end.
  [[nodiscard]] bool wait(const std::atomic<bool>* held = nullptr);
  /// Something that a vCPU may wait for as held has changed.
  void tell_held();

  /// Closes the gate and waits until every vCPU is outside the guest, at most for LIMIT. False when
  /// one is still inside then: the gate stays closed all the same.
  [[nodiscard]] bool close(std::chrono::milliseconds limit);
  void open();
  /// Makes wait() return false for all, for good.
  void end();
  /// After end(): waits until every vCPU thread has left, at most for LIMIT. False when one has
  /// not.
  [[nodiscard]] bool await_empty(std::chrono::milliseconds limit);

  /// Called by a vCPU thread outside the guest that must be the only one inside: gets all others
  /// out and keeps them out until end_alone(). False where the gate is not open, for another such
  /// thread or otherwise: the caller passes the gate and tries again. Kicks the caller too.
  [[nodiscard]] bool begin_alone();
  /// Then: waits until all others are outside, at most for LIMIT, and no longer than until the gate
  /// is wanted. Whether they are.
  [[nodiscard]] bool await_others(std::chrono::milliseconds limit);
  /// Whether somebody has asked to close the gate, or to end it, and waits for the one that is
  /// alone.
  [[nodiscard]] bool wanted();
  void end_alone();

 private:
  /// Makes open_ what the rest says, with the lock held, and tells everybody.
  void update();

  std::function<void()> kick_all_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<bool> open_{true};
  bool closed_ = false;   ///< By close(). Guarded by mutex_, as are those that follow.
  bool ended_ = false;    ///< By end().
  bool alone_ = false;    ///< One member is alone.
  unsigned members_ = 0;  ///< vCPU threads between join() and leave().
  unsigned parked_ = 0;   ///< Members inside wait().
};

}  // namespace hive::cell
