#include "cellmon/cli/campaign/wax_workload.h"

#include <utility>

#include "cellmon/metrics/report.h"

namespace hive::cli {
namespace {

using std::chrono::steady_clock;

constexpr Milliseconds kPeriod{50};
constexpr Milliseconds kAgain{2'000};  ///< An answer that has not come by then may be lost.

/// The value of METRIC; nothing where there is none that a count can have.
std::optional<std::uint64_t> count_of(const metrics::Report& report, metrics::Metric metric) {
  const auto value = report.value(metric);
  constexpr double kMost = 1e15;
  if (!value || !(*value >= 0 && *value <= kMost)) return std::nullopt;
  return static_cast<std::uint64_t>(*value);
}

}  // namespace

WaxWorkload::WaxWorkload(std::unique_ptr<Workload> others, std::size_t cell, std::string name)
    : others_(std::move(others)), cell_(cell), name_(std::move(name)), watch_(name_) {}

void WaxWorkload::prepare(Monitors& machine) { others_->prepare(machine); }

void WaxWorkload::begin(Monitors& machine, const campaign::Draw& drawn) {
  watch_.begin(drawn);
  others_->begin(machine, drawn);
}

void WaxWorkload::ask(Monitors& machine, const std::vector<bool>& expected) {
  watch_.ask();
  asked_ = expected[cell_];
  request_.reset();
  others_->ask(machine, expected);
}

bool WaxWorkload::has_answers(Monitors& machine) {
  const bool all = others_->has_answers(machine);
  if (!asked_ || watch_.is_answered()) return all;
  advance(machine);
  return false;
}

void WaxWorkload::advance(Monitors& machine) {
  const auto now = steady_clock::now();
  if (now - sent_at_ < (request_ ? kAgain : kPeriod)) return;
  request_ = machine.send(cell_, "metrics", Json::object());
  sent_at_ = now;
}

std::vector<campaign::CellLook> WaxWorkload::looks() const {
  std::vector<campaign::CellLook> looks = others_->looks();
  looks[cell_] = watch_.look();
  return looks;
}

void WaxWorkload::reset() {
  watch_ = campaign::WaxWatch(name_);
  asked_ = false;
  request_.reset();
  others_->reset();
}

void WaxWorkload::connected(std::size_t cell) {
  if (cell == cell_) request_.reset();
  others_->connected(cell);
}

void WaxWorkload::take(std::size_t cell, const Message& message) {
  const auto* result = std::get_if<wire::RpcResult>(&message);
  if (cell != cell_ || result == nullptr || !request_ || result->id != *request_) {
    return others_->take(cell, message);
  }
  request_.reset();
  if (!result->result.is_object()) return;
  const auto report = metrics::parse_report(result->result.value("metrics", Json()));
  if (!report) return;
  const auto incarnations = count_of(*report, metrics::Metric::kWaxIncarnations);
  const auto rounds = count_of(*report, metrics::Metric::kWaxRounds);
  if (incarnations && rounds) watch_.note_rounds(*incarnations, *rounds);
}

void WaxWorkload::note(std::size_t cell, const wire::Event& event) {
  if (cell == cell_) watch_.note(event);
  others_->note(cell, event);
}

}  // namespace hive::cli
