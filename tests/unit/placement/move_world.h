// A made-up machine whose homes move one section among each other.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cellmon/placement/arrivals.h"
#include "cellmon/placement/departure.h"
#include "tests/sim/random.h"

namespace hive::placement {

inline constexpr std::uint64_t kHomePages = 40;
inline constexpr std::uint64_t kHostedPages = 20;
inline constexpr std::uint64_t kSectionPages = 8;
inline constexpr unsigned kHomes = 3;

class MoveWorld;

/// One cell's monitor, as far as moves go, with its contribution.
class MoveSite : public DeparturePort, public ArrivalPort {
 public:
  MoveSite(MoveWorld& world, CellId self, std::uint64_t life, std::uint64_t epoch);

  // Both ports.
  [[nodiscard]] std::uint64_t epoch() const override { return epoch_; }

  void send(CellId to, const mesh::MoveWord& word, const firewall::SectionRights* rights) override;
  firewall::Result<firewall::FrozenSection> freeze(firewall::SectionId section) override;
  void thaw(firewall::SectionId section) override { contribution.thaw_section(section); }
  void forward(firewall::SectionId section, CellId home, firewall::SectionId to,
               const firewall::PageRange& place) override;
  void ended(const MoveEnd& end) override;

  void send(CellId to, const mesh::MoveWord& word) override { send(to, word, nullptr); }
  firewall::Result<firewall::Section> reserve(const mesh::MoveWord& offer) override;
  void copy(CellId from, const firewall::PageRange& theirs,
            const firewall::PageRange& ours) override;
  void stop_copying(CellId from) override { jobs[static_cast<unsigned>(from)].reset(); }
  [[nodiscard]] Incarnation incarnation(CellId cell) const override;
  [[nodiscard]] bool has_guest() const override { return !is_evicted; }
  bool admit(CellId from, firewall::SectionId section, const firewall::SectionRights& rights,
             const firewall::SectionRights& lost) override;
  void release(firewall::SectionId section) override;

  /// CELL can write nothing here any more; what it wrote is dropped where it has failed.
  void drop(CellId cell, bool has_failed);
  /// The view without CELL, or with it again, is known here.
  void take_view(std::uint64_t epoch, CellId cell, bool is_in);
  void restart_guest();
  void tick();

  struct Job {
    firewall::PageRange theirs;
    firewall::PageRange ours;
    Time due = 0;
    std::shared_ptr<std::vector<std::uint64_t>> file;
  };

  MoveWorld& world;
  CellId self;
  firewall::Contribution contribution;
  std::shared_ptr<std::vector<std::uint64_t>> content;  ///< A word for each page.
  Departure departure;
  Arrivals arrivals;
  std::array<std::optional<Job>, kHomes> jobs;  ///< By source.
  std::uint64_t out = 0;                        ///< Cells that are not in the view, by bits.
  bool is_evicted = false;                      ///< Its guest has ended; its monitor lives on.

 private:
  std::uint64_t epoch_;
  std::array<std::uint64_t, kHomes> drops_{};  ///< How often each cell lost its rights,
  std::array<std::uint64_t, kHomes>
      drops_then_{};  ///< and how often until the last place was made.
};

/// Random moves, writes, changes of rights, losses and failures; each breach is added to `faults`.
class MoveWorld {
 public:
  explicit MoveWorld(std::uint64_t seed);

  /// Runs all of it.
  void run();

  std::vector<std::string> faults;
  unsigned moved = 0;
  unsigned not_moved = 0;
  unsigned given_up = 0;  ///< By a target whose source had gone, after the switch.
  unsigned losses = 0;    ///< With the home.

 private:
  friend class MoveSite;
  struct Letter {
    CellId from{};
    std::uint64_t from_life = 0;
    CellId to{};
    std::uint64_t to_life = 0;
    mesh::MoveWord word;
    std::optional<firewall::SectionRights> rights;
    Time due = 0;
  };
  /// What is known of the section, whoever has it.
  struct Truth {
    bool exists = true;
    CellId home{};
    CellId left{};  ///< Its home before that.
    std::vector<std::uint64_t> content = std::vector<std::uint64_t>(kSectionPages);
  };
  struct ViewNews {
    CellId at{};
    CellId about{};
    bool is_in = false;
    std::uint64_t epoch = 0;
    Time due = 0;
  };

  MoveSite& site(CellId cell) { return *sites_[static_cast<unsigned>(cell)]; }
  /// Whether CELL's monitor does.
  [[nodiscard]] bool lives(CellId cell) const { return lives_[static_cast<unsigned>(cell)]; }
  /// Whether its guest does, too, and it is in the view as far as it knows.
  [[nodiscard]] bool is_up(CellId cell) { return lives(cell) && !site(cell).is_evicted; }
  [[nodiscard]] CellId any_cell() { return CellId{static_cast<std::uint8_t>(random_.below(3))}; }
  void step();
  void happen();
  void deliver();
  void deliver_views();
  void finish_copies();
  void write();
  void change_rights();
  void begin_move();
  void end_cell(CellId cell);
  /// CELL fails, but its monitor lives on.
  void evict(CellId cell);
  void bring_back(CellId cell);
  /// All that was said of views is known everywhere.
  void settle_views();
  void restart(CellId cell);
  void tell_view(CellId about, bool is_in);
  void check();
  void check_end();
  void check_hosted();
  void lose(CellId home);
  void fault(const std::string& what);

  sim::Random random_;
  std::uint64_t seed_;
  Time now_ = 0;
  bool is_calm_ = false;
  CellId creator_{};
  std::array<std::unique_ptr<MoveSite>, kHomes> sites_;
  std::array<bool, kHomes> lives_{};
  std::array<std::uint64_t, kHomes> life_of_{};
  std::array<Incarnation, kHomes> incarnations_{};
  std::uint64_t epoch_ = 1;
  std::vector<Letter> letters_;
  std::vector<ViewNews> views_;
  Truth truth_;
  firewall::SectionRights frozen_;  ///< Who had what at the last freeze.
  std::uint64_t last_value_ = 0;
};

}  // namespace hive::placement
