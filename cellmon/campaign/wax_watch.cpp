#include "cellmon/campaign/wax_watch.h"

#include <chrono>

#include "cellmon/inject/catalogue.h"

namespace hive::campaign {
namespace {

/// How long after FAULT the next incarnation is Wax, and another one; nothing where the fault need
/// not end the one that runs.
std::optional<Milliseconds> end_of(const Draw& fault) {
  const inject::Entry* entry = inject::find(fault.fault);
  if (entry == nullptr) return std::nullopt;
  if (inject::replaces_wax(entry->kind)) return duration_of(fault);
  if (entry->kind == inject::FaultKind::kVmmKill) return Milliseconds(0);
  return std::nullopt;
}

std::uint64_t nanoseconds(Milliseconds time) {
  return static_cast<std::uint64_t>(std::chrono::nanoseconds(time).count());
}

}  // namespace

void WaxWatch::begin(const Draw& drawn) {
  ends_ = drawn.cell == cell_ ? end_of(drawn) : std::nullopt;
  struck_.reset();
}

void WaxWatch::note(const wire::Event& event) {
  if (event.kind == "fault") struck_ = event.monotonic_ns;
  if (event.kind == "starting") started_ = event.monotonic_ns;
  if (wire::parse_state(event.kind)) runs_ = event.kind == "running";
}

void WaxWatch::ask() {
  is_answered_ = false;
  first_.reset();
}

bool WaxWatch::is_present() const {
  if (!runs_) return false;
  return !ends_ || !struck_ || started_ >= *struck_ + nanoseconds(*ends_);
}

void WaxWatch::note_rounds(std::uint64_t incarnations, std::uint64_t rounds) {
  if (is_answered_) return;
  const bool is_same =
      first_ && first_->incarnations == incarnations && first_->rounds <= rounds && is_present();
  if (!is_same) {
    first_.reset();
    if (is_present()) first_ = {incarnations, rounds};
    return;
  }
  is_answered_ = rounds - first_->rounds >= kRounds;
}

CellLook WaxWatch::look() const {
  CellLook look;
  look.cell = cell_;
  look.is_policy = true;
  look.work = is_answered_ ? Work::kRight : Work::kSilent;
  if (is_answered_) return look;
  look.why = !runs_         ? "no incarnation of Wax runs"
             : is_present() ? "Wax does no rounds"
                            : "no incarnation has followed the one that was hit";
  return look;
}

}  // namespace hive::campaign
