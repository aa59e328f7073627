// Monitors' memberships on a clock that the test turns; messages take no time.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "cellmon/member/membership.h"

namespace hive::member {

inline constexpr Time kMillisecond = 1'000'000;

inline CellId id(unsigned cell) { return CellId{static_cast<std::uint8_t>(cell)}; }

/// One monitor, as far as its membership goes.
class Monitor final : public Surroundings {
 public:
  using Event = std::pair<std::string, std::string>;

  Monitor(unsigned cell, Names names, Life life)
      : own(cell), membership({id(cell), std::move(names), life}, *this) {}

  void send(CellId to, const agree::Message& message) override { sent.emplace_back(to, message); }
  void ask(CellId suspect, std::uint32_t number) override { asked.emplace_back(suspect, number); }
  bool suspend() override {
    ++suspensions;
    is_still = !has_vmm;
    return is_still;
  }
  void resume() override { is_still = false; }
  void left() override {
    has_left = true;
    has_vmm = false;
  }
  void recover(CellSet failed) override { to_recover = to_recover | failed; }
  void tell(const std::string& kind, const std::string& detail) override {
    events.emplace_back(kind, detail);
  }
  void changed() override {}

  [[nodiscard]] std::vector<std::string> details(const std::string& kind) const {
    std::vector<std::string> details;
    for (const auto& [each, detail] : events) {
      if (each == kind) details.push_back(detail);
    }
    return details;
  }

  const unsigned own;
  bool alive = true;    ///< The process.
  bool answers = true;  ///< It is not stopped.
  bool hears = true;    ///< What it asked is answered at once; else when somebody wakes.
  bool has_vmm = true;
  bool stops = true;     ///< The guest can be stopped.
  bool recovers = true;  ///< Recovery takes no time.
  bool is_still = false;
  bool has_left = false;
  unsigned suspensions = 0;
  std::uint64_t heartbeat = 1;
  CellSet to_recover;
  std::deque<std::pair<CellId, agree::Message>> sent;
  std::deque<std::pair<CellId, std::uint32_t>> asked;
  std::vector<Event> events;
  Membership membership;
};

class Rig {
 public:
  explicit Rig(unsigned count) {
    for (unsigned cell = 0; cell < count; ++cell) names_.push_back("cell" + std::to_string(cell));
    for (unsigned cell = 0; cell < count; ++cell) {
      monitors_.push_back(std::make_unique<Monitor>(cell, names_, agree::kFounder));
    }
    for (unsigned a = 0; a < count; ++a) {
      for (unsigned b = 0; b < count; ++b) {
        if (a != b) (*this)[a].link_up(id(b), agree::kFounder, now);
      }
    }
    run();
  }

  Membership& operator[](unsigned cell) { return monitors_[cell]->membership; }
  Monitor& monitor(unsigned cell) { return *monitors_[cell]; }

  /// The process of CELL's monitor ends, and the others hear of it.
  void kill(unsigned cell) {
    monitor(cell).alive = false;
    for (const auto& each : monitors_) {
      if (!each->alive || each->own == cell) continue;
      each->membership.link_lost(id(cell), now);
      each->membership.process_ended(id(cell), now);
    }
    run();
  }
  /// Another process takes its place.
  void start(unsigned cell) {
    const Life life = now;
    monitors_[cell] = std::make_unique<Monitor>(cell, names_, life);
    for (const auto& each : monitors_) {
      if (!each->alive || each->own == cell) continue;
      each->membership.link_up(id(cell), life, now);
      monitor(cell).membership.link_up(id(each->own), 1, now);
    }
    run();
  }

  /// A stopped monitor goes on, and finds what it was sent.
  void wake(unsigned cell) {
    monitor(cell).answers = true;
    for (const auto& [from, to, message] : std::exchange(later_, {})) {
      monitor(agree::index_of(to)).membership.receive(id(from), message, now);
    }
    for (const auto& [from, to, number] : std::exchange(unanswered_, {})) {
      monitor(from).membership.answered(to, number, (*this)[agree::index_of(to)].findings(), now);
    }
    run();
  }

  /// Delivers all that is under way. What a stopped monitor is sent waits for it.
  void run() {
    for (bool busy = true; busy;) {
      busy = false;
      for (const auto& each : monitors_) {
        if (each->alive && each->answers) busy = step(*each) || busy;
      }
    }
  }

  /// Lets TIME pass in steps of 10 ms; every heartbeat, state pages are written and looked at.
  void pass(Time time) {
    for (const Time end = now + time; now < end;) {
      now += 10 * kMillisecond;
      for (const auto& each : monitors_) {
        if (each->alive && each->answers && now >= each->membership.deadline()) {
          each->membership.tick(now);
        }
      }
      if (now >= next_beat_) beat();
      run();
    }
  }

  std::function<Time()> own_delay = [] { return Time{0}; };
  Time now = 1'000 * kMillisecond;

 private:
  void beat() {
    const Time delay = own_delay();
    next_beat_ = now + MemberSettings().heartbeat + delay;
    for (const auto& each : monitors_) {
      if (each->alive && each->answers) ++each->heartbeat;
    }
    for (const auto& each : monitors_) {
      if (!each->alive || !each->answers) continue;
      for (const auto& peer : monitors_) {
        if (peer == each || !peer->alive) continue;
        each->membership.observe(id(peer->own), PeerPage::Sample{peer->heartbeat, 1, 1, {}}, delay,
                                 now);
      }
    }
  }

  bool step(Monitor& monitor) {
    bool busy = false;
    for (; !monitor.sent.empty(); busy = true) {
      const auto [to, message] = monitor.sent.front();
      monitor.sent.pop_front();
      Monitor& receiver = *monitors_[agree::index_of(to)];
      if (!receiver.alive) continue;
      if (receiver.answers) {
        receiver.membership.receive(id(monitor.own), message, now);
      } else {
        later_.emplace_back(monitor.own, to, message);
      }
    }
    for (; !monitor.asked.empty(); busy = true) {
      const auto [to, number] = monitor.asked.front();
      monitor.asked.pop_front();
      Monitor& suspect = *monitors_[agree::index_of(to)];
      if (suspect.alive && suspect.answers && monitor.hears) {
        monitor.membership.answered(to, number, suspect.membership.findings(), now);
      } else if (suspect.alive) {
        unanswered_.emplace_back(monitor.own, to, number);
      }
    }
    if (monitor.membership.is_suspending() && !monitor.is_still && monitor.stops) {
      monitor.is_still = busy = true;
      monitor.membership.suspended(now);
    }
    if (!monitor.to_recover.empty() && monitor.recovers) {
      monitor.to_recover = CellSet();
      busy = true;
      monitor.membership.recovered(now);
    }
    return busy;
  }

  Names names_;
  std::vector<std::unique_ptr<Monitor>> monitors_;
  std::vector<std::tuple<unsigned, CellId, agree::Message>> later_;
  std::vector<std::tuple<unsigned, CellId, std::uint32_t>> unanswered_;
  Time next_beat_ = 0;
};

}  // namespace hive::member
