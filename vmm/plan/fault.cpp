#include "vmm/plan/fault.h"

#include <fmt/format.h>

#include <algorithm>

#include "vmm/plan/limits.h"
#include "vmm/plan/text.h"

namespace hive::plan {

std::string describe(const Fault& fault, std::string_view file_name) {
  return fmt::format("{}:{}:{}: {}; {}", printable(file_name, kMaxPathLength), fault.at.line,
                     fault.at.column, fault.what, fault.remedy);
}

void FaultList::add(Position at, std::string what, std::string remedy) {
  if (faults_.size() >= kMaxFaults) return;
  faults_.push_back({at, std::move(what), std::move(remedy)});
}

std::vector<Fault> FaultList::sorted() const {
  std::vector<Fault> all = faults_;
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  if (faults_.size() >= kMaxFaults) {
    all.push_back({all.back().at, fmt::format("only {} faults are shown", all.size()),
                   "correct these and check again"});
  }
  return all;
}

}  // namespace hive::plan
