#include "cellmon/cli/figures.h"

#include <chrono>
#include <utility>

#include "cellmon/cli/rpc_client.h"
#include "vmm/base/error.h"

namespace hive::cli {
namespace {

using std::chrono::steady_clock;
using wire::CellAddress;

constexpr const char* kNoAnswer = "monitor does not answer";
constexpr const char* kMalformed = "monitor's answer is malformed; is it of another version?";
/// More pages of events than a monitor keeps.
constexpr unsigned kMaxPages = 64;

/// A monitor that was asked for its cell's figures.
class Question {
 public:
  Question(CellAddress address, steady_clock::time_point deadline, EventCursors* cursors)
      : cursors_(cursors) {
    figures_.view = {std::move(address), std::nullopt, kNoAnswer};
    try {
      client_ = RpcClient::connect(figures_.view.address, left_until(deadline));
    } catch (const Error&) {
      return;
    }
    if (!client_) {
      figures_.view.problem = "monitor lost";
      return;
    }
    status_ = client_->send("status", Json::object());
    if (cursors_ != nullptr) events_ = client_->send("events.list", {{"after", cursor()}});
    metrics_ = client_->send("metrics", Json::object());
  }

  CellFigures answer(steady_clock::time_point deadline) {
    if (!client_) return std::move(figures_);
    try {
      figures_.view.status = wire::parse_status(client_->answer(status_, share_of(deadline)));
      if (cursors_ != nullptr) take_events(client_->answer(events_, share_of(deadline)), deadline);
      take_metrics(client_->answer(metrics_, share_of(deadline)));
    } catch (const Error&) {
      return std::move(figures_);
    }
    return std::move(figures_);
  }

 private:
  [[nodiscard]] std::uint64_t& cursor() { return (*cursors_)[figures_.view.address.full_name()]; }

  void take_metrics(const Json& answer) {
    const auto found = answer.is_object() ? answer.find("metrics") : answer.end();
    auto report = found == answer.end() ? std::nullopt : metrics::parse_report(*found);
    figures_.view.problem = report && figures_.view.status ? "" : kMalformed;
    if (report) figures_.report = std::move(*report);
  }

  void take_events(Json page, steady_clock::time_point deadline) {
    for (unsigned pages = 0; pages < kMaxPages && page.is_object(); ++pages) {
      const auto list = page.find("events");
      if (list == page.end() || !list->is_array()) return;
      for (const Json& json : *list) {
        auto event = wire::parse_event(json);
        if (!event || event->sequence <= cursor()) return;
        cursor() = event->sequence;
        figures_.events.push_back(std::move(*event));
      }
      if (list->empty() || page.value("more", Json()) != true) return;
      page = client_->call("events.list", {{"after", cursor()}}, share_of(deadline));
    }
  }

  EventCursors* cursors_;
  CellFigures figures_;
  std::optional<RpcClient> client_;
  std::uint64_t status_ = 0;
  std::uint64_t events_ = 0;
  std::uint64_t metrics_ = 0;
};

/// A monitor that began anew counts its events from 1.
void forget_those_without_monitor(EventCursors& cursors, const std::vector<CellFigures>& cells) {
  EventCursors kept;
  for (const CellFigures& cell : cells) {
    const auto found = cursors.find(cell.view.address.full_name());
    if (found != cursors.end() && cell.view.problem.empty()) kept.insert(*found);
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
