// Keeping the memory of a guest that has failed.
#include <fmt/format.h>

#include <exception>

#include "cellmon/control/cell_monitor.h"
#include "vmm/base/error.h"
#include "vmm/base/units.h"

namespace hive::control {

void CellMonitor::dump_vmm() {
  const plan::Cell& cell = settings_.cell();
  try {
    core_file_.emplace(cell.crash_dump, fmt::format("{}-{}-{}.core", settings_.machine.name,
                                                    cell.name, machine_.incarnation()));
    if (!vmm_->dump(core_file_->fd())) throw Error("the VMM does not read its monitor's commands");
  } catch (const std::exception& error) {
    apply(machine_.on_dump_failed(error.what()));
  }
}

void CellMonitor::keep_dump() {
  if (!core_file_) return;
  try {
    const std::string path = core_file_->keep();
    add_event({"dumped", fmt::format("{}, {} MiB in {:.1f} s", path,
                                     (core_file_->disk_size() + kMiB - 1) / kMiB,
                                     static_cast<double>(core_file_->age().count()) / 1000)});
  } catch (const std::exception& error) {
    add_event({"not-dumped", error.what()});
  }
  core_file_.reset();
}

}  // namespace hive::control
