#include "vmm/cell/memory_fault.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <optional>

#include "vmm/base/error.h"
#include "vmm/base/units.h"
#include "vmm/memory/page_tables.h"

namespace hive::cell {
namespace {

/// From the stack pointer up: some frames.
constexpr std::uint64_t kStackBytes = 1024;
constexpr std::uint64_t kMaxPages = 65536;
namespace page_tables = memory::page_tables;

unsigned levels_of(const kvm_sregs& sregs) {
  return page_tables::levels_of(sregs.cr0, sregs.cr4, sregs.efer);
}

/// Where VCPU finds ADDRESS. KVM tells that as for a kernel, which SMAP keeps out of programs'
/// pages.
std::optional<memory::GuestAddress> find(const memory::GuestMemory& memory, const kvm::Vcpu& vcpu,
                                         const kvm_sregs& sregs, std::uint64_t address) {
  const unsigned levels = levels_of(sregs);
  if (levels == 0) return vcpu.translate(address);
  const auto place = page_tables::translate(sregs.cr3, levels, address, [&](std::uint64_t at) {
    return memory.load<std::uint64_t>({at});
  });
  return place ? std::optional(memory::GuestAddress{*place}) : std::nullopt;
}

/// RANGE of RAM. Throws Error where not all of it is.
void check_ram(const memory::GuestMemory& memory, const Range& range) {
  if (range.size != 0 && memory.window({range.start}, range.size)) return;
  throw Error(
      fmt::format("{:#x} to {:#x} is not all RAM of the guest's own", range.start, range.end()));
}

/// Appends what of RANGE, of virtual addresses, VCPU has mapped to RAM.
void append_mapped(const memory::GuestMemory& memory, const kvm::Vcpu& vcpu, const Range& range,
                   std::vector<Range>& targets) {
  const kvm_sregs sregs = vcpu.sregs();
  std::uint64_t at = range.start;
  std::uint64_t left = range.size;
  for (std::uint64_t page = 0; left != 0 && page < kMaxPages; ++page) {
    const std::uint64_t length = std::min(left, kPageSize - at % kPageSize);
    const auto place = find(memory, vcpu, sregs, at);
    if (place && memory.window(*place, length)) targets.push_back({place->value, length});
    at += length;
    left -= length;
  }
}

std::vector<Range> targets_of(const memory::GuestMemory& memory, const kvm::Vcpu& vcpu,
                              unsigned index, const Corruption& corruption) {
  std::vector<Range> targets;
  if (corruption.place == CorruptionPlace::kPhysical) {
    for (const Range& range : corruption.ranges) check_ram(memory, range);
    return corruption.ranges;
  }
  if (corruption.place == CorruptionPlace::kVirtual) {
    for (const Range& range : corruption.ranges) append_mapped(memory, vcpu, range, targets);
    if (targets.empty()) throw Error(fmt::format("vCPU {} has no RAM mapped there", index));
    return targets;
  }
  const std::uint64_t stack = vcpu.sregs().ss.base + vcpu.regs().rsp;
  append_mapped(memory, vcpu, {stack, kStackBytes}, targets);
  if (targets.empty()) {
    throw Error(fmt::format("vCPU {} has no RAM mapped at its stack pointer, {:#x}", index, stack));
  }
  return targets;
}

std::vector<WordChange> draw_from_tables(const kvm::Vcpu& vcpu, unsigned index,
                                         const Corruption& corruption, const ReadWord& read) {
  const kvm_sregs sregs = vcpu.sregs();
  const unsigned levels = levels_of(sregs);
  if (levels == 0) {
    throw Error(fmt::format("vCPU {} has no page tables of 64 bits", index));
  }
  return draw_entries(sregs.cr3, levels, corruption.change, corruption.count, corruption.seed,
                      read);
}

}  // namespace

std::string corrupt(const memory::GuestMemory& memory, const kvm::Vcpu& vcpu, unsigned index,
                    const Corruption& corruption) {
  const auto read = [&](std::uint64_t address) { return memory.load<std::uint64_t>({address}); };
  const std::vector<WordChange> changes =
      corruption.place == CorruptionPlace::kPageTable
          ? draw_from_tables(vcpu, index, corruption, read)
          : draw_words(targets_of(memory, vcpu, index, corruption), corruption.change,
                       corruption.count, corruption.seed, read);
  if (changes.empty()) {
    throw Error(fmt::format("no word there can have the change {}", name_of(corruption.change)));
  }
  for (const WordChange& change : changes) (void)memory.store({change.address}, change.after);
  return fmt::format("seed {}: {}", corruption.seed, describe(changes));
}

std::vector<Range> find_targets(const memory::GuestMemory& memory, const kvm::Vcpu& vcpu,
                                unsigned index, const Corruption& corruption) {
  if (corruption.place != CorruptionPlace::kPageTable) {
    return targets_of(memory, vcpu, index, corruption);
  }
  const auto read = [&](std::uint64_t address) { return memory.load<std::uint64_t>({address}); };
  std::vector<Range> targets;
  for (const WordChange& entry : draw_from_tables(vcpu, index, corruption, read)) {
    targets.push_back({entry.address, sizeof entry.before});
  }
  if (targets.empty()) throw Error(fmt::format("vCPU {} has no page tables in RAM", index));
  return targets;
}

std::string describe(const std::vector<WordChange>& changes) {
  constexpr std::size_t kShown = 4;
  std::string text;
  for (std::size_t index = 0; index < std::min(changes.size(), kShown); ++index) {
    const WordChange& change = changes[index];
    text += fmt::format("{}{:#x}: {:#x} -> {:#x}", index == 0 ? "" : ", ", change.address,
                        change.before, change.after);
  }
  if (changes.size() > kShown) text += fmt::format(", and {} more", changes.size() - kShown);
  return text;
}

}  // namespace hive::cell
