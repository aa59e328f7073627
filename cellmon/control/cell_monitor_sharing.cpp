// What the cell's monitor does for what is shared between cells: memory, CPU time, Wax's advice.
#include <algorithm>
#include <utility>

#include "cellmon/control/cell_monitor.h"

namespace hive::control {

WaxHost::Handlers CellMonitor::wax_handlers() {
  WaxHost::Handlers handlers;
  handlers.pass_on = [this](CellId cell, const hive_wax_hint& hint) {
    return siblings_.try_send(cell, mesh::Hint{mesh::Kind::kHint, 0, hint});
  };
  handlers.restart = [this](const std::string& why) {
    const Step step = machine_.request_reboot(/*force=*/true, {});
    if (!machine_.refusal().empty()) return;
    add_event({"wax", why + ": the next incarnation starts"});
    apply(step);
  };
  handlers.has_failed = [this] {
    const CellState state = machine_.state();
    return state == CellState::kFailed || state == CellState::kPanicked || state == CellState::kOff;
  };
  handlers.guest_runs = [this] { return machine_.guest_runs(); };
  handlers.waited = [this] { return watch_.waited(); };
  handlers.is_paused = [this] { return machine_.state() == CellState::kPaused; };
  return handlers;
}

Sharing::Handlers CellMonitor::sharing_handlers() {
  Sharing::Handlers handlers;
  handlers.report = [this] { return watch_.memory_report(); };
  handlers.by_hand = [this] { return Sharing::ByHand{balloon_.target(), spare_.target()}; };
  handlers.set_targets = [this](std::uint64_t balloon, std::uint64_t spare) {
    if (!vmm_) return;
    vmm_->set_balloon(static_cast<std::uint32_t>(balloon / kPageSize));
    vmm_->set_spare(spare);
  };
  handlers.cpu_weight = [this] { return Sharing::CpuWeight{cpu_->weight(), cpu_->usual()}; };
  handlers.set_cpu_weight = [this](std::optional<std::uint32_t> weight) {
    return vmm_ ? cpu_->set(weight.value_or(cpu_->usual())) : std::string("no VMM runs");
  };
  handlers.unused_pages = [this]() -> std::uint64_t {
    const bool is_home = global_ && global_->is_home();
    return is_home ? global_->gatekeeper().sections().room_for_others() : 0;
  };
  if (mover_) {
    handlers.move_section = [this](std::uint32_t number, CellId to) {
      return mover_->move(number, to);
    };
  }
  handlers.tell = [this](const std::string& kind, const std::string& detail) {
    add_event({kind, detail});
  };
  return handlers;
}

Mover::Handlers CellMonitor::mover_handlers() {
  Mover::Handlers handlers;
  handlers.epoch = [this] { return members_->view().epoch; };
  handlers.incarnation = [this](CellId cell) { return global_->admitted(cell); };
  handlers.tell = [this](const std::string& kind, const std::string& detail) {
    add_event({kind, detail});
    if (observer_ != nullptr) observer_->on_change();
  };
  return handlers;
}

}  // namespace hive::control
