// A monitor's part in global memory: its cell's contribution, what the other cells contribute, and
// the writes of the cell's VMM to those.
#pragma once

#include <spdlog/logger.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cellmon/control/fault_server.h"
#include "cellmon/control/siblings.h"
#include "cellmon/firewall/gatekeeper.h"
#include "cellmon/firewall/request_desk.h"
#include "cellmon/wire/packet_socket.h"
#include "vmm/cell/config.h"
#include "vmm/plan/plan.h"

namespace hive::control {

/// Owns the cell's contribution and its ledger, has the contributions of all other cells by way of
/// their monitors, and hands the guards of its VMM to the homes' monitors. A home whose monitor is
/// gone cannot decide any more: this monitor takes its guard back and denies all. If the same
/// process comes back it gets the guard again; a later one has another contribution, which this
/// cell's next VMM is given. A home that is out of the view decides as little, and a cell that is
/// has no rights here, and is given none.
///
/// Rights end with incarnations: with the end of the cell's VMM, other homes take theirs back from
/// the cell, and this home takes all rights to its pages from the others.
///
/// Single-threaded.
class GlobalMemory : public SiblingsPart {
 public:
  /// Told of writes to this home's pages that were stopped; DETAIL is for people.
  using OnViolation = std::function<void(const std::string& detail)>;
  using OnReply = std::function<void(const hive_global_reply& reply)>;

  /// How long a home's monitor may take to answer a guest of another cell.
  static constexpr std::chrono::milliseconds kReplyLimit{2'000};
  /// Violations of one incarnation of a cell that are told one by one; more are only counted.
  static constexpr unsigned kMaxTold = 100;

  /// Whether any cell of MACHINE contributes memory.
  static bool is_in(const plan::Machine& machine);

  /// Makes the contribution of the cell whose monitor knows SIBLINGS, which have not been started.
  /// Throws Error.
  GlobalMemory(boost::asio::io_context& loop, const plan::Machine& machine, Siblings& siblings,
               OnViolation on_violation, spdlog::logger& log);
  GlobalMemory(const GlobalMemory&) = delete;
  GlobalMemory& operator=(const GlobalMemory&) = delete;
  GlobalMemory(GlobalMemory&&) = delete;
  GlobalMemory& operator=(GlobalMemory&&) = delete;
  ~GlobalMemory() override;

  /// What the other monitors are greeted with: the contribution's file, if any, and the doorbells.
  [[nodiscard]] std::vector<int> files() const;

  bool on_joined(CellId cell, const mesh::Hello& hello, std::vector<UniqueFd>& files) override;
  void on_packet(CellId cell, const mesh::Packet& packet, std::vector<UniqueFd>& files) override;
  void on_lost(CellId cell) override;
  void on_cut_off(CellId cell) override;
  void on_admitted(CellId cell) override;

  /// What a VMM is to be started with; the descriptors stay this object's.
  [[nodiscard]] cell::GlobalConfig config() const;
  /// The VMM of INCARNATION has been started, with LINK (vmm/cell/global_protocol.h).
  void attach(UniqueFd link, Incarnation incarnation);
  /// It has ended.
  void detach();

  /// Whether the cell contributes any.
  [[nodiscard]] bool is_home() const { return gatekeeper_.has_value(); }
  /// Only where is_home().
  [[nodiscard]] const firewall::Gatekeeper& gatekeeper() const { return *gatekeeper_; }
  /// Does what home may, by this monitor's own word. Only where is_home().
  hive_global_reply decide(hive_global_request request);

  [[nodiscard]] Siblings::State peer_state(unsigned cell) const;
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  [[nodiscard]] const std::vector<std::uint64_t>& sizes() const { return sizes_; }
  [[nodiscard]] unsigned own() const { return own_; }

 private:
  struct Orphan;
  /// What the current VMM gave for one home, kept in case that home's monitor goes.
  struct Guard {
    UniqueFd descriptor;
    UniqueFd denials;
    std::uint64_t base = 0;
  };
  struct Peer {
    std::uint64_t life = 0;  ///< Its monitor's.
    bool cut_off = false;
    bool vmm_up = false;           ///< By what its monitor said last.
    std::uint64_t guard_life = 0;  ///< Of the monitor that was given `guard`.
    UniqueFd file;
    std::vector<UniqueFd> doorbells;
    std::optional<Guard> guard;
    std::unique_ptr<Orphan> orphan;
    unsigned told = 0;  ///< Violations of its current incarnation.

    /// Whether it decides on, though it is out: its monitor hangs.
    [[nodiscard]] bool is_at_large() const { return cut_off && vmm_up; }
  };

  void admit(CellId cell, const mesh::Admit& admit, std::vector<UniqueFd> files);
  void take_up(CellId cell);
  void take_leave(CellId cell);

  void take_link_packet(std::string_view bytes, std::vector<UniqueFd> files);
  void take_guard(std::string_view bytes, std::vector<UniqueFd> files);
  void offer(unsigned home);
  void send_guard(unsigned home);
  void adopt(unsigned home);
  static void give_back(Peer& peer);

  // global_memory_requests.cpp
  void take_request(const hive_global_request& request);
  void ask(const hive_global_request& request);
  void finish_request(const hive_global_reply& reply);
  void give_up_request(unsigned home, const std::string& why);
  [[nodiscard]] hive_global_reply answer(CellId from, const hive_global_request& request);

  void tell(const firewall::ViolationRecord& violation);

  boost::asio::io_context& loop_;
  spdlog::logger& log_;
  Siblings& siblings_;
  unsigned own_;
  std::vector<std::string> names_;
  std::vector<std::uint64_t> sizes_;
  cell::OnViolation policy_;
  OnViolation on_violation_;
  std::optional<firewall::Gatekeeper> gatekeeper_;
  std::optional<firewall::RequestDesk> desk_;
  std::optional<FaultServer> faults_;
  std::vector<Peer> peers_;      ///< One for each cell; the own one has the contribution's file.
  Incarnation incarnation_ = 0;  ///< Of the VMM that is attached; 0: none.
  std::unique_ptr<wire::PacketSocket> link_;
  /// The guest's request under way at another home.
  struct Pending {
    std::uint32_t sequence = 0;
    unsigned home = 0;
    hive_global_request request{};
  };
  std::optional<Pending> pending_;
  std::uint32_t last_sequence_ = 0;
  boost::asio::steady_timer reply_limit_;
};

}  // namespace hive::control
