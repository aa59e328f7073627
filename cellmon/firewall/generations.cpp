#include "cellmon/firewall/generations.h"

#include <algorithm>

#include "vmm/base/error.h"

namespace hive::firewall {

Generations::Generations(std::uint64_t pages)
    : values_(static_cast<Generation*>(
          std::calloc(std::max<std::uint64_t>(pages, 1), sizeof(Generation)))) {
  if (!values_) {
    throw Error("no memory for the generations of " + std::to_string(pages) +
                " pages; contribute less shared memory");
  }
}

void Generations::bump(const PageRange& range) noexcept {
  for (PageIndex page = range.first; page < range.end(); ++page) {
    values_[page] = next_generation(values_[page]);
  }
}

}  // namespace hive::firewall
