#include "cellmon/control/metrics_sharing.h"

#include <array>
#include <string>
#include <utility>

namespace hive::control {
namespace {

using metrics::Metric;
using metrics::Report;

double bytes(std::uint64_t blocks) { return metric_value(blocks * policy::kBlockBytes); }

void add_loans(Report& report, const CellMonitor& monitor, const Sharing& sharing) {
  const auto& names = monitor.siblings().cell_names();
  for (std::size_t index = 0; index < names.size(); ++index) {
    if (index == monitor.siblings().own()) continue;
    const auto peer = static_cast<CellId>(index);
    report.add(Metric::kLent, metric_value(sharing.lent(peer)), {names[index]});
    report.add(Metric::kBorrowed, metric_value(sharing.borrowed(peer)), {names[index]});
  }
  const sharing::LoanTotals totals = sharing.totals();
  report.add(Metric::kLoansUnderWay, bytes(totals.promised), {"promised"});
  report.add(Metric::kLoansUnderWay, bytes(totals.recalled), {"recalled"});
  report.add(Metric::kNonsenseWords, metric_value(sharing.nonsense()));
}

void add_hints(Report& report, const Sharing& sharing) {
  report.add(Metric::kHintsFollowed, metric_value(sharing.followed()));
  for (std::size_t index = 0; index < sharing::kReasons; ++index) {
    const auto reason = static_cast<sharing::Reason>(index);
    report.add(Metric::kHintsRefused, metric_value(sharing.refused().of(reason)),
               {to_string(reason)});
  }
}

void add_moves(Report& report, const Mover::Counts& counts) {
  report.add(Metric::kSectionMoves, metric_value(counts.moved), {"moved"});
  report.add(Metric::kSectionMoves, metric_value(counts.not_moved), {"not-moved"});
  report.add(Metric::kSectionMoves, metric_value(counts.came), {"came"});
}

void add_wax(Report& report, const WaxHost::Counts& counts) {
  report.add(Metric::kWaxIncarnations, metric_value(counts.incarnations));
  report.add(Metric::kWaxRounds, metric_value(counts.rounds));
  const std::array<std::pair<const char*, std::uint64_t>, 6> outcomes{{
      {"passed-on", counts.passed_on},
      {"stale", counts.stale},
      {"nowhere", counts.nowhere},
      {"too-many", counts.too_many},
      {"dropped", counts.dropped},
      {"malformed", counts.malformed},
  }};
  for (const auto& [outcome, count] : outcomes) {
    report.add(Metric::kWaxHints, metric_value(count), {outcome});
  }
}

}  // namespace

void add_sharing(Report& report, const CellMonitor& monitor) {
  if (monitor.wax() != nullptr) return add_wax(report, monitor.wax()->counts());
  add_loans(report, monitor, monitor.sharing());
  add_hints(report, monitor.sharing());
  if (monitor.mover() != nullptr) add_moves(report, monitor.mover()->counts());
}

}  // namespace hive::control
