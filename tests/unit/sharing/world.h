// A machine of cells that lend each other memory, in which anything goes wrong at random.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "cellmon/sharing/loans.h"

namespace hive::sharing {

/// Hints, slow and unwilling guests, late and lost words and reports, guests and monitors that
/// start anew, cells that are put out of the view and come back. All at random from a seed. Knows
/// who really uses which memory, and complains as soon as some is used twice.
class World {
 public:
  explicit World(std::uint64_t seed);

  /// One step of up to 90 ms with whatever may happen.
  void chaos_step();
  /// One, of MOST_MS at most, in which only words, reports and time pass, and guests do what they
  /// will.
  void quiet_step(unsigned most_ms);
  /// Puts right what can be: all cells are up and linked, all guests willing.
  void mend();
  void recall_all();
  [[nodiscard]] agree::Time now() const { return now_; }

  /// What is wrong, in words; empty: nothing.
  [[nodiscard]] const std::string& complaint() const { return complaint_; }
  /// What is not as it is to be once everything was willing for long.
  [[nodiscard]] std::string unrest() const;
  [[nodiscard]] bool anyone_settling() const;
  [[nodiscard]] std::uint64_t lent() const;
  /// Blocks that were ever plugged, by all.
  [[nodiscard]] std::uint64_t plugged_ever() const { return plugged_ever_; }
  [[nodiscard]] std::uint64_t nonsense() const;

 private:
  using Blocks = policy::Blocks;

  struct Report {
    bool balloon;
    Blocks target;
    Blocks value;
  };
  struct Cell {
    Loans::Settings settings;
    std::unique_ptr<Loans> loans;  ///< Its monitor; nothing: dead.
    bool runs = false;             ///< Its VMM.
    bool in_view = true;
    Blocks balloon_target = 0;  ///< As the VMM has it.
    Blocks given = 0;
    Blocks spare_target = 0;
    Blocks plugged = 0;
    Blocks most_given = 0;  ///< Its guest gives no more,
    Blocks most_plugged = 0;
    Blocks least_plugged = 0;  ///< and does not unplug these.
    std::deque<Report> reports;
    std::deque<std::pair<CellId, bool>> news;  ///< Who has left or joined the view.
    /// What was out when its guest last started, and is not back: that guest has it as well until
    /// its balloon fills.
    std::map<unsigned, Blocks> lost;
    std::map<unsigned, bool> written_off;  ///< Whose loans it took for over when they were gone.
  };
  struct Wire {
    bool up = false;
    bool knows[2] = {false, false};  ///< Whether the lower and the higher one think so.
    std::deque<mesh::LoanWord> words[2];
  };

  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  bool chance(unsigned percent) { return below(100) < percent; }
  unsigned any() { return static_cast<unsigned>(below(cells_.size())); }
  Wire& wire(unsigned one, unsigned other) { return wires_[std::minmax(one, other)]; }
  [[nodiscard]] Blocks held(unsigned borrower, unsigned lender) const;
  /// That, or what the borrower may yet hear that it was granted.
  [[nodiscard]] Blocks out(unsigned borrower, unsigned lender) const;
  bool has_words_for(unsigned to, unsigned from);

  void hint();
  void start_monitor(unsigned index);
  void kill_monitor(unsigned index);
  void start_vmm(unsigned index);
  void end_vmm(unsigned index);
  void set_in_view(unsigned index, bool in_view);
  void tell(unsigned index, bool all);
  void lose(Wire& wire);
  void break_something();
  void repair_something();
  void change_mood(Cell& cell);
  void pass_words();
  void pass_reports(unsigned index);
  void move_guest(unsigned index);
  void check();
  void check_lender(unsigned lender);
  void complain(const std::string& what);

  std::mt19937_64 random_;
  std::uint64_t seed_;
  std::uint64_t lives_ = 0;
  agree::Time now_ = 1'000'000'000;
  unsigned steps_ = 0;
  std::uint64_t plugged_ever_ = 0;
  std::vector<Cell> cells_;
  std::map<std::pair<unsigned, unsigned>, Wire> wires_;
  std::string complaint_;
};

}  // namespace hive::sharing
