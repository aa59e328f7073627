#include "vmm/boot/boot.h"

#include <optional>

#include "vmm/boot/acpi/acpi.h"
#include "vmm/boot/cpu_mode.h"
#include "vmm/boot/kernel.h"
#include "vmm/boot/memory_map.h"
#include "vmm/boot/parameters.h"
#include "vmm/boot/reset_vector.h"

namespace hive::boot {

BootState prepare_boot(const memory::GuestMemory& memory, unsigned vcpus, const ImageSource& kernel,
                       const ImageSource* initrd, const std::string& cmdline,
                       const memory::layout::UpperRanges& upper) {
  const LoadedKernel loaded = load_kernel(memory, kernel);
  BootInputs inputs;
  inputs.cmdline = write_cmdline(memory, loaded, cmdline);
  if (initrd != nullptr) inputs.initrd = load_initrd(memory, loaded, *initrd);
  inputs.rsdp = acpi::build_acpi(memory, vcpus, upper.bars);
  inputs.map = make_memory_map(memory, upper.global);
  write_reset_vector(memory);

  BootState state;
  if (loaded.entry == Entry::kLinux64) {
    state = enter_long_mode(memory);
    state.rsi = write_zero_page(memory, loaded, inputs).value;
  } else {
    state = enter_protected_mode(memory);
    state.rbx = write_start_info(memory, inputs).value;
  }
  state.rip = loaded.entry_address;
  return state;
}

BootState prepare_boot(const memory::GuestMemory& memory, unsigned vcpus, const std::string& kernel,
                       const std::string& initrd, const std::string& cmdline,
                       const memory::layout::UpperRanges& upper) {
  const FileImage kernel_file(kernel, "kernel");
  std::optional<FileImage> initrd_file;
  if (!initrd.empty()) initrd_file.emplace(initrd, "initrd");
  return prepare_boot(memory, vcpus, kernel_file, initrd_file ? &*initrd_file : nullptr, cmdline,
                      upper);
}

}  // namespace hive::boot
