// A monitor's part in the recovery from failures: carries out its steps.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>

#include "cellmon/control/global_memory.h"
#include "cellmon/member/membership.h"
#include "cellmon/recover/recovery.h"

namespace hive::control {

/// Owns a recover::Recovery, tells it the membership's views and does what it asks for.
/// Single-threaded: all methods are called from the loop.
class Recoverer : private recover::Port {
 public:
  /// None may call this object.
  struct Hooks {
    /// Where there is no link with TO's monitor, MESSAGE is lost.
    std::function<void(CellId to, const recover::Message& message)> send;
    /// Nothing of CELLS may reach this cell, whatever their monitors and VMMs still do, until
    /// admit() and the view say that they are back.
    std::function<void(agree::CellSet cells)> cut_off;
    std::function<void()> admit;
    /// The cell has to fail, for reason WHY.
    std::function<void(const std::string& why)> give_up;
    /// CELL keeps the others waiting.
    std::function<void(CellId cell)> doubt;
    /// The cell's guest has to end: the others have recovered without it, or will.
    std::function<void()> end_guest;
    /// The cell is to be started anew, unless it is about to.
    std::function<void()> start_anew;
    /// CELL's monitor has ended or does not answer: another one is to be started.
    std::function<void(CellId cell)> replace;
    /// All cells are to be shut down: CELL's failure is to lead to that.
    std::function<void(CellId cell)> stop_machine;
    /// Something for people.
    std::function<void(const std::string& kind, const std::string& detail)> tell;
    std::function<agree::Time()> now;
    /// What is asked of this object may have another answer than before: follow() is needed.
    std::function<void()> changed;
  };

  /// How long a VMM may take to stop its guest, or to close or open failed cells' pages to it,
  /// before its cell gives up: the others wait for it.
  static constexpr agree::Time kStopLimit = 5'000'000'000;

  /// MEMBERSHIP outlives this object, as MEMORY does, which is null where there is none.
  /// MACHINE says what each cell's failure comes to.
  Recoverer(const plan::Machine& machine, const member::Membership& membership,
            GlobalMemory* memory, Hooks hooks);

  /// The membership may have another view, or the guest have stopped.
  void follow();
  /// Whether the cell has a VMM.
  void set_running(bool running);
  void receive(CellId from, const recover::Message& message);
  void monitor_ended(CellId cell);
  void monitor_started(CellId cell) { recovery_.monitor_started(cell); }
  /// CELL is taken down, as somebody has asked for.
  void retire(CellId cell) { recovery_.retire(cell); }
  void tick();
  [[nodiscard]] agree::Time deadline() const;

  /// Whether the guest has to stand still: some have not recovered.
  [[nodiscard]] bool holds_guest() const {
    return recovery_.holds_guest() && !recovery_.is_complete();
  }
  /// Whether all have recovered from what was before the present view.
  [[nodiscard]] bool is_complete() const { return recovery_.is_complete(); }
  /// How long this cell took to recover from failures, from the view on.
  [[nodiscard]] const metrics::Histogram& times() const { return times_; }

 private:
  // recover::Port
  void send(CellId to, const recover::Message& message) override { hooks_.send(to, message); }
  void perform(const recover::Order& order) override;
  void leave() override;
  void rejoin() override { hooks_.start_anew(); }
  void boot(Incarnation /*incarnation*/) override { hooks_.start_anew(); }
  void recovered(std::uint64_t epoch) override;
  void late(agree::CellSet late) override;
  void replace(CellId cell) override { hooks_.replace(cell); }
  void stop_machine(CellId cell) override { hooks_.stop_machine(cell); }

  void take_view();
  /// Does what was asked for, as far as it can be done now.
  void carry_on();
  /// Whether ORDER is carried out; WHAT is told of it.
  [[nodiscard]] bool carry_out(const recover::Order& order, std::string& what);
  [[nodiscard]] bool stop(agree::CellSet failed);
  [[nodiscard]] bool discard();
  /// Whether the guest finds all-ones where it should.
  [[nodiscard]] bool close_homes() { return memory_ == nullptr || memory_->close_homes(); }
  void tell(const recover::Order& order, const std::string& what);

  const member::Membership& membership_;
  GlobalMemory* memory_;
  Hooks hooks_;
  recover::Recovery recovery_;
  bool running_ = false;
  bool leaving_ = false;
  bool recovers_ = false;  ///< From casualties, in this epoch.
  std::optional<recover::Order> order_;
  agree::Time began_ = 0;       ///< The order.
  agree::Time view_since_ = 0;  ///< The view that is recovered to.
  agree::Time stop_limit_ = agree::kNever;
  metrics::Histogram times_;
  /// What came about views that this monitor does not know yet, the last of each sender.
  std::array<std::optional<recover::Message>, kMaxCells> early_{};
};

}  // namespace hive::control
