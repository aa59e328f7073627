#include "cellmon/firewall/forwardings.h"

#include <algorithm>
#include <utility>

namespace hive::firewall {

void Forwardings::note(SectionId old, Forwarding forwarding) {
  forget(forwarding.name);
  if (list_.size() >= kMost) list_.erase(list_.begin());
  list_.insert_or_assign(old, std::move(forwarding));
}

void Forwardings::forget(std::string_view name) {
  std::erase_if(list_, [name](const auto& each) { return each.second.name == name; });
}

const Forwarding* Forwardings::find(std::string_view name) const {
  const auto found = std::find_if(list_.begin(), list_.end(),
                                  [name](const auto& each) { return each.second.name == name; });
  return found == list_.end() ? nullptr : &found->second;
}

const Forwarding* Forwardings::find(SectionId old) const {
  const auto found = list_.find(old);
  return found == list_.end() ? nullptr : &found->second;
}

}  // namespace hive::firewall
