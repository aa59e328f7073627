// What a VMM shows its monitor of its guest, all the time: memory that both have mapped.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "vmm/device/virtio/block_counters.h"

namespace hive::cell {

/// Why vCPUs leave the guest, as it is counted.
enum class ExitKind : std::uint8_t {
  kPortRead,
  kPortWrite,
  kMmioRead,
  kMmioWrite,
  kInterrupted,  ///< By a signal: a pause, a look.
  kFirewall,     ///< A write to global memory that was stopped, or must be finished by the VMM.
  kShutdown,     ///< A triple fault.
  kOther,
};
inline constexpr std::size_t kExitKinds = 8;

/// As a metric's label.
std::string_view to_string(ExitKind kind);

/// Exits of one kind.
struct ExitCount {
  std::atomic<std::uint64_t> count;
  std::atomic<std::uint64_t> ticks;  ///< Of the host's TSC, from leaving the guest to going back;
                                     ///< pauses in between are not in it.
};

/// How one vCPU does. Written by its thread alone, read at any time.
struct alignas(64) VcpuProgress {
  std::atomic<std::uint64_t> exits;  ///< How often it has left the guest for the VMM.
  std::atomic<std::uint64_t> looks;  ///< How often it was looked at (Command::kLook).
  std::atomic<std::uint64_t> rip;    ///< As the last look found it, as is what follows.
  /// How often it has executed HLT, if KVM counts that.
  std::atomic<std::uint64_t> halts;
  std::atomic<std::uint32_t> flags;  ///< kMasked, kUser, kUnstarted, kHalted.
  std::atomic<std::int32_t> thread;  ///< The kernel's number of its thread; 0: not started.
  alignas(64) std::array<ExitCount, kExitKinds> kinds;

  static constexpr std::uint32_t kMasked = 1;     ///< Interrupts are off (RFLAGS.IF).
  static constexpr std::uint32_t kUser = 2;       ///< It runs a program, not the kernel (CPL 3).
  static constexpr std::uint32_t kUnstarted = 4;  ///< The guest has not started it.
  static constexpr std::uint32_t kHalted = 8;     ///< It is in a HLT.

  /// An exit of KIND took TICKS. For the vCPU's own thread.
  void note(ExitKind kind, std::uint64_t ticks) noexcept {
    ExitCount& one = kinds[static_cast<std::size_t>(kind)];
    one.count.store(one.count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    note_more(kind, ticks);
  }
  /// An exit of KIND that was noted already took TICKS more. For the vCPU's own thread.
  void note_more(ExitKind kind, std::uint64_t ticks) noexcept {
    ExitCount& one = kinds[static_cast<std::size_t>(kind)];
    one.ticks.store(one.ticks.load(std::memory_order_relaxed) + ticks, std::memory_order_relaxed);
  }
};
static_assert(sizeof(VcpuProgress) == 192 && std::atomic<std::uint64_t>::is_always_lock_free);

/// What the devices do.
struct alignas(64) DeviceProgress {
  /// Interrupts that this VMM's devices raised; doorbells of other cells do not come by here.
  std::atomic<std::uint64_t> interrupts;
  /// Pages of 4 KiB that the guest has in its balloon.
  std::atomic<std::uint64_t> balloon_pages;
  /// Bytes of spare memory that the guest has plugged in, or out but the host could not take.
  std::atomic<std::uint64_t> plugged_bytes;
  /// What the guest is to have in its balloon, in pages, and plugged in, in bytes, since the VMM
  /// was told so last. They are written after the devices have them: what the guest has follows.
  std::atomic<std::uint64_t> balloon_target;
  std::atomic<std::uint64_t> plug_target;
  alignas(64) device::BlockCounters block;
};

/// One of KVM's statistics, of the VM or of all vCPUs together.
struct alignas(64) KvmStatistic {
  static constexpr std::size_t kMaxName = 48;

  std::array<std::atomic<std::uint64_t>, kMaxName / 8> name;  ///< Text, filled up with zeros.
  std::atomic<std::uint64_t> value;                           ///< As it was when last asked for.
  std::atomic<std::uint32_t> flags;                           ///< 0: none is here.

  static constexpr std::uint32_t kIsThere = 1;
  static constexpr std::uint32_t kOfVcpus = 2;  ///< Else of the VM.
  static constexpr std::uint32_t kGrows = 4;    ///< A count; else a level.
};
static_assert(sizeof(KvmStatistic) == 64);

/// Its reader takes nothing in it for granted: the VMM may be wrong.
struct Progress {
  static constexpr std::size_t kMaxVcpus = 64;
  static constexpr std::size_t kMaxStatistics = 128;
  /// Size of the file that holds it (memory::make_shared_file()).
  static constexpr std::size_t kBytes = 24576;

  /// 1 while the guest has the agent's port open.
  alignas(64) std::atomic<std::uint32_t> agent_open;
  DeviceProgress devices;
  std::array<KvmStatistic, kMaxStatistics> statistics;  ///< The first of them are there.
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
