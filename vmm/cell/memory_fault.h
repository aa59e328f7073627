// Changes words of a guest's memory.
#pragma once

#include <string>
#include <vector>

#include "vmm/cell/corruption.h"
#include "vmm/kvm/vcpu.h"
#include "vmm/memory/guest_memory.h"

namespace hive::cell {

/// Does CORRUPTION to MEMORY; VCPU, number INDEX, is the one whose mappings and stack are meant.
/// Returns what was changed, for people: the seed and the first few words. While no vCPU is in the
/// guest. Throws Error, with nothing changed, where there is nothing to change.
std::string corrupt(const memory::GuestMemory& memory, const kvm::Vcpu& vcpu, unsigned index,
                    const Corruption& corruption);

/// Where CORRUPTION is to be, in guest-physical ranges of RAM, with VCPU and INDEX as above: of
/// page tables, entries that are drawn. Throws Error where there is nothing.
std::vector<Range> find_targets(const memory::GuestMemory& memory, const kvm::Vcpu& vcpu,
                                unsigned index, const Corruption& corruption);

/// CHANGES for people: the first few, and how many more.
std::string describe(const std::vector<WordChange>& changes);

}  // namespace hive::cell
