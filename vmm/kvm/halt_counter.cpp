#include "vmm/kvm/halt_counter.h"

#include <algorithm>

namespace hive::kvm {

HaltCounter::HaltCounter(int vcpu) : stats_(Stats::open(vcpu)) {
  if (!stats_) return;
  const auto& list = stats_->list();
  const auto found = std::find_if(list.begin(), list.end(),
                                  [](const Stat& each) { return each.name == "halt_exits"; });
  if (found == list.end()) stats_.reset();
  index_ = static_cast<std::size_t>(found - list.begin());
}

std::uint64_t HaltCounter::read() { return stats_ ? stats_->read()[index_] : 0; }

}  // namespace hive::kvm
