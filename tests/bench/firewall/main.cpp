// firewall_bench RUNS: what the write firewall costs, on this machine's KVM, with the micro guest.
// Prints the samples of each figure as JSON; tests/bench/firewall.py makes figures of them.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/bench/firewall/guest.h"
#include "tests/bench/firewall/ways.h"
#include "vmm/base/units.h"

namespace hive::bench {
namespace {

using firewall::PageIndex;
using firewall::PageRange;
using firewall::PageRanges;
using Samples = std::map<std::string, std::vector<double>>;

constexpr CellId kBeta{1};
constexpr std::uint64_t kSize = 320 * kMiB;
// Alpha's pages: a pattern, then single ones, then those that stores go to, then a forbidden one.
constexpr std::uint64_t kRuns = 32'768, kSingles = 64, kArea = 256;
constexpr PageIndex kSinglesAt = 2 * kRuns, kAreaAt = kSinglesAt + 4096;
constexpr PageIndex kForbidden = kAreaAt + kArea;
// mprotect can have no more at once.
constexpr std::uint64_t kMprotectRuns = 16'384;
constexpr std::uint64_t kPrivateArea = 10 * kMiB;  // In the guest's own RAM.
constexpr std::uint64_t kViolations = 8;
// Passes of the turns that measure speed and violations, and what comes before them in the first.
constexpr unsigned kPasses = 16, kTouches = 2;

enum TurnNumber : unsigned {
  kPatternHive,
  kPatternIoctl,
  kPatternMprotect,
  kSinglesHive,
  kSinglesIoctl,
  kSinglesMprotect,
  kSpeed,
  kViolate,
};

std::uint64_t at(PageIndex page) { return Guest::address(kSize, page * kPageSize); }

PageRanges every_second(PageIndex first, std::uint64_t count) {
  PageRanges pattern;
  for (PageIndex page = first; page < first + 2 * count; page += 2) pattern.push_back({page, 1});
  return pattern;
}

/// Touches both areas, then writes to them by turns.
Guest::Turn speed_turn() {
  constexpr std::uint64_t kBytes = kArea * kPageSize;
  const std::uint64_t granted = at(kAreaAt);
  Guest::Turn turn{micro::sweep(kPrivateArea, kPageSize, kArea),
                   micro::sweep(granted, kPageSize, kArea)};
  for (unsigned pass = 0; pass < kPasses; ++pass) {
    for (const std::uint64_t area : {kPrivateArea, granted}) {
      turn.push_back(micro::fill(area + pass * kBytes / kPasses, 1, kBytes / kPasses));
      turn.push_back(micro::sweep(area + pass * kBytes / kPasses, 8, kBytes / kPasses / 8));
    }
  }
  return turn;
}

/// Permitted stores, then as many forbidden ones, several times.
Guest::Turn violating_turn() {
  Guest::Turn turn;
  for (unsigned pass = 0; pass < kPasses; ++pass) {
    for (const PageIndex page : {kAreaAt, kForbidden}) {
      turn.push_back(micro::loop(kViolations, 1));
      turn.push_back(micro::store(8, at(page), 1));
    }
  }
  return turn;
}

std::vector<Guest::Turn> turns() {
  const auto sweep = [](PageIndex first, std::uint64_t count) {
    return Guest::Turn{micro::sweep(at(first), 2 * kPageSize, count)};
  };
  return {sweep(0, kRuns),
          sweep(0, kRuns),
          sweep(0, kMprotectRuns),
          sweep(kSinglesAt, kSingles),
          sweep(kSinglesAt, kSingles),
          sweep(kSinglesAt, kSingles),
          speed_turn(),
          violating_turn()};
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

class Bench {
 public:
  Bench() : guest_(kSize, turns()) {
    const PageRange area{kAreaAt, kArea};
    guest_.home().grant(kBeta, area);
  }

  void round() {
    patterns();
    singles();
    speed();
    violations();
  }

  void forget() { samples_.clear(); }
  [[nodiscard]] const Samples& samples() const { return samples_; }

 private:
  using Way = void (*)(test::Home&, std::span<const PageRange>);

  void note(const std::string& name, double value) { samples_[name].push_back(value); }

  double timed(Way way, std::span<const PageRange> pattern) {
    const Stopwatch stopwatch;
    way(guest_.home(), pattern);
    return stopwatch.us();
  }

  /// The ticks of TURN's writes, whose pages are opened before and protected after.
  std::uint64_t pattern(const std::string& by, TurnNumber turn, Way grant, Way revoke) {
    note("grant over a pattern " + by + ", us a page", timed(grant, pattern_) / kRuns);
    const std::uint64_t ticks = guest_.perform(turn)[0];
    note("revoke over a pattern " + by + ", us a page", timed(revoke, pattern_) / kRuns);
    return ticks;
  }

  void patterns() {
    const auto first = pattern("hive", kPatternHive, grant_by_hive, revoke_by_hive);
    const auto later = pattern("ioctl", kPatternIoctl, grant_by_ioctl, revoke_by_ioctl);
    note("first write to a granted page, us",
         (static_cast<double>(first) - static_cast<double>(later)) / kRuns / guest_.ticks_in_us());
    const PageRange all{0, 2 * kMprotectRuns};
    const std::span<const PageRange> some(pattern_.data(), kMprotectRuns);
    grant_by_ioctl(guest_.home(), {&all, 1});
    guest_.perform(kPatternMprotect);
    note("revoke over a pattern mprotect, us a page",
         timed(revoke_by_mprotect, some) / kMprotectRuns);
    note("grant over a pattern mprotect, us a page",
         timed(grant_by_mprotect, some) / kMprotectRuns);
    revoke_by_ioctl(guest_.home(), {&all, 1});
  }

  double each(Way way) {
    double sum = 0;
    for (const PageRange& page : singles_) sum += timed(way, {&page, 1});
    return sum / kSingles;
  }

  void singles(const std::string& by, TurnNumber turn, Way grant, Way revoke) {
    note("grant of one page " + by + ", us", each(grant));
    guest_.perform(turn);
    note("revoke of one page " + by + ", us", each(revoke));
  }

  void singles() {
    singles("hive", kSinglesHive, grant_by_hive, revoke_by_hive);
    singles("ioctl", kSinglesIoctl, grant_by_ioctl, revoke_by_ioctl);
    const PageRange all{kSinglesAt, 2 * kSingles};
    grant_by_ioctl(guest_.home(), {&all, 1});
    guest_.perform(kSinglesMprotect);
    note("revoke of one page mprotect, us", each(revoke_by_mprotect));
    note("grant of one page mprotect, us", each(grant_by_mprotect));
    revoke_by_ioctl(guest_.home(), {&all, 1});
  }

  void speed() {
    const auto ticks = guest_.perform(kSpeed);
    // The middle pass of each kind: some are cut into by other threads' turns on the processor.
    std::array<std::vector<double>, 4> passes;
    for (unsigned action = kTouches; action < ticks.size(); ++action) {
      passes[(action - kTouches) % 4].push_back(static_cast<double>(ticks[action]));
    }
    const auto per_us = [&](unsigned kind, std::uint64_t amount) {
      return static_cast<double>(amount) * guest_.ticks_in_us() / median(passes[kind]);
    };
    constexpr std::uint64_t kBytes = kArea * kPageSize / kPasses;
    note("fill private, MB/s", per_us(0, kBytes));
    note("stores private, M/s", per_us(1, kBytes / 8));
    note("fill granted, MB/s", per_us(2, kBytes));
    note("stores granted, M/s", per_us(3, kBytes / 8));
  }

  void violations() {
    const std::size_t after = guest_.home().violations().size() + kPasses * kViolations;
    const auto ticks = guest_.perform(kViolate);
    std::vector<double> costs;
    for (unsigned pass = 0; pass < kPasses; ++pass) {
      costs.push_back(static_cast<double>(ticks[4 * pass + 2]) -
                      static_cast<double>(ticks[4 * pass]));
    }
    note("violation, us", median(costs) / kViolations / guest_.ticks_in_us());
    if (guest_.home().await_violations(after).size() != after) {
      throw std::runtime_error("not each forbidden store was a violation");
    }
  }

  PageRanges pattern_ = every_second(0, kRuns), singles_ = every_second(kSinglesAt, kSingles);
  Guest guest_;
  Samples samples_;
};

}  // namespace
}  // namespace hive::bench

int main(int argc, char** argv) try {
  const unsigned long runs = argc == 2 ? std::strtoul(argv[1], nullptr, 10) : 0;
  if (runs == 0) {
    std::fputs("usage: firewall_bench RUNS\n", stderr);
    return 2;
  }
  hive::bench::Bench bench;
  bench.round();  // Memory comes into being, and caches get warm.
  bench.forget();
  for (unsigned long run = 1; run <= runs; ++run) {
    bench.round();
    std::fprintf(stderr, "run %lu of %lu\n", run, runs);
  }
  std::puts(nlohmann::json(bench.samples()).dump().c_str());
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "firewall_bench: %s\n", error.what());
  return 1;
}
