#include "cellmon/cli/boot_watch.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "cellmon/wire/cell_status.h"

namespace hive::cli {
namespace {

using Clock = CellBoot::Clock;

constexpr Milliseconds kRedraw{200};

winsize terminal_size() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20) return size;
  size.ws_row = 24;
  size.ws_col = 80;
  return size;
}

/// Whether LINES lines can be updated in place.
bool can_redraw(std::size_t lines) {
  return ::isatty(STDOUT_FILENO) == 1 && lines < terminal_size().ws_row;
}

}  // namespace

BootWatch::BootWatch(std::vector<Cell> cells)
    : cells_(std::move(cells)), terminal_(can_redraw(cells_.size())) {
  for (Cell& cell : cells_) {
    boots_.emplace_back(cell.client.address().cell, Clock::now());
    cell.client.send("events.follow", {{"after", cell.after}});
  }
}

std::optional<BootWatch::Result> BootWatch::look(bool started_only) const {
  bool all_up = true;
  for (const CellBoot& boot : boots_) {
    const CellBoot::Outcome outcome = boot.outcome(started_only);
    if (outcome == CellBoot::Outcome::kFailed) return Result::kFailed;
    all_up = all_up && outcome == CellBoot::Outcome::kUp;
  }
  return all_up ? std::optional(Result::kUp) : std::nullopt;
}

BootWatch::Result BootWatch::wait(bool started_only, Milliseconds timeout,
                                  const SignalFd& signals) {
  const auto deadline = timeout.count() == 0 ? Clock::time_point::max() : Clock::now() + timeout;
  std::optional<Result> result = look(started_only);
  while (!result) {
    draw();
    poll(deadline, signals);
    for (std::size_t i = 0; i < cells_.size(); ++i) receive(i);
    result = look(started_only);
    if (!result && signals.take() != 0) result = Result::kInterrupted;
    if (!result && Clock::now() >= deadline) result = Result::kTimedOut;
  }
  draw();
  return *result;
}

void BootWatch::poll(Clock::time_point deadline, const SignalFd& signals) {
  if (terminal_) ask_for_consoles();
  std::vector<pollfd> entries{{signals.fd(), POLLIN, 0}};
  for (const Cell& cell : cells_) {
    if (!cell.client.closed()) entries.push_back({cell.client.fd(), POLLIN, 0});
  }
  // A terminal's seconds run on; otherwise only the deadline ends the wait.
  Milliseconds most = terminal_ ? kRedraw : Milliseconds(60'000);
  if (deadline != Clock::time_point::max()) {
    const auto left = std::chrono::ceil<Milliseconds>(deadline - Clock::now());
    most = std::clamp(left, Milliseconds(0), most);
  }
  ::poll(entries.data(), entries.size(), static_cast<int>(most.count()));
}

void BootWatch::ask_for_consoles() {
  if (Clock::now() - asked_ < kRedraw) return;
  asked_ = Clock::now();
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    if (boots_[i].outcome(false) == CellBoot::Outcome::kPending) {
      cells_[i].client.send("status", Json::object());
    }
  }
}

void BootWatch::receive(std::size_t index) {
  RpcClient& client = cells_[index].client;
  while (const auto message = client.receive(Milliseconds(0))) take(index, *message);
  if (client.closed()) boots_[index].lose(Clock::now());
}

void BootWatch::take(std::size_t index, const Message& message) {
  throw_refusal(cells_[index].client, message);
  CellBoot& boot = boots_[index];
  if (const auto* result = std::get_if<wire::RpcResult>(&message)) {
    const auto status = wire::parse_status(result->result);
    if (status) boot.set_console_line(status->console_line);
    return;
  }
  const auto* notification = std::get_if<wire::RpcNotification>(&message);
  if (notification == nullptr || notification->method != "event") return;
  const auto event = wire::parse_event(notification->params);
  if (event && boot.take(*event, Clock::now()) && !terminal_) {
    fmt::print("{}\n", boot.change());
    std::fflush(stdout);
  }
}

void BootWatch::draw() {
  if (!terminal_) return;
  std::size_t name_width = 0;
  for (const CellBoot& boot : boots_) name_width = std::max(name_width, boot.cell().size());
  std::string screen;
  if (drawn_lines_ > 0) screen += fmt::format("\x1b[{}A", drawn_lines_);
  const std::size_t width = terminal_size().ws_col - 1U;
  for (const CellBoot& boot : boots_) {
    screen += "\r\x1b[K" + boot.line(Clock::now(), name_width, width) + "\n";
  }
  drawn_lines_ = boots_.size();
  std::fwrite(screen.data(), 1, screen.size(), stdout);
  std::fflush(stdout);
}

}  // namespace hive::cli
