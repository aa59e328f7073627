// Which of a micro guest's reports answer what it was asked last.
#pragma once

#include <algorithm>
#include <cstdint>

namespace hive::campaign {

/// Of one incarnation of a guest, which numbers its reports from 1. Requests may be late, or lost
/// on the way, so the guest's report N answers the Nth request or one after it. What was asked
/// last is answered by the report with the number that its first request has: a late answer to an
/// earlier request never has that number.
class ReportCount {
 public:
  /// Something is asked anew: no report on a request from before this counts.
  void ask() { wanted_ = sent_ + 1; }
  /// Not where the guest has started anew since.
  [[nodiscard]] bool is_asked() const { return wanted_ > 0; }
  /// How many requests it takes until the report that is wanted comes, if none were under way.
  [[nodiscard]] std::uint64_t missing() const { return wanted_ - std::min(reported_, wanted_); }
  /// COUNT requests were sent.
  void note_sent(std::uint64_t count) { sent_ += count; }
  /// Report NUMBER has come. A guest may claim any.
  void note_report(std::uint64_t number) {
    reported_ = std::max(reported_, number);
    sent_ = std::max(sent_, reported_);
  }
  [[nodiscard]] bool is_answered() const { return is_asked() && reported_ >= wanted_; }
  /// The guest starts anew, and has to be asked anew.
  void restart() { *this = ReportCount{}; }

 private:
  std::uint64_t sent_ = 0;
  std::uint64_t reported_ = 0;
  std::uint64_t wanted_ = 0;  ///< 0: nothing was asked.
};

}  // namespace hive::campaign
