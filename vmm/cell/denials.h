// Makes writes fail that homes' monitors do not allow.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "vmm/base/unique_fd.h"
#include "vmm/memory/denial.h"
#include "vmm/memory/global_window.h"

namespace hive::cell {

/// A write to global memory that waits in the kernel can only go on or fail as a system call does
/// on a page that its process may not write. So a denied write is made to fail: the page is made
/// unwritable to this process, its writers try again and fail, and the page is as before once the
/// thread that was meant has said so. Another thread that fails meanwhile just tries again.
///
/// Thread-safe, but for construction, start() and destruction.
class Denials {
 public:
  using Clock = std::chrono::steady_clock;
  /// Gets a thread out of the guest, if it is there, so that it calls excuse().
  using Kick = std::function<void()>;

  /// How long a thread that nobody enrolled has to fail, and the vCPU on whose behalf it wrote to
  /// be scheduled and try again itself. Afterwards the denial is moot.
  static constexpr std::chrono::milliseconds kKernelPatience{50};

  explicit Denials(memory::GlobalWindow& window,
                   std::chrono::milliseconds kernel_patience = kKernelPatience)
      : window_(window), kernel_patience_(kernel_patience) {}
  Denials(const Denials&) = delete;
  Denials& operator=(const Denials&) = delete;
  ~Denials();

  /// Makes the socket to HOME's monitor and returns the monitor's end. Before start(). Throws
  /// Error.
  UniqueFd connect(unsigned home);
  /// Starts to serve the sockets, on a thread of its own. Throws Error.
  void start();

  /// The calling thread will write to global memory and answer for it.
  void enrol(Kick kick);
  /// The calling thread will not any more.
  void leave();

  /// For an enrolled thread whose write failed: the page (an offset within the window) where that
  /// was denied to it, or nothing, when it should try again. VCPU and RIP go into the answer.
  std::optional<std::uint64_t> claim(std::int32_t vcpu, std::uint64_t rip);
  /// The same for a vCPU's thread whose guest KVM could not go on with, where claim() knows of
  /// nothing: KVM may have written on its behalf from a thread of the kernel's own (an asynchronous
  /// page fault), which nobody enrols. A page is denied to the cell as a whole, so whichever vCPU
  /// fails while such a denial stands has written where the cell may not.
  std::optional<std::uint64_t> claim_for_kernel(std::int32_t vcpu, std::uint64_t rip);
  /// For an enrolled thread that is not writing: denials that still stand against it are moot.
  void excuse();

  /// Makes all writes to foreign pages fail, those that wait too, until let_go_on(): a thread that
  /// waits for a home cannot be got out of the kernel otherwise, not by a signal either. Several
  /// threads may ask for it; it ends with the last.
  void stop_all();
  void let_go_on();
  /// The calling thread is about to write RANGE of the window. Where it is still at that after
  /// LIMIT, its write fails, and it is kicked if it is enrolled. end_limit() comes before the next.
  void limit(const Range& range, std::chrono::milliseconds limit);
  /// Whether the calling thread's limit has passed; ends it.
  bool end_limit();
  /// A mark in time, for disturbed_since().
  [[nodiscard]] std::uint64_t now();
  /// Whether writes may have failed since MARK that no home has denied to their thread.
  [[nodiscard]] bool disturbed_since(std::uint64_t mark);

 private:
  struct Channel {
    unsigned home = 0;
    UniqueFd socket;
  };
  struct Standing {
    std::size_t channel = 0;
    std::uint64_t sequence = 0;
    std::uint64_t offset = 0;  ///< Of the page within the window.
    pid_t thread = 0;
    Clock::time_point patience;  ///< When the thread is asked, or given up if nobody knows it.
  };
  struct Limit {
    Range range;  ///< Whole pages.
    Clock::time_point end;
    bool passed = false;
  };

  void serve();
  void receive(std::size_t channel);
  void deny(std::size_t channel, const memory::Denial& denial);
  void press();
  void check_limits();
  /// Has the timer expire at the first limit that has not passed. With the lock held.
  void set_timer();
  [[nodiscard]] Range everything() const { return {0, window_.size()}; }
  /// Makes RANGE fail; or writable again but for what denials stand for. With the lock held.
  void stop(const Range& range);
  void restore(const Range& range);
  [[nodiscard]] int poll_timeout();
  /// Ends the one at PLACE: with the last one at its page the page is writable again. Then answers.
  void settle(std::size_t place, memory::DenialAnswer answer);

  memory::GlobalWindow& window_;
  const std::chrono::milliseconds kernel_patience_;
  std::vector<Channel> channels_;
  UniqueFd stop_;
  UniqueFd timer_;  ///< Expires with the next limit.
  std::mutex mutex_;
  std::map<pid_t, Kick> enrolled_;  ///< Guarded by mutex_.
  std::vector<Standing> standing_;  ///< Guarded by mutex_. In the order in which they came.
  std::uint64_t changes_ = 0;      ///< Guarded by mutex_. How often pages were stopped or restored.
  unsigned all_stopped_ = 0;       ///< Guarded by mutex_. How many have asked for it.
  std::map<pid_t, Limit> limits_;  ///< Guarded by mutex_. Of each thread that has one.
  std::thread thread_;
};

}  // namespace hive::cell
