#include "vmm/boot/acpi/acpi.h"

#include <array>
#include <string>

#include "vmm/base/error.h"
#include "vmm/base/units.h"
#include "vmm/boot/acpi/bytes.h"
#include "vmm/boot/acpi/dsdt.h"
#include "vmm/boot/acpi/table_layouts.h"
#include "vmm/boot/acpi/tables.h"
#include "vmm/memory/layout.h"

namespace hive::boot::acpi {
namespace {

constexpr std::uint64_t kTableAlignment = 64;
constexpr unsigned kMaxVcpus = 4096;  // As many names as C000 to CFFF give.

/// Places TABLE after BYTES, which start at the address of the RSDP, and returns its address.
std::uint64_t place(std::vector<std::byte>& bytes, const Table& table) {
  bytes.resize(align_up(bytes.size(), kTableAlignment));
  const std::uint64_t address = memory::layout::kAcpiTables.start + bytes.size();
  append(bytes, table);
  return address;
}

}  // namespace

Acpi make_acpi(unsigned vcpus, const Range& upper_bars) {
  if (vcpus == 0 || vcpus > kMaxVcpus) {
    throw Error("acpi: a cell has 1 to " + std::to_string(kMaxVcpus) + " vCPUs, not " +
                    std::to_string(vcpus),
                Error::Kind::kUsage);
  }
  std::vector<std::byte> bytes(sizeof(Rsdp));
  const std::uint64_t dsdt = place(bytes, make_dsdt(make_dsdt_body(vcpus, upper_bars)));
  const std::array<std::uint64_t, 3> tables{
      place(bytes, make_fadt(dsdt)), place(bytes, make_madt(vcpus)), place(bytes, make_mcfg())};
  const Table rsdp = make_rsdp(place(bytes, make_xsdt(tables)));
  std::copy(rsdp.begin(), rsdp.end(), bytes.begin());
  if (bytes.size() > memory::layout::kAcpiTables.size) {
    throw Error("acpi: the tables of " + std::to_string(vcpus) +
                    " vCPUs do not fit below 1 MiB; give the cell fewer",
                Error::Kind::kUsage);
  }
  return {{memory::layout::kAcpiTables.start}, std::move(bytes)};
}

memory::GuestAddress build_acpi(const memory::GuestMemory& memory, unsigned vcpus,
                                const Range& upper_bars) {
  const Acpi acpi = make_acpi(vcpus, upper_bars);
  if (!memory.write(acpi.rsdp, acpi.bytes)) {
    throw Error("acpi: the cell has no memory below 1 MiB");
  }
  return acpi.rsdp;
}

}  // namespace hive::boot::acpi
