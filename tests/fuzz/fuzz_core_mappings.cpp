// What a core file takes from a guest's memory: page tables and the kernel's note. The input is a
// few of the registers and then pages, each with its page's number before it.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include "vmm/base/range.h"
#include "vmm/base/units.h"
#include "vmm/dump/core_file.h"
#include "vmm/dump/mappings.h"
#include "vmm/dump/vmcoreinfo.h"
#include "vmm/memory/guest_memory.h"

namespace {

using namespace hive;  // NOLINT

void require(bool condition) {
  if (!condition) std::abort();
}

/// Takes a T from the front of INPUT, or zeros where it is too short.
template <typename T>
T take(std::span<const std::uint8_t>& input) {
  T value{};
  const std::size_t size = std::min(sizeof value, input.size());
  if (size != 0) std::memcpy(&value, input.data(), size);
  input = input.subspan(size);
  return value;
}

/// Bytes that were written, which are zeros again once this object ends.
class Written {
 public:
  explicit Written(const memory::GuestMemory& memory) : memory_(memory) {}
  Written(const Written&) = delete;
  Written& operator=(const Written&) = delete;
  ~Written() {
    for (const Range& range : ranges_) {
      const auto bytes = memory_.window({range.start}, range.size);
      if (bytes) std::memset(bytes->data(), 0, bytes->size());
    }
  }
  void write(std::uint64_t place, std::span<const std::byte> bytes) {
    if (memory_.write({place}, bytes)) ranges_.push_back({place, bytes.size()});
  }
  [[nodiscard]] const std::vector<Range>& ranges() const { return ranges_; }

 private:
  const memory::GuestMemory& memory_;
  std::vector<Range> ranges_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const memory::GuestMemory memory(4 * kMiB, {2 * kMiB, 2 * kMiB},
                                          memory::Backing::kSmallPages);
  Written written(memory);
  std::span input(data, size);
  dump::Cpu cpu;
  cpu.sregs.cr0 = take<std::uint64_t>(input);
  cpu.sregs.cr3 = take<std::uint64_t>(input);
  cpu.sregs.cr4 = take<std::uint64_t>(input);
  cpu.sregs.efer = take<std::uint64_t>(input);
  cpu.sregs.cs.dpl = take<std::uint8_t>(input) & 3;
  while (!input.empty()) {
    // 16 entries each: the upper half of a root table fits into a small input.
    const std::uint64_t place = take<std::uint16_t>(input) * std::uint64_t{128};
    const auto bytes = std::as_bytes(input.first(std::min<std::size_t>(input.size(), 128)));
    written.write(place % (2 * kMiB), bytes);
    input = input.subspan(bytes.size());
  }

  dump::Contents contents;
  contents.cpus = {cpu};
  contents.mappings = dump::kernel_mappings(memory, contents.cpus);
  require(contents.mappings.size() <= dump::kMaxMappings);
  for (const dump::Mapping& mapping : contents.mappings) {
    require(mapping.size != 0 && is_aligned(mapping.size, kPageSize));
    require(mapping.virtual_address >> 63 == 1);
    require(mapping.virtual_address + (mapping.size - 1) >= mapping.virtual_address);
    require(memory.window({mapping.physical}, mapping.size).has_value());
  }
  for (const memory::MemoryRegion& region : memory.regions()) contents.ram.push_back(region.guest);

  std::vector<std::byte> note;
  for (const Range& range : written.ranges()) {
    const std::uint64_t page = align_down(range.start, kPageSize);
    const auto found = dump::vmcoreinfo_size(*memory.window({page}, kPageSize));
    if (!found || !note.empty()) continue;
    require(*found <= dump::kMaxVmcoreinfo);
    note.resize(*found);
  }
  require(dump::make_header(contents, note).size() == dump::header_size(contents));
  return 0;
}
