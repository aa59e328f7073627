// What a VMM shows its monitor of its guest, all the time: a page that both have mapped.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace hive::cell {

/// How one vCPU does. Written by its thread alone, read at any time.
struct alignas(64) VcpuProgress {
  std::atomic<std::uint64_t> exits;  ///< How often it has left the guest for the VMM.
  std::atomic<std::uint64_t> looks;  ///< How often it was looked at (Command::kLook).
  std::atomic<std::uint64_t> rip;    ///< As the last look found it, as is what follows.
  std::atomic<std::uint32_t> flags;  ///< kMasked, kUser.
  std::atomic<std::int32_t> thread;  ///< The kernel's number of its thread; 0: not started.

  static constexpr std::uint32_t kMasked = 1;  ///< Interrupts are off (RFLAGS.IF).
  static constexpr std::uint32_t kUser = 2;    ///< It runs a program, not the kernel (CPL 3).
};
static_assert(sizeof(VcpuProgress) == 64 && std::atomic<std::uint64_t>::is_always_lock_free);

/// Its reader takes nothing in it for granted: the VMM may be wrong.
struct Progress {
  static constexpr std::size_t kMaxVcpus = 64;
  /// Size of the file that holds it (memory::make_shared_file()).
  static constexpr std::size_t kBytes = 8192;

  /// 1 while the guest has the agent's port open.
  alignas(64) std::atomic<std::uint32_t> agent_open;
  std::array<VcpuProgress, kMaxVcpus> vcpus;
};
static_assert(sizeof(Progress) <= Progress::kBytes && std::is_trivially_destructible_v<Progress>);

/// A mapping of a Progress, zeros at first.
class ProgressPage {
 public:
  /// Maps FILE, of Progress::kBytes, which may be closed then; -1: memory of this process's own.
  /// Throws Error.
  explicit ProgressPage(int file);
  ProgressPage(const ProgressPage&) = delete;
  ProgressPage& operator=(const ProgressPage&) = delete;
  ~ProgressPage();

  [[nodiscard]] Progress& operator*() const { return *progress_; }
  [[nodiscard]] Progress* operator->() const { return progress_; }

 private:
  Progress* progress_;
};

}  // namespace hive::cell
