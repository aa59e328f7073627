// The monitor's part in running Wax, in the cell that does.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cellmon/control/deadline.h"
#include "cellmon/control/members.h"
#include "cellmon/control/wax/incarnations.h"
#include "cellmon/sharing/hint_gate.h"
#include "cellmon/wire/packet_socket.h"
#include "guests/abi/wax.h"
#include "vmm/base/ids.h"
#include "vmm/base/unique_fd.h"
#include "vmm/cell/config.h"

namespace hive::control {

/// Says what Wax's VMM is to be started with, reads what Wax advises, which is hostile, and says
/// when the next incarnation is due. Single-threaded; handlers run from the loop.
class WaxHost {
 public:
  struct Handlers {
    /// A hint of the incarnation that runs for CELL's monitor. Its epoch and incarnation are the
    /// present ones; what else it says is not checked. False when it is lost: nothing that comes
    /// from Wax may cost the link to a monitor.
    std::function<bool(CellId cell, const hive_wax_hint& hint)> pass_on;
    /// The next incarnation is to be started, for reason WHY, in place of the one that runs, if
    /// any.
    std::function<void(const std::string& why)> restart;
    /// Whether the last incarnation has ended by itself.
    std::function<bool()> has_failed;
    /// Whether the guest runs: it is started and nobody holds it.
    std::function<bool()> guest_runs;
    /// For how long its vCPU has been ready and had no CPU, in nanoseconds, since its VMM's start.
    std::function<std::uint64_t()> waited = [] { return 0; };
    /// Whether somebody holds it who has asked for that.
    std::function<bool()> is_paused;
  };

  /// A fault: a guest that takes Wax's place, and advises nonsense as fast as it can.
  struct Rogue {
    bool floods = false;  ///< With one sound hint; else with garbage.
    std::uint64_t seed = 0;

    /// Its command line, and its program beside WAX, the path of Wax's own.
    [[nodiscard]] std::string cmdline() const;
    [[nodiscard]] static std::string program(const std::string& wax);
  };

  /// What has become of what Wax said, since this monitor's start.
  struct Counts {
    std::uint64_t incarnations = 0;
    std::uint64_t rounds = 0;     ///< Of the incarnation that runs, or ran last.
    std::uint64_t hints = 0;      ///< That came.
    std::uint64_t passed_on = 0;  ///< Of those, to the monitors that they are for.
    std::uint64_t stale = 0;      ///< Of another epoch or incarnation.
    std::uint64_t nowhere = 0;    ///< For no cell, or for one whose monitor takes none now.
    std::uint64_t too_many = 0;   ///< More than kHintRate for that cell.
    std::uint64_t dropped = 0;    ///< By VMMs, since they were too many.
    std::uint64_t malformed = 0;  ///< Packets that were none.
  };

  /// How many hints a second are passed on, and at once, to each cell of the machine: what a
  /// monitor takes (sharing::HintGate). Hints for all cells count for each.
  static constexpr unsigned kHintRate = sharing::HintGate::kRate;
  static constexpr unsigned kHintBurst = sharing::HintGate::kBurst;
  /// How many packets of a VMM are read a second, and at once, beside its hints: more than one that
  /// keeps to its protocol sends on how it does.
  static constexpr unsigned kBeatRate = 20;

  /// A machine of CELLS cells. MEMBERS outlives this object.
  WaxHost(boost::asio::io_context& loop, std::size_t cells, const Members& members,
          Handlers handlers);

  void start();

  /// What a VMM is to be started with; the descriptors stay those of the members.
  [[nodiscard]] cell::PolicyConfig config() const;
  /// The VMM of INCARNATION was started with config(), and with LINK (vmm/cell/policy_protocol.h).
  void attach(UniqueFd link, Incarnation incarnation);
  /// It has ended.
  void detach();
  /// One could not be started.
  void not_started();

  /// The next incarnations are ROGUE's, for DURATION or for good, and the first of them starts
  /// soon.
  void set_rogue(const Rogue& rogue, std::optional<std::chrono::milliseconds> duration);
  [[nodiscard]] const std::optional<Rogue>& rogue() const { return rogue_; }

  /// The epoch that the incarnation that runs, or ran last, is for.
  [[nodiscard]] std::uint64_t epoch() const { return incarnations_.scene().epoch; }
  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  using Time = WaxIncarnations::Time;

  [[nodiscard]] WaxIncarnations::Scene scene() const;
  void take(std::string_view bytes);
  [[nodiscard]] TokenBucket packet_limit() const;
  /// Leaves what comes unread for a while where the VMM sends more than one that keeps to its
  /// protocol: this monitor's time is that of other cells, too.
  void hold_back();
  void take(const hive_wax_hint& hint);
  /// In the order in which one stands for a hint that had several.
  enum class Fate { kNowhere, kTooMany, kPassedOn };
  [[nodiscard]] Fate pass_on(const hive_wax_hint& hint);
  [[nodiscard]] Fate pass_on(std::size_t cell, const hive_wax_hint& hint, Time time);
  void look();

  boost::asio::io_context& loop_;
  const Members& members_;
  Handlers handlers_;
  WaxIncarnations incarnations_;
  std::optional<wire::PacketSocket> link_;
  Incarnation incarnation_ = 0;
  std::uint64_t dropped_ = 0;       ///< By the VMM that runs, as it has said.
  std::vector<TokenBucket> rates_;  ///< For each cell.
  TokenBucket packets_;             ///< That are read of the VMM that runs.
  Counts counts_;
  std::optional<Rogue> rogue_;
  Time rogue_until_ = 0;
  std::string change_;  ///< Why another guest is to take the place of the one that runs; or empty.
  Deadline look_;
  Deadline hold_;
};

}  // namespace hive::control
