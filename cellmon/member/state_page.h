// What a cell's monitor publishes of it, for the other monitors of the machine to read at any time.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "guests/abi/agent_protocol.h"
#include "vmm/base/ids.h"
#include "vmm/base/unique_fd.h"

namespace hive::member {

/// How the guest of the VMM that runs does. All of them grow from 0 with each VMM.
struct GuestFigures {
  std::uint64_t beat = 0;    ///< How often its agent has answered the monitor.
  std::uint64_t exits = 0;   ///< How often its vCPUs have left it for the VMM.
  std::uint64_t ran = 0;     ///< CPU time of all vCPUs, in nanoseconds.
  std::uint64_t waited = 0;  ///< Nanoseconds for which they were ready to run and had no CPU.

  friend bool operator==(const GuestFigures&, const GuestFigures&) = default;
};

/// What the guest's agent has said last of its memory, and not later than `GuestFigures::beat` last
/// grew. Its total is 0 where there is no agent that has said anything.
using MemoryFigures = hive_agent_load;
/// The same, member by member.
using MemoryWords = std::array<std::uint64_t, sizeof(MemoryFigures) / sizeof(std::uint64_t)>;

/// A page that one process writes and others map read-only, in the host's byte order. What it holds
/// is checked by who reads it: its writer may be wrong.
struct StatePage {
  static constexpr std::uint64_t kMagic = 0x6567'6150'6576'6948;  ///< "HivePage"
  static constexpr std::uint32_t kVersion = 3;
  static constexpr std::size_t kBytes = 4096;

  std::uint64_t magic = 0;
  std::uint32_t version = 0;
  std::uint32_t cell = 0;
  /// Advances again and again while the monitor's loop runs.
  std::atomic<std::uint64_t> heartbeat;
  std::atomic<std::uint64_t> incarnation;  ///< Of the VMM that runs; 0: none.
  std::atomic<std::uint64_t> epoch;        ///< Of the view that the monitor knows.
  // See GuestFigures.
  std::atomic<std::uint64_t> guest_beat;
  std::atomic<std::uint64_t> guest_exits;
  std::atomic<std::uint64_t> guest_ran;
  std::atomic<std::uint64_t> guest_waited;
  /// Odd while `memory` is being written, and another number after each time.
  std::atomic<std::uint64_t> memory_turn;
  std::array<std::atomic<std::uint64_t>, std::tuple_size_v<MemoryWords>> memory;
  std::array<std::uint64_t, 490> reserved;  ///< 0.
};

static_assert(sizeof(StatePage) == StatePage::kBytes && offsetof(StatePage, heartbeat) == 16 &&
              offsetof(StatePage, incarnation) == 24 && offsetof(StatePage, epoch) == 32 &&
              offsetof(StatePage, guest_beat) == 40 && offsetof(StatePage, memory_turn) == 72 &&
              offsetof(StatePage, reserved) == 176);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

/// The page of this process's cell.
class OwnPage {
 public:
  /// Throws Error.
  explicit OwnPage(CellId cell);
  OwnPage(const OwnPage&) = delete;
  OwnPage& operator=(const OwnPage&) = delete;
  OwnPage(OwnPage&&) = delete;
  OwnPage& operator=(OwnPage&&) = delete;
  ~OwnPage();

  /// For the others: nobody can map it writable any more.
  [[nodiscard]] int file() const { return file_.get(); }

  void beat() { page_->heartbeat.fetch_add(1, std::memory_order_release); }
  void set_incarnation(Incarnation incarnation) { page_->incarnation.store(incarnation); }
  void set_epoch(std::uint64_t epoch) { page_->epoch.store(epoch); }
  void set_guest(const GuestFigures& figures);
  void set_memory(const MemoryFigures& figures);

 private:
  UniqueFd file_;
  StatePage* page_;
};

/// Another cell's page.
class PeerPage {
 public:
  struct Sample {
    std::uint64_t heartbeat = 0;
    Incarnation incarnation = 0;
    std::uint64_t epoch = 0;
    GuestFigures guest;
    /// Nothing where the writer was at it each time that this looked.
    std::optional<MemoryFigures> memory;
  };

  /// Whether FILE can be mapped, and cannot be cut afterwards.
  static bool is_page(int file);
  /// FILE is_page(). Throws Error when it cannot be mapped all the same.
  PeerPage(int file, CellId cell);
  PeerPage(const PeerPage&) = delete;
  PeerPage& operator=(const PeerPage&) = delete;
  PeerPage(PeerPage&&) = delete;
  PeerPage& operator=(PeerPage&&) = delete;
  ~PeerPage();

  /// What it says now; nothing when it is not that cell's page.
  [[nodiscard]] std::optional<Sample> read() const;

 private:
  [[nodiscard]] std::optional<MemoryFigures> read_memory() const;

  const StatePage* page_;
  CellId cell_;
};

}  // namespace hive::member
