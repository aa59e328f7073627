// A monitor's part in who is a member of the machine: detection and agreement put together.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "cellmon/agree/agreement.h"
#include "cellmon/member/figures.h"
#include "cellmon/member/state_page.h"
#include "cellmon/member/story.h"
#include "cellmon/member/watch.h"

namespace hive::member {

using agree::CellSet;
using agree::EvidenceSet;
using agree::Life;

/// What a Membership asks of the monitor around it. No method may call the Membership back; what it
/// leads to is an input, later.
class Surroundings {
 public:
  Surroundings() = default;
  Surroundings(const Surroundings&) = delete;
  Surroundings& operator=(const Surroundings&) = delete;
  virtual ~Surroundings() = default;

  /// Sends MESSAGE to TO's monitor; where there is no link it is lost.
  virtual void send(CellId to, const agree::Message& message) = 0;
  /// Asks SUSPECT's monitor how its cell is, as question NUMBER: Membership::answered().
  virtual void ask(CellId suspect, std::uint32_t number) = 0;
  /// Stop the guest: Membership::suspended(), unless the result says that it stands still already.
  virtual bool suspend() = 0;
  virtual void resume() = 0;
  /// This monitor's cell is no member any more: its guest must end.
  virtual void left() = 0;
  /// Cells have left, or failed and stay; the guest stands still until Membership::recovered().
  virtual void recover(CellSet failed) = 0;
  /// Something for people; KIND is one word.
  virtual void tell(const std::string& kind, const std::string& detail) = 0;
  /// What is asked of this object may have another answer than before.
  virtual void changed() = 0;
};

struct MemberSettings {
  CellId self{};
  Names names;  ///< Of all cells of the machine, then of its witnesses.
  /// This process's first. A founder is a member from the start, as all founders are; a later one
  /// has yet to join().
  Life life = agree::kFounder;
  /// Of the first ballot (agree::Settings).
  Time round = 200'000'000;
  /// How long a monitor may take to answer how its cell is.
  Time answer_limit = 2'000'000'000;
  /// How long a lost link may take to come back, or the process at its end to be known as ended.
  Time link_limit = 2'000'000'000;
  /// How many times as long it waits, before it accuses a cell about which it was voted down.
  unsigned surer = 8;
  /// How often state pages advance and are looked at.
  Time heartbeat = 500'000'000;
  /// The suspicion that makes a hint of a late heartbeat: with the least silence that counts as
  /// usual, the period, that is (1 + alarm / 2) periods.
  double alarm = 4;
  CellSet witnesses = {};  ///< Which of `names` are no cells.
};

/// Owns the Agreement and a Watch for each cell that this monitor watches. Pure: time, links,
/// probes and heartbeats are inputs. Of a late heartbeat it makes an alert only when the suspect's
/// monitor does not answer either. Not thread-safe.
class Membership final : private agree::Port {
 public:
  Membership(MemberSettings settings, Surroundings& surroundings);

  /// A process that began with LIFE is at the other end of the link to PEER.
  void link_up(CellId peer, Life life, Time now);
  void link_lost(CellId peer, Time now);
  /// The process of the present or last link to PEER has ended, and all that it sent has come.
  void process_ended(CellId peer, Time now);
  void receive(CellId from, const agree::Message& message, Time now);
  /// FROM's monitor has answered question NUMBER: EVIDENCE against its own cell, or none.
  void answered(CellId from, std::uint32_t number, EvidenceSet evidence, Time now);
  /// What to answer who asks how this cell is.
  [[nodiscard]] EvidenceSet findings() const { return own_evidence_; }

  /// What is to be held against the own cell: nothing while it is well.
  void set_own_evidence(EvidenceSet evidence, Time now);
  /// The guest stands still, as asked by Surroundings::suspend().
  void suspended(Time now);
  void recovered(Time now);
  /// EVIDENCE speaks against CELL, but proves nothing: its monitor is asked, and the cell accused
  /// if that does not answer or knows worse.
  void doubt(CellId cell, EvidenceSet evidence, Time now);
  /// This monitor has EVIDENCE against SUSPECT from elsewhere.
  void accuse(CellId suspect, EvidenceSet evidence, Time now);
  /// This monitor ends soon, as asked for: it votes, but accuses nobody any more.
  void go_down() { going_down_ = true; }
  /// A monitor that is out asks to be let in, until it is. Nothing where it does already.
  void join(Time now);

  /// PEER's state page was read, OWN_DELAY later than was meant; nothing: it is malformed.
  /// Heartbeats of cells that are not watched() are ignored.
  void observe(CellId peer, const std::optional<PeerPage::Sample>& sample, Time own_delay,
               Time now);
  void tick(Time now);
  /// When tick() is next needed.
  [[nodiscard]] Time deadline() const;

  [[nodiscard]] const agree::Agreed& agreed() const { return agreement_.agreed(); }
  [[nodiscard]] const agree::View& view() const { return agreement_.view(); }
  [[nodiscard]] bool is_member() const { return agreement_.is_member(); }
  [[nodiscard]] CellSet suspects() const { return agreement_.suspects(); }
  /// Whether the guest has to stand still.
  [[nodiscard]] bool is_suspending() const { return holding_; }
  /// Whether it does so now.
  [[nodiscard]] bool is_still() const { return holding_ && still_; }
  /// Whether recovered() is waited for.
  [[nodiscard]] bool is_recovering() const { return recovering_; }
  /// As what this monitor speaks now.
  [[nodiscard]] CellId self() const { return settings_.self; }
  [[nodiscard]] const Names& names() const { return settings_.names; }
  [[nodiscard]] Life life() const { return agreement_.life(); }
  /// Whether the cell's VMM may be started: it is a member that nobody suspects.
  [[nodiscard]] bool may_start() const;
  [[nodiscard]] CellSet watched() const;
  /// Of a watched cell: see detect::Accrual.
  [[nodiscard]] double suspicion(CellId cell, Time now) const;
  [[nodiscard]] std::uint64_t ignored() const { return agreement_.ignored(); }
  [[nodiscard]] const Figures& figures() const { return figures_; }

 private:
  // agree::Port
  void send(CellId to, const agree::Message& message) override;
  void suspend() override;
  void probe(CellId suspect) override;
  void counted(const agree::Vote& vote) override;
  void decided(const agree::Decision& decision, const agree::Agreed& agreed) override;
  void caught_up(const agree::Agreed& agreed) override;
  void stalled(unsigned rounds) override;
  void refused(CellId suspect, agree::Refusal why) override;

  struct Peer {
    bool linked = false;
    Life process = 0;  ///< The life with which the process at the link began.
    Life spoken = 0;   ///< The latest life of the process at the link that is known.
    Life over = 0;     ///< Its lives up to this one are over.
    Time link_deadline = agree::kNever;
    bool link_has_grace = false;
    std::uint32_t asked = 0;  ///< The question under way; 0: none.
    Time answer_deadline = agree::kNever;
    bool is_probe = false;   ///< The question is the Agreement's.
    bool has_grace = false;  ///< Its answer may be late once where this monitor is.
    EvidenceSet hint;        ///< What an answer would dispel.
    std::optional<Watch> watch;
    bool is_malformed = false;  ///< Its state page, as has been told.
    bool is_hushed = false;     ///< Its silence was refused as evidence, and goes on.
  };

  [[nodiscard]] Peer& at(CellId cell) { return peers_[agree::index_of(cell)]; }
  [[nodiscard]] const Peer& at(CellId cell) const { return peers_[agree::index_of(cell)]; }
  /// Whether the life of CELL in the view is known to be over.
  [[nodiscard]] bool is_over(CellId cell) const;
  [[nodiscard]] bool may_accuse(CellId cell) const;

  // membership_questions.cpp
  void start_probe(CellId suspect, Time now);
  void ask(CellId suspect, Time now);
  void finish_question(CellId suspect, EvidenceSet evidence, Time now);
  /// A question of the Agreement that nobody wants the answer to any more.
  void drop_probe(CellId suspect, Time now);
  /// A reason to ask SUSPECT's monitor, and to accuse the cell when that does not answer.
  void hint(CellId suspect, EvidenceSet evidence, Time now);
  void raise(CellId suspect, EvidenceSet evidence, Time now);
  void give_up_waiting(CellId cell, Time now);
  /// How long a suspicion of CELL has to last that is to be voiced: LIMIT, or longer where an
  /// earlier one was wrong.
  [[nodiscard]] Time patience(CellId cell, Time limit) const;
  [[nodiscard]] bool is_due(CellId cell, Time now) const;
  /// This monitor was late itself: it does not know yet what has come meanwhile.
  void wait_anew(Time now);

  // membership_port.cpp
  void note_view(const agree::View& view);
  void accuse_those_that_ended(Time now);
  void tell_alert();
  void count(const agree::Decision& decision);
  [[nodiscard]] std::string since_alert() const;
  /// Does one thing that is due; false when nothing is.
  [[nodiscard]] bool step(Time now);
  [[nodiscard]] bool settle_hold(Time now);
  /// Carries out what the Agreement has asked for. After each input.
  void run(Time now);

  MemberSettings settings_;
  Surroundings& surroundings_;
  agree::Agreement agreement_;
  std::array<Peer, kMaxCells> peers_{};
  EvidenceSet own_evidence_;
  bool own_refused_ = false;  ///< It decided nothing, as few as the voters were.
  bool going_down_ = false;
  bool joining_ = false;
  std::uint32_t last_question_ = 0;
  Time now_ = 0;  ///< Of the input being handled.

  // What the Agreement has asked for and is not done yet.
  CellSet to_probe_;
  bool answer_suspend_ = false;
  bool view_changed_ = false;
  CellSet failed_;  ///< To recover from.
  bool left_ = false;

  bool wants_still_ = false;  ///< The Agreement wants the guest to stand still.
  bool recovering_ = false;
  bool holding_ = false;
  bool still_ = false;
  bool ran_ = false;  ///< The guest had to be stopped.
  Time held_since_ = 0;
  Time still_since_ = 0;

  CellSet told_suspects_;
  Time alert_since_ = 0;
  agree::View known_;  ///< The last view that note_view() was given.
  Figures figures_;
};

}  // namespace hive::member
