// The end of a section's move that it leaves: docs/placement.md.
#pragma once

#include <cstdint>
#include <string>

#include "cellmon/firewall/contribution.h"
#include "cellmon/mesh/packet.h"
#include "cellmon/placement/use_counts.h"

namespace hive::placement {

/// How a move has ended.
struct MoveEnd {
  std::string name;  ///< The section's.
  CellId to{};
  bool moved = false;  ///< The section is the target's now, or was until that ended.
  std::string why;     ///< Where that is no plain success: for people.
};

/// What a Departure has done.
class DeparturePort {
 public:
  DeparturePort() = default;
  DeparturePort(const DeparturePort&) = delete;
  DeparturePort& operator=(const DeparturePort&) = delete;
  DeparturePort(DeparturePort&&) = delete;
  DeparturePort& operator=(DeparturePort&&) = delete;
  virtual ~DeparturePort() = default;

  /// Of the present view.
  [[nodiscard]] virtual std::uint64_t epoch() const = 0;
  /// With RIGHTS where WORD is kCopy. May get lost, come late or more than once.
  virtual void send(CellId to, const mesh::MoveWord& word,
                    const firewall::SectionRights* rights) = 0;
  /// Of CELL's VMM, as far as this home knows; this home's own, too.
  [[nodiscard]] virtual Incarnation incarnation(CellId cell) const = 0;
  /// As firewall::Contribution has them, and the hardware follows.
  virtual firewall::Result<firewall::FrozenSection> freeze(firewall::SectionId section) = 0;
  virtual void thaw(firewall::SectionId section) = 0;
  virtual void forward(firewall::SectionId section, CellId home, firewall::SectionId to,
                       const firewall::PageRange& place) = 0;
  virtual void ended(const MoveEnd& end) = 0;
};

/// Moves sections of its home to others, one at a time. The home decides: until it has switched, by
/// forward(), the section is its own; from then on it is the target's.
///
/// The target publishes what it has copied only when this home says that it has switched. So this
/// end may call a move off at any time before, whether the target hears of that or not: one that
/// asks later what has become of its copy is told.
///
/// Pure, not thread-safe. Time is passed in.
class Departure {
 public:
  static constexpr Time kRetry = 250'000'000;
  /// How long the target may say nothing, where it is asked.
  static constexpr Time kPatience = 2'000'000'000;
  /// How long a section is frozen for its copy.
  static constexpr Time kCopyLimit = 30'000'000'000;

  /// Of home SELF, whose monitor has LIFE.
  Departure(CellId self, std::uint64_t life, DeparturePort& port)
      : self_(self), life_(life), port_(port) {}

  /// Begins to move SECTION, which is this home's, to TO. Not while is_busy().
  void begin(const firewall::Section& section, CellId to, Time now);
  [[nodiscard]] bool is_busy() const { return state_ != State::kIdle; }

  /// WORD, which may be anything, came from FROM.
  void hear(CellId from, const mesh::MoveWord& word, Time now);
  /// At least each kRetry while is_busy().
  void tick(Time now);
  /// CELL is out of the view, or another process is its monitor: what it had is lost.
  void gone(CellId cell);
  /// CELL's rights have been taken, since its VMM has ended or the cell has failed.
  void dropped(CellId cell, Time now);
  /// There is another view.
  void view_changed(Time now);
  /// All sections of this home have ended.
  void sections_ended(Time now);

 private:
  enum class State : std::uint8_t { kIdle, kAsking, kCopying, kSwitched };

  void take_place(const mesh::MoveWord& word, Time now);
  void take_copied(const mesh::MoveWord& word, Time now);
  void take_refusal(mesh::MoveFault fault);
  /// TO is at a move that is not, or not any more.
  void disown(CellId to, std::uint64_t number);
  void freeze(Time now);
  /// The section stays, for WHY.
  void cancel(std::string why, Time now);
  void end(bool moved, std::string why);
  void say(mesh::MoveStep step, Time now);

  CellId self_;
  std::uint64_t life_;
  DeparturePort& port_;
  State state_ = State::kIdle;
  std::uint64_t number_ = 0;
  CellId to_{};
  firewall::Section section_;
  firewall::SectionRights rights_;
  firewall::SectionId their_id_{};
  firewall::PageRange place_;  ///< There.
  bool frozen_ = false;
  bool rights_taken_ = false;  ///< The target has them.
  mesh::MoveStep said_{};
  Time began_ = 0;  ///< This state.
  Time heard_ = 0;
  Time sent_ = 0;
};

}  // namespace hive::placement
