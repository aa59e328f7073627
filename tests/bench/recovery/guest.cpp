// recovery_guest idle
// recovery_guest writer HOMES PART WRITTEN
//
// Prints the micro guest's module of a guest at rest, or of one that writes WRITTEN bytes to each
// of HOMES contributions of PART bytes, of one more, once the first word of the second page of the
// first one is set; and sets that word to 2 when it has. For tests/bench/recovery.py.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "guests/abi/micro_script.h"
#include "vmm/base/units.h"
#include "vmm/memory/layout.h"

namespace hive::bench {
namespace {

using Script = std::vector<micro::Action>;

constexpr std::uint64_t kRam = 16 * kMiB;
constexpr std::uint64_t kGo = kPageSize;
constexpr std::uint8_t kByte = 0x5a;

Script writer(std::uint64_t homes, std::uint64_t part, std::uint64_t written) {
  const std::uint64_t size = (homes + 1) * part;
  const std::uint64_t start = memory::layout::upper_ranges(kRam, size).bars.start;
  Script script;
  for (std::uint64_t mapped = 0; mapped < size; mapped += kGiB) {
    script.push_back(micro::map(start + mapped));
  }
  script.push_back(micro::wait(4, start + kGo, 1));
  for (std::uint64_t home = 0; home < homes; ++home) {
    script.push_back(micro::fill(start + home * part + 2 * kPageSize, kByte, written));
  }
  script.push_back(micro::store(4, start + kGo, 2));
  script.push_back(micro::halt());
  return script;
}

}  // namespace
}  // namespace hive::bench

int main(int argc, char** argv) {
  using namespace hive;
  bench::Script script{micro::halt()};
  if (argc == 5 && std::strcmp(argv[1], "writer") == 0) {
    script = bench::writer(std::strtoull(argv[2], nullptr, 10), std::strtoull(argv[3], nullptr, 10),
                           std::strtoull(argv[4], nullptr, 10));
  } else if (argc != 2 || std::strcmp(argv[1], "idle") != 0) {
    return 2;
  }
  const auto module = micro::make_module({script});
  return std::fwrite(module.data(), 1, module.size(), stdout) == module.size() ? 0 : 1;
}
