// Layouts of the fixed-format ACPI tables (ACPI 6.4, 5.2).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace hive::boot::acpi {

#pragma pack(push, 1)

struct Rsdp {
  std::array<char, 8> signature;
  std::uint8_t checksum;  ///< Of the first 20 bytes.
  std::array<char, 6> oem_id;
  std::uint8_t revision;
  std::uint32_t rsdt;
  std::uint32_t length;
  std::uint64_t xsdt;
  std::uint8_t extended_checksum;  ///< Of all.
  std::array<std::uint8_t, 3> reserved;
};
static_assert(sizeof(Rsdp) == 36 && offsetof(Rsdp, xsdt) == 24);

struct TableHeader {
  std::array<char, 4> signature;
  std::uint32_t length;
  std::uint8_t revision;
  std::uint8_t checksum;
  std::array<char, 6> oem_id;
  std::array<char, 8> oem_table_id;
  std::uint32_t oem_revision;
  std::array<char, 4> creator_id;
  std::uint32_t creator_revision;
};
static_assert(sizeof(TableHeader) == 36 && offsetof(TableHeader, checksum) == 9);

/// Generic address structure (5.2.3.2).
struct GenericAddress {
  std::uint8_t space;
  std::uint8_t bits;
  std::uint8_t bit_offset;
  std::uint8_t access_size;
  std::uint64_t address;
};
static_assert(sizeof(GenericAddress) == 12);

/// FADT revision 6 (5.2.9). What a hardware-reduced machine leaves 0 is not named.
struct Fadt {
  TableHeader header;
  std::array<std::uint8_t, 60> legacy_registers;
  std::uint16_t c2_latency;
  std::uint16_t c3_latency;
  std::array<std::uint8_t, 9> legacy_layout;
  std::uint16_t boot_flags;  ///< IAPC_BOOT_ARCH
  std::uint8_t reserved;
  std::uint32_t flags;
  GenericAddress reset_register;
  std::uint8_t reset_value;
  std::uint16_t arm_boot_flags;
  std::uint8_t minor_revision;
  std::uint64_t facs;
  std::uint64_t dsdt;
  std::array<GenericAddress, 8> legacy_blocks;
  GenericAddress sleep_control;
  GenericAddress sleep_status;
  std::array<char, 8> hypervisor;
};
static_assert(sizeof(Fadt) == 276);
static_assert(offsetof(Fadt, c2_latency) == 96 && offsetof(Fadt, boot_flags) == 109 &&
              offsetof(Fadt, flags) == 112 && offsetof(Fadt, reset_register) == 116 &&
              offsetof(Fadt, minor_revision) == 131 && offsetof(Fadt, dsdt) == 140 &&
              offsetof(Fadt, sleep_control) == 244 && offsetof(Fadt, hypervisor) == 268);

/// The MADT's fixed part (5.2.12) and its entries (5.2.12.2, .3, .7, .12, .13).
struct Madt {
  TableHeader header;
  std::uint32_t local_apic;
  std::uint32_t flags;
};
static_assert(sizeof(Madt) == 44);

struct MadtLocalApic {
  std::uint8_t type;
  std::uint8_t length;
  std::uint8_t processor_uid;
  std::uint8_t apic_id;
  std::uint32_t flags;
};
static_assert(sizeof(MadtLocalApic) == 8);

struct MadtIoApic {
  std::uint8_t type;
  std::uint8_t length;
  std::uint8_t id;
  std::uint8_t reserved;
  std::uint32_t address;
  std::uint32_t first_gsi;
};
static_assert(sizeof(MadtIoApic) == 12);

struct MadtLocalApicNmi {
  std::uint8_t type;
  std::uint8_t length;
  std::uint8_t processor_uid;
  std::uint16_t flags;
  std::uint8_t lint;
};
static_assert(sizeof(MadtLocalApicNmi) == 6);

struct MadtLocalX2apic {
  std::uint8_t type;
  std::uint8_t length;
  std::uint16_t reserved;
  std::uint32_t apic_id;
  std::uint32_t flags;
  std::uint32_t processor_uid;
};
static_assert(sizeof(MadtLocalX2apic) == 16);

struct MadtLocalX2apicNmi {
  std::uint8_t type;
  std::uint8_t length;
  std::uint16_t flags;
  std::uint32_t processor_uid;
  std::uint8_t lint;
  std::array<std::uint8_t, 3> reserved;
};
static_assert(sizeof(MadtLocalX2apicNmi) == 12);

struct Mcfg {
  TableHeader header;
  std::uint64_t reserved;
  std::uint64_t ecam;  ///< One allocation follows the header.
  std::uint16_t segment;
  std::uint8_t first_bus;
  std::uint8_t last_bus;
  std::uint32_t reserved_end;
};
static_assert(sizeof(Mcfg) == 60 && offsetof(Mcfg, ecam) == 44);

#pragma pack(pop)

}  // namespace hive::boot::acpi
