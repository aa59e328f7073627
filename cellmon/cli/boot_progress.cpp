#include "cellmon/cli/boot_progress.h"

#include <fmt/format.h>

#include "cellmon/wire/text.h"

namespace hive::cli {

using wire::CellState;

bool CellBoot::take(const wire::Event& event, Clock::time_point now) {
  const auto state = wire::parse_state(event.kind);
  if (!state || up_ || !failure_.empty()) return false;
  state_ = event.kind;
  has_run_ = has_run_ || *state == CellState::kBooting || *state == CellState::kRunning;
  if (*state == CellState::kRunning) {
    up_ = true;
    end_ = now;
  } else if (is_ended(*state)) {
    failure_ =
        *state == CellState::kOff ? "the guest powered itself off before it was up" : event.kind;
    if (!event.detail.empty()) failure_ += ": " + wire::printable(event.detail, 1024);
    end_ = now;
  }
  return true;
}

void CellBoot::lose(Clock::time_point now) {
  if (up_ || !failure_.empty()) return;
  failure_ = "its monitor is gone";
  state_ = "lost";
  end_ = now;
}

CellBoot::Outcome CellBoot::outcome(bool started) const {
  if (up_ || (started && has_run_)) return Outcome::kUp;
  return failure_.empty() ? Outcome::kPending : Outcome::kFailed;
}

std::string CellBoot::seconds(Clock::time_point now) const {
  const Clock::time_point end = up_ || !failure_.empty() ? end_ : now;
  return fmt::format("{:.1f} s", std::chrono::duration<double>(end - start_).count());
}

std::string CellBoot::line(Clock::time_point now, std::size_t name_width, std::size_t width) const {
  const std::string text = fmt::format("{:<{}}  {:<9} {:>7}  {}", cell_, name_width, state_,
                                       seconds(now), failure_.empty() ? console_line_ : failure_);
  return wire::printable(text, width);
}

std::string CellBoot::change() const {
  if (up_) return fmt::format("{}: {} after {}", cell_, state_, seconds(end_));
  return failure_.empty() ? cell_ + ": " + state_ : cell_ + ": " + failure_;
}

}  // namespace hive::cli
