// Monitors that talk at once, for tests of Agreement.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "cellmon/agree/agreement.h"

namespace hive::agree {

/// What one Agreement did.
class Recorder final : public Port {
 public:
  struct Sent {
    CellId to;
    Message message;
  };

  void send(CellId to, const Message& message) override { sent.push_back({to, message}); }
  void suspend() override { ++suspensions; }
  void probe(CellId suspect) override { probes.push_back(suspect); }
  void counted(const Vote& vote) override { votes.push_back(vote); }
  void decided(const Decision& decision, const Agreed& /*agreed*/) override {
    decisions.push_back(decision);
  }
  void caught_up(const Agreed& /*agreed*/) override { ++catches; }
  void stalled(unsigned rounds) override { stalls = rounds; }
  void refused(CellId /*suspect*/, Refusal why) override { refusals.push_back(why); }

  std::deque<Sent> sent;
  unsigned suspensions = 0;
  std::vector<CellId> probes;
  std::vector<Vote> votes;
  std::vector<Decision> decisions;
  std::vector<Refusal> refusals;
  unsigned catches = 0;
  unsigned stalls = 0;
};

/// N monitors, all linked. Messages, probes and suspensions take no time.
class Rig {
 public:
  explicit Rig(unsigned count, CellSet witnesses = {}) {
    const View founding = founding_view(CellSet((std::uint64_t{1} << count) - 1), witnesses);
    for (unsigned index = 0; index < count; ++index) {
      const CellId cell = id(index);
      ports.push_back(std::make_unique<Recorder>());
      monitors.push_back(std::make_unique<Agreement>(
          Settings{cell, kFounder, witnesses.contains(cell)}, founding, *ports.back()));
      dead.push_back(false);
    }
    link_all();
    run();
  }

  static CellId id(unsigned index) { return CellId{static_cast<std::uint8_t>(index)}; }

  void link_all() {
    for (unsigned a = 0; a < monitors.size(); ++a) {
      for (unsigned b = 0; b < monitors.size(); ++b) {
        if (a != b && !dead[a] && !dead[b]) monitors[a]->link_up(id(b), now);
      }
    }
  }

  /// What a monitor finds when it probes; a test may set it.
  std::function<EvidenceSet(unsigned observer, CellId about)> finds = [this](unsigned,
                                                                             CellId about) {
    return dead[index_of(about)] ? EvidenceSet(Evidence::kMonitorDeath) : EvidenceSet();
  };

  void kill(unsigned index) {
    dead[index] = true;
    ports[index]->sent.clear();
  }

  /// Delivers everything until there is nothing more to do at this time.
  void run() {
    for (bool busy = true; busy;) {
      busy = false;
      for (unsigned index = 0; index < monitors.size(); ++index) {
        if (!dead[index]) busy = step(index) || busy;
      }
    }
  }

  /// Lets TIME pass, in steps of the shortest round.
  void pass(Time time) {
    for (const Time end = now + time; now < end; now += Settings().round / 4) {
      for (unsigned index = 0; index < monitors.size(); ++index) {
        if (!dead[index]) monitors[index]->tick(now);
      }
      run();
    }
  }

  Agreement& operator[](unsigned index) { return *monitors[index]; }
  Recorder& port(unsigned index) { return *ports[index]; }

  std::vector<std::unique_ptr<Recorder>> ports;
  std::vector<std::unique_ptr<Agreement>> monitors;
  std::vector<bool> dead;
  Time now = 1000;

 private:
  bool step(unsigned index) {
    Recorder& port = *ports[index];
    bool busy = false;
    while (!port.sent.empty()) {
      const Recorder::Sent sent = port.sent.front();
      port.sent.pop_front();
      if (!dead[index_of(sent.to)])
        monitors[index_of(sent.to)]->receive(id(index), sent.message, now);
      busy = true;
    }
    for (; port.suspensions > 0; --port.suspensions) {
      monitors[index]->suspended(now);
      busy = true;
    }
    const std::vector<CellId> probes = std::move(port.probes);
    port.probes.clear();
    for (const CellId suspect : probes) {
      monitors[index]->probed(suspect, finds(index, suspect), now);
      busy = true;
    }
    return busy;
  }
};

}  // namespace hive::agree
