#include "cellmon/control/spare.h"

#include <fmt/format.h>

#include "vmm/memory/layout.h"

namespace hive::control {

std::string Spare::set(std::uint64_t bytes) {
  if (bytes > 0 && cell_.spare == 0) {
    return fmt::format(
        "the guest has {} and may be lent nothing; give the cell a `max_memory` above that in the "
        "plan",
        format_size(cell_.memory));
  }
  if (bytes > cell_.spare) {
    return fmt::format(
        "the guest has {} and may be lent {} at most; the cell's `max_memory` in the plan bounds "
        "it",
        format_size(cell_.memory), format_size(cell_.spare));
  }
  if (bytes % kStep != 0) {
    return fmt::format("{} are no whole blocks; give a multiple of {}", format_size(bytes),
                       format_size(kStep));
  }
  target_ = bytes;
  return {};
}

std::uint64_t Spare::room() const { return align_up(cell_.spare, memory::layout::kSpareStep); }

}  // namespace hive::control
