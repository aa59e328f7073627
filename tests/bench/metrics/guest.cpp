// metrics_guest HOMES INDEX PART
//
// Prints the micro guest's module of a guest that works for ever, and adds one to the first word of
// the second page of its own contribution, the INDEXth of HOMES of PART bytes, after each piece of
// work. For tests/bench/metrics.py.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "guests/abi/micro_script.h"
#include "vmm/base/units.h"
#include "vmm/memory/layout.h"

int main(int argc, char** argv) {
  using namespace hive;
  if (argc != 4) return 2;
  const std::uint64_t homes = std::strtoull(argv[1], nullptr, 10);
  const std::uint64_t index = std::strtoull(argv[2], nullptr, 10);
  const std::uint64_t part = std::strtoull(argv[3], nullptr, 10);
  constexpr std::uint64_t kRam = 16 * kMiB;
  constexpr std::uint64_t kPiece = 256 * kKiB;
  constexpr std::uint64_t kForEver = 1ULL << 62;
  const std::uint64_t start = memory::layout::upper_ranges(kRam, homes * part).bars.start;
  const std::uint64_t word = start + index * part + kPageSize;
  const auto module = micro::make_module({{
      micro::map(word),
      micro::loop(kForEver, 3),
      micro::fill(HIVE_MICRO_FREE, 0x5a, kPiece),
      micro::copy(HIVE_MICRO_FREE + 2 * kPiece, HIVE_MICRO_FREE, kPiece),
      micro::add(8, word, 1),
  }});
  return std::fwrite(module.data(), 1, module.size(), stdout) == module.size() ? 0 : 1;
}
