// A simulated machine: monitors that run the real code, links, time, and what is wrong with them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "cellmon/agree/agreement.h"
#include "tests/sim/checker.h"
#include "tests/sim/random.h"
#include "tests/sim/trace.h"

namespace hive::sim {

using agree::Time;
inline constexpr Time kMicro = 1'000;
inline constexpr Time kMilli = 1'000'000;
inline constexpr Time kRound = 20 * kMilli;

enum class Guest : std::uint8_t { kSound, kPanicked, kHung };

class World;

/// What monitors do besides agreeing, where that is simulated too.
class Extension {
 public:
  Extension() = default;
  Extension(const Extension&) = delete;
  Extension& operator=(const Extension&) = delete;
  virtual ~Extension() = default;

  /// CELL's agreement has decided, or caught up.
  virtual void viewed(CellId cell) = 0;
  /// CELL has a new monitor, which has no view yet.
  virtual void started(CellId cell) = 0;
  virtual void killed(CellId cell) = 0;
  /// OBSERVER sees that CELL's monitor has ended.
  virtual void saw_end(CellId observer, CellId cell) = 0;
  /// Nothing fails any more.
  virtual void calm_down() = 0;
  /// Whether all that must come to an end has, for the members CORE, which are linked.
  [[nodiscard]] virtual bool is_quiet(agree::CellSet core) const = 0;
};

/// One cell's monitor: at most one process at a time, and the guest under it.
class Node final : public agree::Port {
 public:
  Node(World& world, CellId cell) : world_(world), cell_(cell) {}

  void send(CellId to, const agree::Message& message) override;
  void suspend() override;
  void probe(CellId suspect) override;
  void counted(const agree::Vote& /*vote*/) override {}
  void decided(const agree::Decision& decision, const agree::Agreed& agreed) override;
  void caught_up(const agree::Agreed& agreed) override;
  void stalled(unsigned /*rounds*/) override {}
  void refused(CellId suspect, agree::Refusal why) override;

  [[nodiscard]] bool runs() const { return alive && !stopped; }
  [[nodiscard]] bool is_member() const { return alive && agreement->is_member(); }

  std::unique_ptr<agree::Agreement> agreement;
  std::uint32_t process = 1;  ///< Counts its processes.
  agree::Life life = agree::kFounder;
  Incarnation incarnation = 1;
  bool alive = true;
  bool stopped = false;
  bool tainted = false;  ///< Something has been wrong with this life.
  bool suspended = false;
  bool stood_still = false;  ///< It was suspended when the latest decision came.
  bool witness = false;
  bool joining = false;
  Guest guest = Guest::kSound;
  agree::CellSet victims;  ///< Healthy or not, it finds them failed.
  Time tick_at = agree::kNever;

 private:
  void renew(const agree::View& view);

  World& world_;
  CellId cell_;
};

enum class What : std::uint8_t {
  kDeliver,
  kLinkUp,
  kLinkLost,
  kSuspended,
  kProbed,
  kTick,
  kHint,
  kLie,
  kRejoin,
  kExtension,
  // What happens to a node, whether it runs or not.
  kKill,
  kStop,
  kContinue,
  kFailGuest,
  kRestart,
  kCut,
  kHeal,
};

struct Event {
  Time time = 0;
  std::uint64_t order = 0;
  What what{};
  CellId node{};
  CellId other{};
  std::uint32_t process = 0;     ///< The node's process that it is for.
  std::uint32_t generation = 0;  ///< The link's, for messages.
  std::uint32_t message = 0;

  friend bool operator>(const Event& a, const Event& b) {
    return a.time != b.time ? a.time > b.time : a.order > b.order;
  }
};

struct Link {
  bool up = true;
  std::uint32_t generation = 0;
  Time last_arrival = 0;  ///< Of what goes this way.
};

class World {
 public:
  World(std::uint64_t seed, unsigned members, bool witness, bool trace);

  void at(Time time, What what, CellId node, CellId other = CellId{});
  /// Has CELL's present monitor do WORK at TIME, or when it goes on, if it is not dead by then.
  void post(Time time, CellId cell, std::function<void()> work);
  /// EXTENSION outlives the simulation.
  void extend(Extension* extension) { extension_ = extension; }
  [[nodiscard]] Extension* extension() const { return extension_; }
  /// Runs all that happens until TIME.
  void run_until(Time time);

  void kill(CellId cell);
  void restart(CellId cell);
  void rejoin(CellId cell);
  void cut(CellId a, CellId b, bool drain);
  void heal(CellId a, CellId b);
  [[nodiscard]] bool linked(CellId a, CellId b) const;
  /// What OBSERVER would find out about ABOUT, lies aside.
  [[nodiscard]] agree::EvidenceSet truth(CellId observer, CellId about) const;
  /// Has some members find out that CELL is in a bad way, if it is.
  void hint_at(CellId cell, Time within);

  [[nodiscard]] Node& node(CellId cell) { return *nodes_[agree::index_of(cell)]; }
  [[nodiscard]] const Node& node(CellId cell) const { return *nodes_[agree::index_of(cell)]; }
  [[nodiscard]] agree::CellSet all() const { return all_; }
  [[nodiscard]] Time now() const { return now_; }
  /// How long a message takes.
  [[nodiscard]] Time delay();
  void say(CellId cell, const std::string& text) const;
  [[nodiscard]] std::uint64_t events() const { return handled_; }
  Random& random() { return random_; }
  Checker& checker() { return checker_; }
  /// The latest view that anybody knows.
  [[nodiscard]] const agree::View& latest_view() const { return checker_.latest().view; }
  [[nodiscard]] const Trace& trace() const { return trace_; }

 private:
  friend class Node;
  void deliver(CellId from, CellId to, const agree::Message& message);
  void handle(const Event& event);
  void happen(const Event& event);
  void tell(Node& node, const Event& event);
  void tell_hint(Node& node, const Event& event);
  void after_input(CellId cell);
  Link& link(CellId from, CellId to);
  std::uint32_t store(const agree::Message& message);

  Random random_;
  Trace trace_;
  Time now_ = 0;
  std::uint64_t order_ = 0;
  std::uint64_t handled_ = 0;
  agree::CellSet all_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<Link> links_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> queue_;
  std::vector<Event> held_;  ///< For nodes that are stopped.
  std::vector<agree::Message> messages_;
  std::vector<std::uint32_t> free_messages_;
  std::vector<std::function<void()>> work_;  ///< Each is done once, at most.
  Extension* extension_ = nullptr;
  Time slow_until_ = 0;  ///< Until then everything takes long.
  Checker checker_;
};

}  // namespace hive::sim
