// Random grants, revokes and writes over several cells, against a model of what must come of them.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <random>
#include <set>
#include <vector>

#include "tests/kvm/harness/global_cells.h"
#include "tests/kvm/harness/micro_machine.h"
#include "vmm/base/units.h"

namespace hive::test {
namespace {

using firewall::PageRange;

constexpr unsigned kCells = 4;
constexpr unsigned kPhases = 4, kWritesInPhase = 100;
constexpr unsigned kPages = 48;  // Of each home; few, so that grants and writes meet often.
constexpr std::uint64_t kContribution = 2 * kMiB;
constexpr std::uint64_t kPhaseWord = 8 * kMiB;  // In a guest's own RAM: the phase it may perform.
// Each cell writes a quarter of a page, so that the order between cells does not matter.
constexpr std::uint64_t kLane = kPageSize / kCells;

std::uint64_t steps_wanted() {
  const char* text = std::getenv("HIVE_FIREWALL_STEPS");
  return text == nullptr ? 4000 : std::strtoull(text, nullptr, 10);
}

struct Write {
  micro::Action action;
  unsigned home = 0;
  unsigned page = 0;
  std::uint64_t offset = 0;  ///< Within home's contribution.
};

/// What the contributions must hold, and who may write them.
struct Model {
  std::array<std::vector<std::byte>, kCells> content;
  std::array<std::array<std::set<unsigned>, kCells>, kCells> granted;  ///< [home][cell]: pages.
  std::array<std::array<std::set<unsigned>, kCells>, kCells> written;

  Model() {
    for (auto& each : content) each.resize(kContribution);
  }

  [[nodiscard]] bool permits(unsigned cell, const Write& write) const {
    return cell == write.home || granted[write.home][cell].contains(write.page);
  }

  void perform(unsigned cell, const Write& write) {
    std::byte* at = content[write.home].data() + write.offset;
    const auto& [op, width, address, b, c] = write.action;
    std::uint64_t old = 0;
    std::memcpy(&old, at, width);
    switch (op) {
      case HIVE_MICRO_FILL:
        std::memset(at, static_cast<int>(b), c);
        break;
      case HIVE_MICRO_ADD:
        old += b;
        std::memcpy(at, &old, width);
        break;
      case HIVE_MICRO_CMPXCHG:
        std::memcpy(at, old == b ? &c : &old, width);
        break;
      default:
        std::memcpy(at, &b, width);
    }
    if (cell != write.home) written[write.home][cell].insert(write.page);
  }
};

class Round {
 public:
  explicit Round(std::uint64_t seed) : random_(seed) {
    for (unsigned cell = 0; cell < kCells; ++cell) plan(cell);
    cells_.emplace(scripts_, kContribution);
  }

  void run() {
    cells_->start();
    for (unsigned phase = 0; phase < kPhases; ++phase) {
      for (unsigned change = 0; change < 40; ++change) change_a_right();
      for (unsigned cell = 0; cell < kCells; ++cell) perform(cell, phase);
      check_memory(phase);
      if (::testing::Test::HasFailure()) return;
    }
  }

 private:
  unsigned below(unsigned limit) {
    return std::uniform_int_distribution<unsigned>(0, limit - 1)(random_);
  }

  void plan(unsigned cell) {
    std::vector<micro::Action> script{micro::map(GlobalCells::address(0, 0, kContribution))};
    for (unsigned phase = 0; phase < kPhases; ++phase) {
      script.push_back(micro::wait(8, kPhaseWord, phase + 1));
      for (unsigned turn = 0; turn < kWritesInPhase; ++turn) {
        writes_[cell].push_back(random_write(cell));
        script.push_back(writes_[cell].back().action);
      }
    }
    scripts_.push_back({script});
  }

  Write random_write(unsigned cell) {
    Write write;
    write.home = below(kCells);
    write.page = below(kPages);
    write.offset = write.page * kPageSize + cell * kLane + below(kLane - 64);
    const std::uint64_t address = GlobalCells::address(write.home, write.offset, kContribution);
    const unsigned width = 1U << below(4);
    const std::uint64_t value = random_();
    switch (below(5)) {
      case 0:
        write.action = micro::fill(address, static_cast<std::uint8_t>(value), 1 + below(64));
        break;
      case 1:
        write.action = micro::add(width, address, value);
        break;
      case 2:
        write.action = micro::xchg(width, address, value);
        break;
      case 3:
        write.action = micro::cmpxchg(width, address, 0, value);
        break;
      default:
        write.action = micro::store(width, address, value);
    }
    return write;
  }

  void change_a_right() {
    const unsigned home = below(kCells);
    const unsigned cell = (home + 1 + below(kCells - 1)) % kCells;
    const unsigned first = below(kPages);
    const PageRange range{first, 1 + below(kPages - first)};
    const bool grant = below(2) == 0;
    if (grant) {
      cells_->home(home).grant(static_cast<CellId>(cell), range);
    } else {
      cells_->home(home).revoke(static_cast<CellId>(cell), range);
    }
    for (unsigned page = first; page < range.end(); ++page) {
      if (grant) {
        model_.granted[home][cell].insert(page);
      } else {
        model_.granted[home][cell].erase(page);
        model_.written[home][cell].erase(page);
      }
    }
  }

  void perform(unsigned cell, unsigned phase) {
    // The cells that were let go before run on meanwhile.
    MicroCell& guest = cells_->cell(cell);
    ASSERT_TRUE(guest.cell().memory().store<std::uint64_t>({kPhaseWord}, phase + 1));
    if (cell + 1 < kCells) return;
    for (unsigned each = 0; each < kCells; ++each) await(each, phase);
    for (unsigned each = 0; each < kCells; ++each) check_results(each, phase);
  }

  void await(unsigned cell, unsigned phase) {
    const unsigned last = first_action(phase) + kWritesInPhase - 1;
    ASSERT_TRUE(cells_->cell(cell).run_until([&] {
      return cells_->cell(cell).result(0, last).status != HIVE_MICRO_NOT_RUN;
    })) << "cell "
        << cell << " stands still";
  }

  static unsigned first_action(unsigned phase) { return 2 + phase * (kWritesInPhase + 1); }

  void check_results(unsigned cell, unsigned phase) {
    for (unsigned turn = 0; turn < kWritesInPhase; ++turn) {
      const Write& write = writes_[cell][phase * kWritesInPhase + turn];
      const auto result = cells_->cell(cell).result(0, first_action(phase) + turn);
      const bool permitted = model_.permits(cell, write);
      ASSERT_EQ(result.status, permitted ? HIVE_MICRO_OK : HIVE_MICRO_EXCEPTION)
          << "cell " << cell << ", home " << write.home << ", page " << write.page << ", op "
          << write.action.op;
      if (permitted) model_.perform(cell, write);
    }
  }

  void check_memory(unsigned phase) {
    for (unsigned home = 0; home < kCells; ++home) {
      ASSERT_EQ(
          std::memcmp(cells_->home(home).content(), model_.content[home].data(), kContribution), 0)
          << "home " << home << ", phase " << phase;
      for (unsigned cell = 0; cell < kCells; ++cell) {
        std::set<unsigned> written;
        for (const PageRange& range : cells_->home(home).written_by(static_cast<CellId>(cell))) {
          for (auto page = range.first; page < range.end(); ++page) {
            written.insert(static_cast<unsigned>(page));
          }
        }
        ASSERT_EQ(written, model_.written[home][cell]) << "home " << home << ", cell " << cell;
      }
    }
  }

  std::mt19937_64 random_;
  Model model_;
  std::array<std::vector<Write>, kCells> writes_;
  std::vector<std::vector<std::vector<micro::Action>>> scripts_;
  std::optional<GlobalCells> cells_;
};

TEST(RandomFirewall, ForbidsExactlyWhatItMust) {
  const std::string why = MicroMachine::unavailable();
  if (!why.empty()) GTEST_SKIP() << why;
  constexpr std::uint64_t kInRound = std::uint64_t{kCells} * kPhases * kWritesInPhase;
  for (std::uint64_t done = 0, seed = 1; done < steps_wanted(); done += kInRound, ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Round(seed).run();
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace hive::test
