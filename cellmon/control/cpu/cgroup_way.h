// CPU weights by cgroup v2.
#pragma once

#include <memory>
#include <utility>

#include "cellmon/control/cpu/cell_cgroup.h"
#include "cellmon/control/cpu/cpu_way.h"

namespace hive::control {

class CgroupWay : public CpuWay {
 public:
  explicit CgroupWay(std::unique_ptr<CellCgroup> cgroup) : cgroup_(std::move(cgroup)) {}

  [[nodiscard]] std::string name() const override { return "cgroup " + cgroup_->path(); }
  WeightSet attach(WeighedVmm vmm, std::uint32_t weight) override;
  WeightSet set(std::uint32_t weight) override;
  void detach() override { cgroup_->remove(); }

 private:
  std::unique_ptr<CellCgroup> cgroup_;
};

}  // namespace hive::control
