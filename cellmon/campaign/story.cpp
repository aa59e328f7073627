#include "cellmon/campaign/story.h"

#include <algorithm>
#include <map>
#include <string_view>

namespace hive::campaign {
namespace {

using Moment = std::optional<std::uint64_t>;

constexpr std::int64_t kNsPerUs = 1000;

/// Whether NAME is among the members that the event of a view lists: "epoch 3: a, b; c left".
bool lists(std::string_view detail, std::string_view name) {
  const std::size_t colon = detail.find(": ");
  if (colon == std::string_view::npos) return false;
  std::string_view members = detail.substr(colon + 2, detail.find(';') - colon - 2);
  while (!members.empty()) {
    const std::size_t end = members.find(", ");
    if (members.substr(0, end) == name) return true;
    members.remove_prefix(end == std::string_view::npos ? members.size() : end + 2);
  }
  return false;
}

/// What one survivor has told.
struct Teller {
  Moment alert;    ///< First.
  Moment decided;  ///< First view without the cell, or dismissal, after the alert.
  Moment view;     ///< First view without the cell.
  Moment back;     ///< First later view with it.
  Moment resumed;  ///< First after the alert.
  bool still = false;
};

std::optional<std::int64_t> between(Moment from, Moment to) {
  if (!from || !to || *to < *from) return std::nullopt;
  return static_cast<std::int64_t>(*to - *from) / kNsPerUs;
}

void note_first(Moment& moment, std::uint64_t time) {
  if (!moment) moment = time;
}

class Reader {
 public:
  Reader(const Strike& strike, const Cells& cells) : strike_(strike), cells_(cells) {
    for (const std::string& cell : cells.names) {
      if (cell != strike.cell) tellers_[cell];
    }
  }

  void take(const wire::Event& event) {
    const std::uint64_t time = event.monotonic_ns;
    if (time < strike_.time) return;
    if (event.kind == "hint" || event.kind == "alert" || event.kind == "hang") note_doubt(event);
    if (event.kind == "alert" && (!alert_ || time < *alert_)) alert_ = time;
    if (event.kind == "recovered") recovered_.push_back(time);
    if (event.cell == strike_.cell) {
      if (event.kind == "running") runs_.push_back(time);
      return;
    }
    const auto found = tellers_.find(event.cell);
    if (found != tellers_.end()) take(event, found->second);
  }

  Story finish() {
    story_.times.detection = between(strike_.time, noticed_);
    if (last_doubt_ > last_decision_) story_.doubt = last_doubt_;
    Moment first_view;
    Moment last_view;
    Moment last_decision;
    Moment last_back;
    bool all_decided = !tellers_.empty();
    story_.put_out_everywhere = !tellers_.empty();
    bool all_back = !tellers_.empty();
    for (const auto& [cell, teller] : tellers_) {
      if (teller.view && (!first_view || *teller.view < *first_view)) first_view = teller.view;
      last_view = std::max(last_view, teller.view);
      last_decision = std::max(last_decision, teller.decided);
      last_back = std::max(last_back, teller.back);
      all_decided = all_decided && teller.decided;
      all_back = all_back && teller.back;
      story_.put_out = story_.put_out || teller.view;
      story_.put_out_everywhere = story_.put_out_everywhere && teller.view;
      story_.at_rest = story_.at_rest && !teller.still;
      story_.times.pause = std::max(story_.times.pause, between(teller.alert, teller.resumed));
    }
    if (all_decided) story_.times.agreement = between(alert_, last_decision);
    if (story_.put_out_everywhere) story_.times.everywhere = between(strike_.time, last_view);
    note_recovery(first_view);
    if (all_back) note_return(last_back);
    return std::move(story_);
  }

 private:
  void note_doubt(const wire::Event& event) {
    const std::uint64_t time = event.monotonic_ns;
    ++story_.turns;
    last_doubt_ = std::max(last_doubt_, Moment(time));
    if (noticed_ && time >= *noticed_) return;
    noticed_ = time;
    story_.evidence = event.kind == "alert" ? "alert " + event.detail : event.detail;
  }

  void note_decision(std::uint64_t time) {
    ++story_.turns;
    last_decision_ = std::max(last_decision_, Moment(time));
  }

  void take(const wire::Event& event, Teller& teller) {
    const std::uint64_t time = event.monotonic_ns;
    if (event.kind == "alert") {
      note_first(teller.alert, time);
      teller.still = true;
    } else if (event.kind == "dismissal") {
      note_decision(time);
      note_first(teller.decided, time);
    } else if (event.kind == "resumed") {
      note_first(teller.resumed, time);
      teller.still = false;
    } else if (event.kind == "view") {
      take_view(event, teller);
    } else if (event.kind == "monitor-started" ||
               (is_end(event.kind) && !cells_.is_policy(event.cell))) {
      lose(event.cell);
    }
  }

  /// Whether an event of KIND tells of a guest's end, or of its next start.
  static bool is_end(std::string_view kind) {
    return kind == "starting" || kind == "rebooting" || kind == "failed" || kind == "panicked";
  }

  void take_view(const wire::Event& event, Teller& teller) {
    note_decision(event.monotonic_ns);
    if (!lists(event.detail, strike_.cell)) {
      note_first(teller.decided, event.monotonic_ns);
      note_first(teller.view, event.monotonic_ns);
    } else if (teller.view) {
      note_first(teller.back, event.monotonic_ns);
    }
    for (const auto& [cell, other] : tellers_) {
      if (!lists(event.detail, cell)) lose(cell);
    }
  }

  void lose(const std::string& cell) {
    auto& lost = story_.lost;
    if (std::find(lost.begin(), lost.end(), cell) == lost.end()) lost.push_back(cell);
  }

  void note_recovery(Moment first_view) {
    if (!first_view) return;
    for (const std::uint64_t time : recovered_) {
      if (time < *first_view) continue;
      story_.recovered = true;
      story_.times.recovery = between(first_view, time);
      return;
    }
  }

  void note_return(Moment last_back) {
    const auto first = std::find_if(runs_.begin(), runs_.end(), [&](std::uint64_t time) {
      return tellers_.begin()->second.view && time > *tellers_.begin()->second.view;
    });
    if (first == runs_.end()) return;
    story_.returned = true;
    ++story_.turns;
    story_.times.rejoin = between(strike_.time, std::max(*last_back, *first));
  }

  const Strike& strike_;
  const Cells& cells_;
  Story story_;
  Moment noticed_;
  Moment last_doubt_;
  Moment last_decision_;
  Moment alert_;
  std::map<std::string, Teller> tellers_;
  std::vector<std::uint64_t> recovered_;
  std::vector<std::uint64_t> runs_;  ///< When the cell that was hit came to run.
};

}  // namespace

std::optional<std::uint64_t> strike_time(std::span<const wire::Event> events,
                                         const std::string& cell, std::uint64_t sent) {
  for (const wire::Event& event : events) {
    const bool is_it = event.kind == "fault" && event.cell == cell && event.monotonic_ns >= sent;
    if (is_it) return event.monotonic_ns;
  }
  return std::nullopt;
}

Story read_story(std::span<const wire::Event> events, const Strike& strike, const Cells& cells) {
  Reader reader(strike, cells);
  for (const wire::Event& event : events) reader.take(event);
  return reader.finish();
}

}  // namespace hive::campaign
