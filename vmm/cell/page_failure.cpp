#include "vmm/cell/page_failure.h"

#include <fmt/format.h>

#include <array>
#include <cstddef>

#include "vmm/base/error.h"
#include "vmm/base/units.h"
#include "vmm/cell/memory_fault.h"

namespace hive::cell {
namespace {

using kvm::MemoryErrorStyle;

// Intel SDM vol. 4, table 2-2.
constexpr std::uint32_t kGlobalStatus = 0x17a, kFirstStatus = 0x401, kPerBank = 4;
constexpr std::uint64_t kInProgress = 1U << 2;            // Of the global status.
constexpr std::uint64_t kValid = std::uint64_t{1} << 63;  // Of a bank's.
constexpr std::uint64_t kCr4MachineChecks = 1U << 6;
/// Those below are what operating systems mistrust on some CPUs.
constexpr unsigned kFirstBank = 2;

}  // namespace

bool PageFailure::takes(unsigned index) const {
  const kvm::Vcpu& vcpu = vcpus_[index]->vcpu();
  return vcpu.is_started() && (vcpu.sregs().cr4 & kCr4MachineChecks) != 0;
}

std::vector<unsigned> PageFailure::free_banks(unsigned index, std::size_t count) const {
  const kvm::Vcpu& vcpu = vcpus_[index]->vcpu();
  std::vector<unsigned> banks;
  for (unsigned bank = checks_.banks(); bank-- > kFirstBank && banks.size() < count;) {
    if ((vcpu.msr(kFirstStatus + bank * kPerBank) & kValid) == 0) banks.push_back(bank);
  }
  if (banks.size() == count) return banks;
  throw Error(
      fmt::format("the guest has not looked at the errors that vCPU {} had before: {} more "
                  "can be told at present",
                  index, banks.size()));
}

void PageFailure::check_progress() const {
  for (unsigned index = 0; index < vcpus_.size(); ++index) {
    if (!takes(index) || (vcpus_[index]->vcpu().msr(kGlobalStatus) & kInProgress) == 0) continue;
    throw Error(fmt::format("vCPU {} is not done with its last machine check; try again", index));
  }
}

void PageFailure::tell(unsigned index, unsigned bank, std::uint64_t page) {
  if (checks_.style == MemoryErrorStyle::kException) {
    for (unsigned other = 0; other < vcpus_.size(); ++other) {
      if (other == index || !takes(other)) continue;
      vcpus_[other]->vcpu().wake();
      vcpus_[other]->vcpu().log(kvm::broadcast_error());
    }
    vcpus_[index]->vcpu().wake();
  }
  vcpus_[index]->vcpu().log(kvm::memory_error(checks_.style, bank, page));
}

std::string PageFailure::perform(const Corruption& failed, unsigned index) {
  const std::vector<Range> targets = find_targets(memory_, vcpus_[index]->vcpu(), index, failed);
  const std::vector<std::uint64_t> pages = draw_pages(targets, failed.count, failed.seed);
  const bool raises = checks_.style == MemoryErrorStyle::kException;
  const bool told = checks_.capability != 0 && takes(index);
  std::vector<unsigned> banks;
  if (told) {
    if (raises && pages.size() > 1) {
      throw Error(
          "this CPU has a machine check for one page at a time; leave out `count`, and take "
          "`every` and `times`");
    }
    if (raises) check_progress();
    banks = free_banks(index, pages.size());
  }
  std::array<std::byte, kPageSize> gone;
  gone.fill(std::byte{0xff});
  std::string text = fmt::format("seed {}: lost", failed.seed);
  for (std::size_t each = 0; each < pages.size(); ++each) {
    (void)memory_.store({pages[each]}, gone);  // It is RAM.
    if (told) tell(index, banks[each], pages[each]);
    text += fmt::format("{} {:#x}", each == 0 ? "" : ",", pages[each]);
  }
  if (checks_.capability == 0) return text + "; KVM has no machine check to tell the guest";
  if (!told) return text + "; the guest takes no machine checks, and is not told";
  return text +
         fmt::format("; vCPU {} {}", index, raises ? "has a machine check" : "has it logged");
}

}  // namespace hive::cell
