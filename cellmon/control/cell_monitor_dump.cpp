// Keeping the memory of a guest that has failed.
#include <fmt/format.h>

#include <exception>

#include "cellmon/control/cell_monitor.h"
#include "cellmon/control/core_folder.h"
#include "vmm/base/error.h"
#include "vmm/base/units.h"

namespace hive::control {

void CellMonitor::dump_vmm() {
  if (!vmm_ || !machine_.is_dumping()) return;  // It has ended meanwhile.
  const plan::Cell& cell = settings_.cell();
  try {
    const std::string owner = settings_.machine.name + "-" + cell.name;
    prepare_core_folder(cell.crash_dump, owner);
    core_file_.emplace(cell.crash_dump, core_name(owner, machine_.incarnation()));
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
