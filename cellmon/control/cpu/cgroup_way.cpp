#include "cellmon/control/cpu/cgroup_way.h"

#include "vmm/base/error.h"

namespace hive::control {

WeightSet CgroupWay::attach(WeighedVmm vmm, std::uint32_t weight) {
  try {
    cgroup_->place(vmm.pid);
  } catch (const Error& error) {
    return {0, error.what(), false};
  }
  return set(weight);
}

WeightSet CgroupWay::set(std::uint32_t weight) {
  try {
    cgroup_->set_weight(weight);
  } catch (const Error& error) {
    return {0, error.what(), false};
  }
  return {weight, {}, false};
}

}  // namespace hive::control
