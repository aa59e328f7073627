// Which metrics there are: docs/metrics.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace hive::metrics {

enum class Type : std::uint8_t {
  kCounter,    ///< Only grows, but for its restart with the process that counts.
  kGauge,      ///< A level, as it is now.
  kHistogram,  ///< Durations; without labels.
};

std::string_view to_string(Type type);

enum class Metric : std::uint8_t {
  kMonitorUp,
  kCellState,
  kIncarnation,
  kVcpus,
  kMemory,
  kBalloon,
  kPlugged,
  kCpuWeight,
  kBootTime,
  kEvents,
  kExits,
  kExitTime,
  kVcpuRun,
  kVcpuWait,
  kCpuTime,
  kGuestMemory,
  kGuestStall,
  kGuestSwapped,
  kGuestMajorFaults,
  kOverhead,
  kKvmEvents,
  kKvmLevel,
  kInterrupts,
  kBlockRequests,
  kBlockBytes,
  kBlockErrors,
  kVsockPackets,
  kVsockBytes,
  kVsockDelay,
  kVsockTroubles,
  kVsockConnections,
  kContribution,
  kGrantTime,
  kGrantedPages,
  kRevokeTime,
  kRevokedPages,
  kOpenedPages,
  kWritablePages,
  kWrittenPages,
  kViolations,
  kViolationTime,
  kDiscardedPages,
  kMemoryFailures,
  kClosings,
  kEpoch,
  kMembers,
  kIsMember,
  kIsSuspended,
  kSuspicion,
  kHeartbeatDelay,
  kAlerts,
  kDismissals,
  kAccusersVotedDown,
  kAgreementTime,
  kRecoveryTime,
  kPauseTime,
  kLent,
  kBorrowed,
  kLoansUnderWay,
  kHintsFollowed,
  kHintsRefused,
  kSectionMoves,
  kNonsenseWords,
  kWaxIncarnations,
  kWaxRounds,
  kWaxHints,
  kCount,
};

/// What Prometheus calls a metric family: samples of one name. Each of them has the labels
/// `machine` and `cell` as well.
struct Family {
  Metric metric{};
  std::string_view name;
  Type type{};
  std::string_view help;                   ///< One line, without backslashes.
  std::array<std::string_view, 2> labels;  ///< Empty ones are none.

  [[nodiscard]] std::size_t label_count() const noexcept {
    return labels[0].empty() ? 0 : labels[1].empty() ? 1 : 2;
  }
};

/// All families, in the order of Metric.
std::span<const Family> catalogue();
const Family& family_of(Metric metric);
std::optional<Metric> find_metric(std::string_view name);

}  // namespace hive::metrics
