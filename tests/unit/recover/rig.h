// Survivors that talk at once, for tests of Recovery.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "cellmon/recover/recovery.h"

namespace hive::recover {

/// What one Recovery did.
class Recorder final : public Port {
 public:
  struct Sent {
    CellId to;
    Message message;
  };

  void send(CellId to, const Message& message) override { sent.push_back({to, message}); }
  void perform(const Order& order) override {
    orders.push_back(order);
    steps.push_back(order.step);
  }
  void leave() override { ++leaves; }
  void rejoin() override { ++rejoins; }
  void boot(Incarnation incarnation) override { boots.push_back(incarnation); }
  void recovered(std::uint64_t epoch) override { recoveries.push_back(epoch); }
  void late(CellSet who) override { lates.push_back(who); }
  void replace(CellId cell) override { replaced.push_back(cell); }
  void stop_machine(CellId cell) override { stops.push_back(cell); }

  std::deque<Sent> sent;
  std::deque<Order> orders;  ///< Not carried out yet.
  std::vector<Step> steps;   ///< All that were asked for.
  unsigned leaves = 0;
  unsigned rejoins = 0;
  std::vector<Incarnation> boots;
  std::vector<std::uint64_t> recoveries;
  std::vector<CellSet> lates;
  std::vector<CellId> replaced;
  std::vector<CellId> stops;
};

/// N monitors, all linked and founders. Messages take no time; steps take none where `works` says.
class Rig {
 public:
  explicit Rig(unsigned count, const RestartSettings& restart = {}, CellSet witnesses = {})
      : view(agree::founding_view(CellSet((std::uint64_t{1} << count) - 1), witnesses)) {
    settings.restart.fill(restart);
    for (unsigned index = 0; index < count; ++index) {
      settings.self = id(index);
      ports.push_back(std::make_unique<Recorder>());
      survivors.push_back(std::make_unique<Recovery>(settings, view, now, *ports.back()));
      works.push_back(true);
      dead.push_back(false);
    }
  }

  static CellId id(unsigned index) { return CellId{static_cast<std::uint8_t>(index)}; }

  /// The next view, without GONE and with JOINED, in their next incarnations and lives.
  void change(CellSet gone, CellSet joined = {}) {
    ++view.epoch;
    view.members = (view.members - gone) | joined;
    joined.for_each([&](CellId cell) {
      ++view.incarnations[index_of(cell)];
      ++view.lives[index_of(cell)];
    });
  }
  void tell(unsigned index) { survivors[index]->view(view, view.lives[index], now); }
  /// Tells all that live, and lets them do all they can.
  void tell_all() {
    for (unsigned index = 0; index < survivors.size(); ++index) {
      if (!dead[index]) tell(index);
    }
    run();
  }
  void lose(unsigned index) {
    change(CellSet::of(id(index)));
    tell_all();
  }

  void run() {
    for (bool busy = true; busy;) {
      busy = false;
      for (unsigned index = 0; index < survivors.size(); ++index) {
        busy = deliver(index) || work(index) || busy;
      }
    }
  }
  void pass(Time time) {
    for (const Time end = now + time; now < end;) {
      now += settings.times.retry;
      for (unsigned index = 0; index < survivors.size(); ++index) {
        if (!dead[index]) survivors[index]->tick(now);
      }
      run();
    }
  }
  /// Carries out the order that is due, if any.
  bool step(unsigned index) {
    Recorder& port = *ports[index];
    if (port.orders.empty()) return false;
    const Order order = port.orders.front();
    port.orders.pop_front();
    survivors[index]->done(order.epoch, order.step, now);
    return true;
  }

  Recovery& operator[](unsigned index) { return *survivors[index]; }
  Recorder& port(unsigned index) { return *ports[index]; }

  View view;
  Settings settings;
  std::vector<std::unique_ptr<Recorder>> ports;
  std::vector<std::unique_ptr<Recovery>> survivors;
  std::vector<bool> works;
  std::vector<bool> dead;
  Time now = 1'000'000;
  bool loses_messages = false;

 private:
  bool deliver(unsigned index) {
    Recorder& port = *ports[index];
    bool busy = false;
    while (!port.sent.empty()) {
      const Recorder::Sent sent = port.sent.front();
      port.sent.pop_front();
      if (dead[index] || dead[index_of(sent.to)] || loses_messages) continue;
      survivors[index_of(sent.to)]->receive(id(index), sent.message, now);
      busy = true;
    }
    return busy;
  }
  bool work(unsigned index) {
    bool busy = false;
    while (works[index] && !dead[index] && step(index)) busy = true;
    return busy;
  }
};

}  // namespace hive::recover
