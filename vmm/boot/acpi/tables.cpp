#include "vmm/boot/acpi/tables.h"

#include <cstring>
#include <type_traits>

#include "vmm/base/units.h"
#include "vmm/boot/acpi/bytes.h"
#include "vmm/boot/acpi/table_layouts.h"
#include "vmm/memory/layout.h"

namespace hive::boot::acpi {
namespace {

namespace layout = memory::layout;

constexpr std::array<char, 6> kOemId{'H', 'I', 'V', 'E', ' ', ' '};
constexpr std::array<char, 8> kOemTableId{'H', 'I', 'V', 'E', 'C', 'E', 'L', 'L'};
constexpr std::array<char, 4> kCreator{'H', 'I', 'V', 'E'};

template <typename T>
requires std::is_trivially_copyable_v<T> std::span<const std::byte> bytes_of(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

TableHeader make_header(const char (&signature)[5], std::uint8_t revision) {
  TableHeader header{};
  std::memcpy(header.signature.data(), signature, header.signature.size());
  header.revision = revision;
  header.oem_id = kOemId;
  header.oem_table_id = kOemTableId;
  header.oem_revision = 1;
  header.creator_id = kCreator;
  header.creator_revision = 1;
  return header;
}

/// Fills in length and checksum of TABLE, which starts with a TableHeader.
Table seal(Table table) {
  const auto length = static_cast<std::uint32_t>(table.size());
  std::memcpy(table.data() + offsetof(TableHeader, length), &length, sizeof(length));
  table[offsetof(TableHeader, checksum)] = std::byte{checksum(table)};
  return table;
}

template <typename T>
Table table_of(const T& value) {
  const auto bytes = bytes_of(value);
  return {bytes.begin(), bytes.end()};
}

/// A register of one byte in port space.
GenericAddress port_register(std::uint64_t port) {
  constexpr std::uint8_t kSystemIo = 1;
  constexpr std::uint8_t kByteAccess = 1;
  return {kSystemIo, 8, 0, kByteAccess, port};
}

}  // namespace

std::uint8_t checksum(std::span<const std::byte> bytes) {
  unsigned sum = 0;
  for (const std::byte byte : bytes) sum += std::to_integer<unsigned>(byte);
  return static_cast<std::uint8_t>(0U - sum);
}

Table make_dsdt(std::span<const std::byte> body) {
  constexpr std::uint8_t kIntegersOf64Bits = 2;
  Table table = table_of(make_header("DSDT", kIntegersOf64Bits));
  append(table, body);
  return seal(table);
}

Table make_fadt(std::uint64_t dsdt) {
  // IAPC_BOOT_ARCH (table 5.11): legacy devices, 8042 and MSI's absence are bits that stay 0.
  constexpr std::uint16_t kNoVga = 1 << 2;
  constexpr std::uint16_t kNoCmosRtc = 1 << 5;
  // Flags (table 5.10).
  constexpr std::uint32_t kWbinvd = 1 << 0;
  constexpr std::uint32_t kHaltOnAllProcessors = 1 << 2;
  constexpr std::uint32_t kNoFixedPowerButton = 1 << 4;
  constexpr std::uint32_t kNoFixedSleepButton = 1 << 5;
  constexpr std::uint32_t kResetRegister = 1 << 10;
  constexpr std::uint32_t kHeadless = 1 << 12;
  constexpr std::uint32_t kHardwareReduced = 1 << 20;
  constexpr std::uint16_t kNoSuchState = 0xfff;

  Fadt fadt{};
  fadt.header = make_header("FACP", 6);
  fadt.minor_revision = 4;
  fadt.c2_latency = kNoSuchState;
  fadt.c3_latency = kNoSuchState;
  fadt.boot_flags = kNoVga | kNoCmosRtc;
  fadt.flags = kWbinvd | kHaltOnAllProcessors | kNoFixedPowerButton | kNoFixedSleepButton |
               kResetRegister | kHeadless | kHardwareReduced;
  fadt.reset_register = port_register(layout::kResetPort);
  fadt.reset_value = layout::kResetValue;
  fadt.dsdt = dsdt;
  fadt.sleep_control = port_register(layout::kSleepControl);
  fadt.sleep_status = port_register(layout::kSleepStatus);
  fadt.hypervisor = {'H', 'I', 'V', 'E'};
  return seal(table_of(fadt));
}

Table make_madt(unsigned vcpus) {
  enum Type : std::uint8_t {
    kLocalApic = 0,
    kIoApic = 1,
    kLocalApicNmi = 4,
    kLocalX2apic = 9,
    kLocalX2apicNmi = 10
  };
  constexpr std::uint32_t kLastLocalApic = 254;  // 255 is the broadcast address.
  constexpr std::uint32_t kEnabled = 1;
  constexpr std::uint8_t kNmiPin = 1;

  Madt madt{};
  madt.header = make_header("APIC", 5);
  madt.local_apic = static_cast<std::uint32_t>(layout::kLocalApic.start);
  Table table = table_of(madt);
  for (std::uint32_t id = 0; id < vcpus; ++id) {
    if (id <= kLastLocalApic) {
      const auto small = static_cast<std::uint8_t>(id);
      append(table,
             bytes_of(MadtLocalApic{kLocalApic, sizeof(MadtLocalApic), small, small, kEnabled}));
    } else {
      append(table,
             bytes_of(MadtLocalX2apic{kLocalX2apic, sizeof(MadtLocalX2apic), 0, id, kEnabled, id}));
    }
  }
  const auto io_apic = static_cast<std::uint32_t>(layout::kIoApic.start);
  append(table, bytes_of(MadtIoApic{kIoApic, sizeof(MadtIoApic), 0, 0, io_apic, 0}));
  append(table,
         bytes_of(MadtLocalApicNmi{kLocalApicNmi, sizeof(MadtLocalApicNmi), 0xff, 0, kNmiPin}));
  if (vcpus > kLastLocalApic + 1) {
    append(table, bytes_of(MadtLocalX2apicNmi{
                      kLocalX2apicNmi, sizeof(MadtLocalX2apicNmi), 0, 0xffff'ffff, kNmiPin, {}}));
  }
  return seal(table);
}

Table make_mcfg() {
  Mcfg mcfg{};
  mcfg.header = make_header("MCFG", 1);
  mcfg.ecam = layout::kEcam.start;
  mcfg.last_bus = static_cast<std::uint8_t>(layout::kEcam.size / kMiB - 1);
  return seal(table_of(mcfg));
}

Table make_xsdt(std::span<const std::uint64_t> tables) {
  Table table = table_of(make_header("XSDT", 1));
  for (const std::uint64_t address : tables) append_le(table, address, sizeof(address));
  return seal(table);
}

Table make_rsdp(std::uint64_t xsdt) {
  constexpr std::size_t kFirstRevisionSize = 20;
  Rsdp rsdp{};
  rsdp.signature = {'R', 'S', 'D', ' ', 'P', 'T', 'R', ' '};
  rsdp.oem_id = kOemId;
  rsdp.revision = 2;
  rsdp.length = sizeof(rsdp);
  rsdp.xsdt = xsdt;
  rsdp.checksum = checksum(bytes_of(rsdp).first(kFirstRevisionSize));
  rsdp.extended_checksum = checksum(bytes_of(rsdp));
  return table_of(rsdp);
}

}  // namespace hive::boot::acpi
