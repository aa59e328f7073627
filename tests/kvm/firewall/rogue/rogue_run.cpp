#include "tests/kvm/firewall/rogue/rogue_run.h"

#include "tests/kvm/firewall/rogue/attempts.h"
#include "tests/kvm/harness/global_cells.h"
#include "vmm/base/units.h"

namespace hive::test {

std::vector<std::byte> rogue_guest() {
  const auto foreign = [](std::uint64_t offset) {
    return GlobalCells::address(0, offset, kRogueContribution);
  };
  std::vector<std::vector<micro::Action>> scripts(1);
  for (const micro::Action& action : {micro::map(foreign(0)), micro::wait(8, kRogueGo, 1),
                                      micro::store(8, foreign(kGuestsPage * kPageSize), ~0ULL),
                                      micro::map(kAlias), micro::store(8, kAlias, ~0ULL)}) {
    scripts[0].push_back(action);
  }
  // Modules end where RAM ends, and an attempt empties the last page there.
  std::vector<std::byte> module = micro::make_module(scripts);
  module.resize(module.size() + kPageSize);
  return module;
}

}  // namespace hive::test
