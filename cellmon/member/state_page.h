// What a cell's monitor publishes of it, for the other monitors of the machine to read at any time.
#pragma once

#include <cstdint>
#include <optional>

#include "guests/abi/state_page.h"
#include "guests/abi/state_reading.h"
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

/// What the guest's agent has said last of its memory. Its total is 0 where there is no agent,
/// where its port is closed, and where the last that it said can not be. What an agent said that
/// has fallen silent since stays, which `GuestFigures::beat` tells.
using MemoryFigures = hive_agent_load;
/// What the cell has of the machine. Its time is set when it is published.
using Shares = hive_state_shares;
/// Sections of the cell's that may be moved, and those that it uses. Their times are set when they
/// are published.
using Sections = hive_state_sections;
using Uses = hive_state_uses;

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

  void beat() { state_page::store(page_->heartbeat, ++beats_); }
  void set_incarnation(Incarnation incarnation) {
    state_page::store(page_->incarnation, incarnation);
  }
  void set_epoch(std::uint64_t epoch) { state_page::store(page_->epoch, epoch); }
  /// NOW is of the host's monotonic clock, in nanoseconds.
  void set_guest(const GuestFigures& figures, std::uint64_t now);
  void set_memory(const MemoryFigures& figures, std::uint64_t now);
  void set_shares(Shares shares, std::uint64_t now);
  void set_sections(Sections sections, std::uint64_t now);
  void set_uses(Uses uses, std::uint64_t now);

 private:
  UniqueFd file_;
  hive_state_page* page_;
  std::uint64_t beats_ = 0;
};

/// Another cell's page.
class PeerPage {
 public:
  using Sample = StateReading;

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
  const hive_state_page* page_;
  CellId cell_;
};

}  // namespace hive::member
