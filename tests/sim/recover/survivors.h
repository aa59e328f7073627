// Monitors that recover, and the guests and memory under them, beside the agreement that World
// simulates.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/sim/recover/site.h"
#include "tests/sim/world.h"

namespace hive::sim {

struct RecoveryTotals {
  std::uint64_t recoveries = 0;   ///< Epochs that all survivors resumed in.
  std::uint64_t interrupted = 0;  ///< Views that came while a survivor was recovering.
  std::uint64_t discards = 0;
  std::uint64_t boots = 0;
  std::uint64_t replaced = 0;  ///< Monitors started instead of others.
  std::uint64_t crashes = 0;   ///< In the midst of recovery.
};

class Survivors;

/// One cell: its monitor's recovery, its guest, its memory, what it sees of others'.
class Site final : public recover::Port {
 public:
  Site(Survivors& all, CellId cell, recover::DiscardPolicy policy);

  void send(CellId to, const recover::Message& message) override;
  void perform(const recover::Order& order) override;
  void leave() override;
  void rejoin() override;
  void boot(Incarnation incarnation) override;
  void recovered(std::uint64_t epoch) override;
  void late(agree::CellSet late) override;
  void replace(CellId cell) override;
  void stop_machine(CellId cell) override;

  std::unique_ptr<recover::Recovery> recovery;
  Memory memory;
  bool guest_exists = true;
  Incarnation incarnation = 1;                  ///< Its guest's, or its last one's.
  bool held = false;                            ///< By recovery.
  std::array<Incarnation, kMaxCells> mapped{};  ///< Whose memory the guest sees; 0: closed.
  Time tick_at = agree::kNever;
  std::uint64_t task = 0;  ///< The order under way; 0: none.
  recover::Order order;    ///< Which it is.

 private:
  void carry_out(std::uint64_t task);
  void take_effect(const recover::Order& order);
  void admit();
  void resume();

  Survivors& all_;
  CellId cell_;
  std::uint64_t last_task_ = 0;
};

class Survivors final : public Extension {
 public:
  Survivors(World& world, std::function<bool(CellId)> can_lose, RecoveryTotals& totals);

  void viewed(CellId cell) override;
  void started(CellId cell) override;
  void killed(CellId cell) override;
  void saw_end(CellId observer, CellId cell) override;
  void calm_down() override { calm_ = true; }
  [[nodiscard]] bool is_quiet(agree::CellSet core) const override;

  World& world() { return world_; }
  RecoveryTotals& totals() { return totals_; }
  Site& site(CellId cell) { return *sites_[agree::index_of(cell)]; }
  [[nodiscard]] const Site& site(CellId cell) const { return *sites_[agree::index_of(cell)]; }
  /// Has CELL's monitor do WORK at TIME, and what follows from that.
  void later(Time time, CellId cell, std::function<void()> work);
  void after_input(CellId cell);
  /// Now and then: something fails just here. Whether that is CELL's monitor.
  bool may_crash(CellId cell);
  /// Some guest does something.
  void stir();
  /// The members of CELL's view that recover, and whose monitors are those of the view.
  [[nodiscard]] agree::CellSet survivors_of(CellId cell) const;
  /// That all of them have come to PHASE of CELL's epoch, or are in a later one; else CELL does
  /// WHAT too soon.
  void check_all_passed(CellId cell, recover::Phase phase, const std::string& what) const;
  void stop_machine() { machine_stopped_ = true; }

 private:
  [[nodiscard]] recover::Settings settings(CellId cell) const;
  [[nodiscard]] bool runs(CellId cell) const;
  void write(CellId writer);

  World& world_;
  Random& random_;
  std::function<bool(CellId)> can_lose_;
  RecoveryTotals& totals_;
  std::vector<recover::OnFailure> on_failure_;
  recover::DiscardPolicy policy_;
  std::vector<std::unique_ptr<Site>> sites_;
  bool calm_ = false;
  bool machine_stopped_ = false;
};

}  // namespace hive::sim
