// The end of sections' moves that they come to: docs/placement.md.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "cellmon/firewall/contribution.h"
#include "cellmon/mesh/packet.h"
#include "cellmon/placement/use_counts.h"

namespace hive::placement {

/// What Arrivals have done.
class ArrivalPort {
 public:
  ArrivalPort() = default;
  ArrivalPort(const ArrivalPort&) = delete;
  ArrivalPort& operator=(const ArrivalPort&) = delete;
  ArrivalPort(ArrivalPort&&) = delete;
  ArrivalPort& operator=(ArrivalPort&&) = delete;
  virtual ~ArrivalPort() = default;

  [[nodiscard]] virtual std::uint64_t epoch() const = 0;
  virtual void send(CellId to, const mesh::MoveWord& word) = 0;
  /// Whether a guest of this home runs: sections end with theirs.
  [[nodiscard]] virtual bool has_guest() const = 0;
  /// As firewall::Contribution::reserve_section(), for what OFFER says.
  virtual firewall::Result<firewall::Section> reserve(const mesh::MoveWord& offer) = 0;
  /// Begins to copy the pages THEIRS of home FROM to OURS; Arrivals::copied() follows, or
  /// is called from within.
  virtual void copy(CellId from, const firewall::PageRange& theirs,
                    const firewall::PageRange& ours) = 0;
  /// The copy from FROM, where there is one, has no use any more.
  virtual void stop_copying(CellId from) = 0;
  /// Of CELL's VMM, as its rights here go.
  [[nodiscard]] virtual Incarnation incarnation(CellId cell) const = 0;
  /// SECTION, which came from FROM, is this home's, with RIGHTS. Those that cells have LOST
  /// meanwhile are not given; what these cells wrote is to be discarded first. False, with nothing
  /// given, where that cannot be.
  virtual bool admit(CellId from, firewall::SectionId section,
                     const firewall::SectionRights& rights,
                     const firewall::SectionRights& lost) = 0;
  virtual void release(firewall::SectionId section) = 0;
};

/// Takes sections of other homes, one of each at a time. What has been copied is kept until the
/// source says what becomes of it, and ends with the source where that is gone before: only what it
/// has left is published. Pure, not thread-safe.
class Arrivals {
 public:
  /// How long a source may say nothing before its section is not waited for any more, as long as
  /// it has not been copied.
  static constexpr Time kPatience = 10'000'000'000;
  /// After which a source that says nothing is asked what has become of its section.
  static constexpr Time kAskAfter = 1'000'000'000;

  explicit Arrivals(ArrivalPort& port) : port_(port) {}

  /// Whether WORD, a kCopy from FROM, is one whose rights are needed.
  [[nodiscard]] bool awaits_rights(CellId from, const mesh::MoveWord& word) const;
  /// WORD, which may be anything, came from FROM, with RIGHTS where these came and make sense.
  void hear(CellId from, const mesh::MoveWord& word,
            const std::optional<firewall::SectionRights>& rights, Time now);
  /// The copy that was begun last for FROM is there, or cannot be.
  void copied(CellId from, bool is_whole);
  void tick(Time now);
  /// CELL is out of the view, or another process is its monitor.
  void gone(CellId cell);
  /// CELL's rights have been taken, since its VMM has ended or the cell has failed.
  void dropped(CellId cell);
  /// All sections of this home have ended.
  void sections_ended();

  [[nodiscard]] bool is_busy() const { return !arrivals_.empty(); }

 private:
  enum class State : std::uint8_t { kReserved, kCopying, kReady };
  struct Arrival {
    State state = State::kReserved;
    std::uint64_t number = 0;
    std::uint64_t life = 0;
    firewall::Section section;
    firewall::SectionRights rights;
    firewall::WriterSet dropped;  ///< Cells that have ended since there is a place.
    Time heard = 0;
    Time asked = 0;
  };
  /// A source's last move that is over.
  struct Last {
    std::uint64_t life = 0;
    std::uint64_t number = 0;
    mesh::MoveFault fault{};  ///< kNone: the section has come.
  };

  void follow(CellId from, Arrival& arrival, const mesh::MoveWord& word,
              const std::optional<firewall::SectionRights>& rights);
  void take_offer(CellId from, const mesh::MoveWord& word, Time now);
  void take_rights(CellId from, Arrival& arrival, const mesh::MoveWord& word,
                   const std::optional<firewall::SectionRights>& rights);
  void publish(CellId from, Arrival& arrival);
  /// The arrival from FROM is over.
  void drop(CellId from, mesh::MoveFault fault);
  void note_last(CellId from, std::uint64_t life, std::uint64_t number, mesh::MoveFault fault);
  void answer_last(CellId from);
  void say(CellId from, const Arrival& arrival, mesh::MoveStep step);

  ArrivalPort& port_;
  std::map<CellId, Arrival> arrivals_;  ///< By source.
  std::map<CellId, Last> lasts_;
};

}  // namespace hive::placement
