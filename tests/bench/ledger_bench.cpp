// What the firewall's ledger costs in time, without any hardware: medians of repetitions, for one
// page and for every second page of 1 GiB.
#include <benchmark/benchmark.h>

#include "cellmon/firewall/ledger.h"

namespace {

using hive::CellId;
using hive::firewall::Ledger;
using hive::firewall::PageIndex;
using hive::firewall::PageRange;
using hive::firewall::PageRanges;

constexpr std::uint64_t kGibibyte = 262'144;  // pages
constexpr CellId kHome{0};
constexpr CellId kPeer{1};

PageRanges every_second_page() {
  PageRanges pattern;
  for (PageIndex page = 0; page < kGibibyte; page += 2) pattern.push_back({page, 1});
  return pattern;
}

void open_all(Ledger& ledger, const PageRanges& pattern) {
  for (const PageRange& range : pattern) ledger.open_for_write(kPeer, range.first);
}

/// Reports the time for each of PAGES pages of an iteration.
void per_page(benchmark::State& state, std::uint64_t pages) {
  state.counters["per_page"] =
      benchmark::Counter(static_cast<double>(pages), benchmark::Counter::kIsIterationInvariantRate |
                                                         benchmark::Counter::kInvert);
}

/// A page that comes and goes alone, its bitmap with it, and then among others.
void grant_and_revoke_one_page(benchmark::State& state) {
  Ledger ledger(kHome, kGibibyte);
  if (state.range(0) != 0) (void)ledger.grant(kPeer, every_second_page());
  PageIndex page = 1;
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(ledger.grant(kPeer, {page, 1}));
    benchmark::DoNotOptimize(ledger.revoke(kPeer, {page, 1}));
    page = (page + 8192 + 2) % kGibibyte;
  }
}
BENCHMARK(grant_and_revoke_one_page)->ArgName("among_others")->Arg(0)->Arg(1);

void grant_pattern(benchmark::State& state) {
  const PageRanges pattern = every_second_page();
  for ([[maybe_unused]] auto _ : state) {
    state.PauseTiming();
    Ledger ledger(kHome, kGibibyte);
    state.ResumeTiming();
    benchmark::DoNotOptimize(ledger.grant(kPeer, pattern));
  }
  per_page(state, pattern.size());
}
BENCHMARK(grant_pattern)->Unit(benchmark::kMicrosecond);

void revoke_pattern(benchmark::State& state) {
  const PageRanges pattern = every_second_page();
  const bool written = state.range(0) != 0;
  Ledger ledger(kHome, kGibibyte);
  for ([[maybe_unused]] auto _ : state) {
    state.PauseTiming();
    (void)ledger.grant(kPeer, pattern);
    if (written) open_all(ledger, pattern);
    state.ResumeTiming();
    benchmark::DoNotOptimize(ledger.revoke(kPeer, pattern));
  }
  per_page(state, pattern.size());
}
BENCHMARK(revoke_pattern)->ArgName("written")->Arg(0)->Arg(1)->Unit(benchmark::kMicrosecond);

void revoke_all_of_a_failed_cell(benchmark::State& state) {
  const PageRanges pattern = every_second_page();
  Ledger ledger(kHome, kGibibyte);
  for ([[maybe_unused]] auto _ : state) {
    state.PauseTiming();
    (void)ledger.grant(kPeer, pattern);
    open_all(ledger, pattern);
    state.ResumeTiming();
    benchmark::DoNotOptimize(ledger.revoke_all(kPeer));
  }
  per_page(state, pattern.size());
}
BENCHMARK(revoke_all_of_a_failed_cell)->Unit(benchmark::kMicrosecond);

/// "What could this cell write?", answered with PAGES pages spread over 1 GiB.
void query_writable(benchmark::State& state) {
  const auto pages = static_cast<std::uint64_t>(state.range(0));
  Ledger ledger(kHome, kGibibyte);
  for (std::uint64_t number = 0; number < pages; ++number) {
    (void)ledger.grant(kPeer, {number * (kGibibyte / pages), 1});
  }
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(ledger.writable_by(kPeer));
  per_page(state, pages);
}
BENCHMARK(query_writable)->ArgName("pages")->Arg(1)->Arg(64)->Arg(4096)->Arg(kGibibyte / 2);

/// The fault handler's question, page after page.
void open_for_write(benchmark::State& state) {
  const PageRanges pattern = every_second_page();
  Ledger ledger(kHome, kGibibyte);
  for ([[maybe_unused]] auto _ : state) {
    state.PauseTiming();
    (void)ledger.revoke_all(kPeer);
    (void)ledger.grant(kPeer, pattern);
    state.ResumeTiming();
    open_all(ledger, pattern);
  }
  per_page(state, pattern.size());
}
BENCHMARK(open_for_write)->Unit(benchmark::kMicrosecond);

/// "Who may write this page?", with all 63 others allowed to.
void query_writers(benchmark::State& state) {
  Ledger ledger(kHome, kGibibyte);
  for (unsigned cell = 1; cell < hive::kMaxCells; ++cell) {
    (void)ledger.grant(CellId(cell), ledger.all());
  }
  PageIndex page = 0;
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(ledger.writers(page));
    page = (page + 4099) % kGibibyte;
  }
}
BENCHMARK(query_writers);

}  // namespace

BENCHMARK_MAIN();
