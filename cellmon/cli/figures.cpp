#include "cellmon/cli/figures.h"

#include <chrono>
#include <utility>

#include "cellmon/cli/inquiry.h"
#include "cellmon/cli/rpc_client.h"

namespace hive::cli {
namespace {

using std::chrono::steady_clock;
using wire::CellAddress;

/// More pages of events than a monitor keeps.
constexpr unsigned kMaxPages = 64;

/// A monitor that was asked for its cell's figures.
class Question {
 public:
  Question(CellAddress address, steady_clock::time_point deadline, EventCursors* cursors)
      : inquiry_(std::move(address), deadline) {
    RpcClient* const client = inquiry_.client();
    if (client == nullptr) return;
    if (cursors != nullptr) {
      cursor_ = &(*cursors)[inquiry_.view().address.full_name()];
      figures_.begins_anew = cursor_->follow(client->peer_pid());
      events_ = client->send("events.list", {{"after", cursor_->sequence}});
    }
    metrics_ = client->send("metrics", Json::object());
  }

  CellFigures answer(steady_clock::time_point deadline) {
    inquiry_.answer(deadline, [&] {
      if (cursor_ != nullptr) take_pages(deadline);
      take_metrics(inquiry_.client()->answer(metrics_, share_of(deadline)));
    });
    figures_.view = std::move(inquiry_.view());
    return std::move(figures_);
  }

 private:
  void take_metrics(const Json& answer) {
    const auto found = answer.is_object() ? answer.find("metrics") : answer.end();
    auto report = found == answer.end() ? std::nullopt : metrics::parse_report(*found);
    if (report) {
      figures_.report = std::move(*report);
    } else {
      inquiry_.view().problem = kMalformed;
    }
  }

  /// What there is no time for is there at the next look.
  void take_pages(steady_clock::time_point deadline) {
    RpcClient& client = *inquiry_.client();
    Json page = client.answer(events_, share_of(deadline));
    for (unsigned pages = 1; take_events(page, cursor_->sequence, figures_.events); ++pages) {
      const Milliseconds left = left_until(deadline);
      if (pages == kMaxPages || left.count() == 0) return;
      page = client.call("events.list", {{"after", cursor_->sequence}}, left);
    }
  }

  Inquiry inquiry_;
  CellFigures figures_;
  EventCursor* cursor_ = nullptr;
  std::uint64_t events_ = 0;
  std::uint64_t metrics_ = 0;
};

void forget_those_without_monitor(EventCursors& cursors, const std::vector<CellFigures>& cells) {
  EventCursors kept;
  for (const CellFigures& cell : cells) {
    const auto found = cursors.find(cell.view.address.full_name());
    if (found != cursors.end()) kept.insert(*found);
  }
  cursors = std::move(kept);
}

}  // namespace

std::vector<MachineFigures> fetch_figures(const std::string& machine, EventCursors* events) {
  const auto deadline = steady_clock::now() + RpcClient::kQuick;
  std::vector<Question> questions;
  for (const CellAddress& address : find_cells()) {
    if (machine.empty() || address.machine == machine) {
      questions.emplace_back(address, deadline, events);
    }
  }
  std::vector<CellFigures> cells;
  for (Question& question : questions) cells.push_back(question.answer(deadline));
  if (events != nullptr) forget_those_without_monitor(*events, cells);
  std::vector<CellView> views;
  std::map<std::string, CellFigures> by_name;
  for (CellFigures& cell : cells) {
    views.push_back(cell.view);
    by_name[cell.view.address.full_name()] = std::move(cell);
  }
  std::vector<MachineFigures> machines;
  for (MachineView& each : group_by_machine(std::move(views))) {
    MachineFigures& figures = machines.emplace_back(MachineFigures{each.name, {}});
    for (CellView& view : each.cells) {
      CellFigures cell = std::move(by_name[view.address.full_name()]);
      cell.view = std::move(view);
      figures.cells.push_back(std::move(cell));
    }
  }
  return machines;
}

std::vector<metrics::CellReport> reports_of(std::vector<MachineFigures> machines,
                                            const std::string& cell) {
  std::vector<metrics::CellReport> reports;
  for (MachineFigures& machine : machines) {
    for (CellFigures& each : machine.cells) {
      if (!cell.empty() && each.view.address.cell != cell) continue;
      reports.push_back(
          {machine.name, each.view.address.cell, each.view.problem, std::move(each.report)});
    }
  }
  return reports;
}

}  // namespace hive::cli
