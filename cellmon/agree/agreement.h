// How the monitors of a machine agree on who is a member: docs/agreement.md.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "cellmon/agree/acceptor.h"
#include "cellmon/agree/cell_set.h"
#include "cellmon/agree/decision.h"
#include "cellmon/agree/evidence.h"
#include "cellmon/agree/message.h"
#include "cellmon/agree/port.h"
#include "cellmon/agree/quorum.h"
#include "cellmon/agree/tally.h"
#include "cellmon/agree/view.h"

namespace hive::agree {

struct Settings {
  CellId self{};
  Life life = kFounder;
  bool witness = false;
  /// How long a ballot may take before the next leader tries, at first: more than suspending and
  /// probing take, and five messages. It doubles with each ballot that comes to nothing, up to 64
  /// times this.
  Time round = 20'000'000;
};

/// One monitor's part in agreement. Pure: time, links and probes are inputs, all that it does goes
/// through its Port. Inputs that do not fit are ignored. Allocates nothing. Not thread-safe.
class Agreement {
 public:
  /// A founder: a member of FOUNDING from the start, which is the same for all founders.
  Agreement(const Settings& settings, const View& founding, Port& port);
  /// A monitor that was started later; it has yet to join().
  Agreement(const Settings& settings, Port& port);

  /// This monitor has EVIDENCE against SUSPECT, perhaps its own cell.
  void accuse(CellId suspect, EvidenceSet evidence, Time now);
  /// The guest stands still, as asked by Port::suspend().
  void suspended(Time now);
  /// What a probe of SUSPECT came to: nothing when it is healthy.
  void probed(CellId suspect, EvidenceSet evidence, Time now);
  /// Asks to be let in under LIFE, later than all earlier lives of this cell, until it is, or until
  /// it learns that it was let in and put out again meanwhile: is_joining() says no then, and it
  /// takes another life. For a monitor that is not a member, or no more.
  void join(Life life, Time now);
  void link_up(CellId peer, Time now);
  void link_lost(CellId peer, Time now);
  /// MESSAGE came over the link with FROM's monitor.
  void receive(CellId from, const Message& message, Time now);
  void tick(Time now);

  /// When tick() is next needed; kNever when nothing is under way.
  [[nodiscard]] Time deadline() const;
  /// Whether this monitor is in the latest view that it knows.
  [[nodiscard]] bool is_member() const { return member_; }
  [[nodiscard]] bool is_joining() const { return joining_; }
  /// Whether a decision is under way.
  [[nodiscard]] bool is_active() const { return active_; }
  /// What this monitor knows to be agreed; slot 0: nothing.
  [[nodiscard]] const Agreed& agreed() const { return agreed_; }
  [[nodiscard]] const View& view() const { return agreed_.view; }
  [[nodiscard]] Life life() const { return settings_.life; }
  [[nodiscard]] CellSet suspects() const { return suspects_; }
  [[nodiscard]] std::uint32_t ballot() const { return acceptor_.promised(); }
  /// How many messages did not fit and were ignored.
  [[nodiscard]] std::uint64_t ignored() const { return ignored_; }

 private:
  // agreement_input.cpp: what comes in.
  void take(const Alert& alert, Time now);
  void take(const Vote& vote, Time now);
  void take(const Propose& propose, Time now);
  void take(const Accepted& accepted, Time now);
  void take(const Decided& decided, Time now);
  void take(const Ask& ask, Time now);
  void take(const State& state, Time now);
  void take(const Join& join, Time now);
  [[nodiscard]] bool is_current(const Header& header);
  void settle(Time now);
  void go_on(Time now);

  // agreement_ballot.cpp: one slot's ballots.
  [[nodiscard]] CellSet unreachable() const;
  [[nodiscard]] bool leads() const;
  void move_to(std::uint32_t ballot, Time now);
  void enter(std::uint32_t ballot, Time now);
  bool skip_unreachable(Time now);
  bool note_suspects(CellSet suspects);
  void judge(CellId suspect, EvidenceSet evidence);
  [[nodiscard]] bool is_ready() const;
  [[nodiscard]] Opinion opinion() const;
  void vote(Time now);
  void propose(Time now);
  void count_acceptance(CellId voter, CellSet over);

  // agreement_log.cpp: from slot to slot.
  void apply(const Decision& decision);
  void adopt(const Agreed& agreed);
  void keep_open_cases(CellSet same);
  void finish(const View& before);
  void begin_next(Time now);
  [[nodiscard]] CellSet superseded() const;
  [[nodiscard]] CellId next_joiner() const;
  void ask_to_join(CellId peer);
  void ask_to_join(Time now);

  // agreement.cpp
  [[nodiscard]] Header header(Kind kind) const;
  [[nodiscard]] CellSet members() const { return agreed_.view.members; }
  [[nodiscard]] Time patience() const;
  void send(CellId to, const Message& message);
  void broadcast(const Message& message);
  [[nodiscard]] Alert alert() const;
  void inform(CellId peer);

  Settings settings_;
  Port& port_;
  Agreed agreed_;
  bool member_ = false;
  bool joining_ = false;
  Time join_deadline_ = kNever;
  CellSet linked_;
  /// When members are missing from `linked_`: when to ask the others for news.
  Time poll_deadline_ = kNever;
  static constexpr Time kPoll = 8;        ///< Rounds from one time to the next.
  CellSet over_;                          ///< Members that this monitor can prove to be over.
  std::array<Life, kMaxCells> wishes_{};  ///< The latest life of each cell that asked to join.
  std::uint64_t ignored_ = 0;

  // The slot under way.
  bool active_ = false;
  bool suspend_asked_ = false;
  bool halted_ = false;
  CellSet suspects_;
  CellSet judged_;   ///< Probed, or accused.
  CellSet failed_;   ///< Of those, what evidence is against.
  CellSet accused_;  ///< Of those, by this monitor of its own accord.
  std::array<EvidenceSet, kMaxCells> evidence_{};
  Acceptor acceptor_;
  unsigned rounds_ = 0;  ///< Ballots of this slot that came to nothing.
  Time deadline_ = kNever;

  // The ballot under way, for its leader.
  Tally tally_;
  Time collect_deadline_ = kNever;  ///< When it stops waiting for more votes than it needs.
  bool proposed_ = false;
  CellSet accepted_by_;
  Proofs accepted_proofs_{};
  std::optional<Decision> decided_;  ///< Final, but not applied yet.
};

}  // namespace hive::agree
