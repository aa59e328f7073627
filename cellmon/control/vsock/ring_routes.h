// The rings between this cell's VMM and those of its siblings, and which of those are alive.
#pragma once

#include <spdlog/logger.h>

#include <array>
#include <functional>
#include <optional>
#include <vector>

#include "cellmon/control/siblings.h"
#include "vmm/base/ids.h"
#include "vmm/base/unique_fd.h"
#include "vmm/cell/config.h"
#include "vmm/plan/plan.h"

namespace hive::control {

/// Owns the rings by which the siblings that may talk with this cell send it packets, gives each
/// sibling's monitor its copy, and takes from it the ring of the other direction. Rings belong to a
/// pair of cells, whatever becomes of their VMMs, and of one of their monitors: one that is started
/// later gets from each sibling's the ring that the monitor before it had made. To a VMM that was
/// started without a sibling's rings the sibling stays down.
class RingRoutes : public SiblingsPart {
 public:
  /// What is known of a sibling's VMM.
  struct Life {
    Incarnation incarnation = 0;  ///< The last one heard of; 0: none was started.
    bool up = false;

    friend bool operator==(const Life&, const Life&) = default;
  };
  /// Told when a sibling's Life has changed.
  using OnLife = std::function<void(CellId cell)>;

  /// Joins SIBLINGS, which have not been started.
  RingRoutes(const plan::Machine& machine, Siblings& siblings, OnLife on_life, spdlog::logger& log);

  /// The part of a VMM's configuration that this object knows: all but the link. The descriptors
  /// stay this object's. Siblings whose monitors have never joined are left out.
  [[nodiscard]] cell::VsockConfig config() const;
  /// A sibling that is cut off is down.
  [[nodiscard]] Life life(CellId cell) const {
    const Peer& peer = peers_[static_cast<std::size_t>(cell)];
    return {peer.life.incarnation, peer.life.up && !peer.cut_off};
  }
  /// A VMM has been started with config().
  void attach();
  /// The least incarnation that siblings' VMMs take for a later one than what they have heard of.
  [[nodiscard]] Incarnation least() const { return least_; }
  /// Whether this cell and CELL may talk: one of them may call the other.
  [[nodiscard]] bool is_pair(CellId cell) const;

  bool on_joined(CellId cell, const mesh::Hello& hello, std::vector<UniqueFd>& files) override;
  void on_packet(CellId cell, const mesh::Packet& packet, std::vector<UniqueFd>& files) override;
  void on_lost(CellId cell) override;
  void on_cut_off(CellId cell) override;
  void on_admitted(CellId cell) override;
  [[nodiscard]] bool has_all_of(CellId cell) const override;

 private:
  struct Ring {
    UniqueFd file;
    UniqueFd data;
    UniqueFd space;

    [[nodiscard]] std::array<int, 3> files() const { return {file.get(), data.get(), space.get()}; }
    [[nodiscard]] cell::RingConfig config() const { return {file.get(), data.get(), space.get()}; }
  };
  struct Peer {
    bool may_call = false;
    bool may_be_called = false;
    std::optional<Ring> in;
    std::optional<Ring> out;
    Life life;
    bool cut_off = false;
    std::uint64_t monitor_life = 0;  ///< mesh::Hello's.
    bool linked_again = false;       ///< The same process as before.
    bool was_up = false;             ///< When its monitor was lost.
    bool has_told_last = false;      ///< Its KeptRing has come.
    bool kept = false;    ///< Its monitor is to go on with the ring `out`, as it is told.
    bool is_new = false;  ///< The VMM that runs does not have its rings.
  };

  [[nodiscard]] Ring make_ring(CellId from) const;
  void offer_ring(CellId to);
  void keep_ring(CellId to);
  void take_ring(CellId from, std::vector<UniqueFd>& files);
  void take_kept(CellId from, const mesh::KeptRing& kept, std::vector<UniqueFd>& files);
  void start(CellId cell, Incarnation incarnation);
  void end(CellId cell);
  void tell(CellId cell);

  Siblings& siblings_;
  CellId own_;
  std::vector<Cid> cids_;
  std::uint32_t packets_per_second_;
  OnLife on_life_;
  spdlog::logger& log_;
  std::vector<Peer> peers_;  ///< One for each cell.
  Incarnation least_ = 1;
  bool attached_ = false;  ///< There was a VMM.
};

}  // namespace hive::control
