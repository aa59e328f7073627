#include "tests/kvm/firewall/rogue/attempts.h"

#include <vector>

#include "tests/kvm/firewall/rogue/ways.h"

namespace hive::test {

std::span<const Attempt> attempts() {
  static const std::vector<Attempt> all = [] {
    std::vector<Attempt> list;
    for (const auto part : {guard_ways(), mapping_ways(), process_ways()}) {
      list.insert(list.end(), part.begin(), part.end());
    }
    return list;
  }();
  return all;
}

}  // namespace hive::test
