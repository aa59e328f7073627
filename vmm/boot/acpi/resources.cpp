#include "vmm/boot/acpi/resources.h"

#include "vmm/boot/acpi/bytes.h"

namespace hive::boot::acpi::aml {
namespace {

// Tags (6.4.2, 6.4.3). Small descriptors carry their length in the tag.
constexpr std::uint8_t kIoPort = 0x47;
constexpr std::uint8_t kEnd = 0x79;
constexpr std::uint8_t kFixedMemory32 = 0x86;
constexpr std::uint8_t kDwordSpace = 0x87;
constexpr std::uint8_t kWordSpace = 0x88;
constexpr std::uint8_t kExtendedInterrupt = 0x89;
constexpr std::uint8_t kQwordSpace = 0x8a;

// Address space descriptors (6.4.3.5).
constexpr std::uint8_t kMemorySpace = 0;
constexpr std::uint8_t kBusNumberSpace = 2;
constexpr std::uint8_t kFixedRange = 0x0c;  // Minimum and maximum fixed, positive decode, producer.
constexpr std::uint8_t kReadWrite = 0x01;
constexpr std::uint8_t kPrefetchable = 0x06;  // _MEM (table 6.52).

void append_header(Term& out, std::uint8_t tag, std::uint16_t length) {
  append_le(out, tag, 1);
  append_le(out, length, 2);
}

/// An address space descriptor with fields of WIDTH bytes: granularity 0, no translation.
Term address_space(std::uint8_t tag, unsigned width, std::uint8_t kind, std::uint8_t kind_flags,
                   Range range) {
  Term out;
  append_header(out, tag, static_cast<std::uint16_t>(3 + 5 * width));
  append_le(out, kind, 1);
  append_le(out, kFixedRange, 1);
  append_le(out, kind_flags, 1);
  append_le(out, 0, width);
  append_le(out, range.start, width);
  append_le(out, range.end() - 1, width);
  append_le(out, 0, width);
  append_le(out, range.size, width);
  return out;
}

}  // namespace

Term resources(const Terms& descriptors) {
  Term all;
  for (const Term& descriptor : descriptors) append(all, descriptor);
  append_le(all, kEnd, 1);
  append_le(all, 0, 1);  // A checksum of 0 counts as right (6.4.2.9).
  return buffer(all);
}

Term io_ports(Range ports) {
  constexpr std::uint8_t kDecode16 = 1;
  Term out;
  append_le(out, kIoPort, 1);
  append_le(out, kDecode16, 1);
  append_le(out, ports.start, 2);
  append_le(out, ports.start, 2);
  append_le(out, 1, 1);  // Alignment.
  append_le(out, ports.size, 1);
  return out;
}

Term fixed_memory(Range memory) {
  Term out;
  append_header(out, kFixedMemory32, 9);
  append_le(out, kReadWrite, 1);
  append_le(out, memory.start, 4);
  append_le(out, memory.size, 4);
  return out;
}

Term edge_interrupt(std::uint32_t gsi) {
  constexpr std::uint8_t kConsumerEdge = 0x03;  // Active high, exclusive.
  Term out;
  append_header(out, kExtendedInterrupt, 6);
  append_le(out, kConsumerEdge, 1);
  append_le(out, 1, 1);  // One interrupt follows.
  append_le(out, gsi, 4);
  return out;
}

Term bus_numbers(std::uint16_t first, std::uint16_t last) {
  return address_space(kWordSpace, 2, kBusNumberSpace, 0, {first, std::uint64_t{last} - first + 1});
}

Term memory_window(Range window) {
  return address_space(kDwordSpace, 4, kMemorySpace, kReadWrite, window);
}

Term prefetchable_window(Range window) {
  return address_space(kQwordSpace, 8, kMemorySpace, kReadWrite | kPrefetchable, window);
}

}  // namespace hive::boot::acpi::aml
