#include "vmm/boot/acpi/aml.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "vmm/boot/acpi/resources.h"

namespace hive::boot::acpi::aml {
namespace {

Term bytes(std::initializer_list<unsigned> values) {
  Term out;
  for (const unsigned value : values) out.push_back(std::byte(value));
  return out;
}

Term text(const std::string& value) {
  const auto raw = std::as_bytes(std::span(value));
  return {raw.begin(), raw.end()};
}

Term operator+(Term a, const Term& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST(Aml, EncodesNames) {
  EXPECT_EQ(path("_SB"), text("_SB_"));
  EXPECT_EQ(path("\\_S5"), text("\\_S5_"));
  EXPECT_EQ(path("^^PCI0"), text("^^PCI0"));
  EXPECT_EQ(path("_SB.PCI0"), bytes({0x2e}) + text("_SB_PCI0"));
  EXPECT_EQ(path("\\_SB.PCI0.A"), bytes({'\\', 0x2f, 3}) + text("_SB_PCI0A___"));
  EXPECT_EQ(path("\\"), bytes({'\\', 0}));
  for (const char* bad : {"", "TOOLONG", "a", "A..B", "0AB", ".A", "A.", "A-B"}) {
    EXPECT_THROW(path(bad), std::invalid_argument) << bad;
  }
}

TEST(Aml, EncodesIntegersInTheirShortestForm) {
  EXPECT_EQ(integer(0), bytes({0}));
  EXPECT_EQ(integer(1), bytes({1}));
  EXPECT_EQ(integer(2), bytes({0x0a, 2}));
  EXPECT_EQ(integer(0xff), bytes({0x0a, 0xff}));
  EXPECT_EQ(integer(0x100), bytes({0x0b, 0, 1}));
  EXPECT_EQ(integer(0x1'0000), bytes({0x0c, 0, 0, 1, 0}));
  EXPECT_EQ(integer(0x1'0000'0000), bytes({0x0e, 0, 0, 0, 0, 1, 0, 0, 0}));
}

TEST(Aml, EncodesStringsAndIds) {
  EXPECT_EQ(string("AB"), bytes({0x0d, 'A', 'B', 0}));
  EXPECT_THROW(string("\xc3\xa4"), std::invalid_argument);
  EXPECT_EQ(eisa_id("PNP0A03"), bytes({0x0c, 0x41, 0xd0, 0x0a, 0x03}));
  EXPECT_EQ(eisa_id("PNP0501"), bytes({0x0c, 0x41, 0xd0, 0x05, 0x01}));
  EXPECT_THROW(eisa_id("PNP05"), std::invalid_argument);
  EXPECT_THROW(eisa_id("pnp0501"), std::invalid_argument);
  EXPECT_EQ(uuid("33db4d5b-1ff7-401c-9657-7441c03dd766"),
            bytes({0x11, 0x13, 0x0a, 0x10, 0x5b, 0x4d, 0xdb, 0x33, 0xf7, 0x1f,
                   0x1c, 0x40, 0x96, 0x57, 0x74, 0x41, 0xc0, 0x3d, 0xd7, 0x66}));
  EXPECT_THROW(uuid("33db"), std::invalid_argument);
}

/// The PkgLength field of a buffer term whose whole body has SIZE bytes.
Term length_field(std::size_t size, std::size_t width) {
  const Term sized = package({Term(size - 1)});
  EXPECT_EQ(sized.size(), 1 + width + size);
  return {sized.begin() + 1, sized.begin() + 1 + static_cast<std::ptrdiff_t>(width)};
}

TEST(Aml, CountsTheLengthFieldInTheLength) {
  EXPECT_EQ(length_field(2, 1), bytes({3}));
  EXPECT_EQ(length_field(62, 1), bytes({63}));
  EXPECT_EQ(length_field(63, 2), bytes({0x41, 0x04}));          // 65
  EXPECT_EQ(length_field(4093, 2), bytes({0x4f, 0xff}));        // 4095
  EXPECT_EQ(length_field(4094, 3), bytes({0x81, 0x00, 0x01}));  // 4097
  EXPECT_EQ(length_field(0x10'0000, 4), bytes({0xc4, 0x00, 0x00, 0x01}));
}

TEST(Aml, EncodesContainers) {
  EXPECT_EQ(name("_UID", integer(1)), bytes({0x08}) + text("_UID") + bytes({1}));
  EXPECT_EQ(package({integer(5), integer(0)}), bytes({0x12, 5, 2, 0x0a, 5, 0}));
  EXPECT_THROW(package(Terms(256, integer(0))), std::invalid_argument);
  EXPECT_EQ(scope("\\_SB", {integer(1)}), bytes({0x10, 7}) + text("\\_SB_") + bytes({1}));
  EXPECT_EQ(device("PWRB", {}), bytes({0x5b, 0x82, 5}) + text("PWRB"));
  EXPECT_EQ(method("_EVT", 1, {}), bytes({0x14, 6}) + text("_EVT") + bytes({0x09}));
  EXPECT_THROW(method("_EVT", 8, {}), std::invalid_argument);
  EXPECT_EQ(buffer(bytes({7, 8})), bytes({0x11, 5, 0x0a, 2, 7, 8}));
}

TEST(Aml, EncodesRegionsAndCode) {
  EXPECT_EQ(port_region("EREG", 0x603, 1),
            bytes({0x5b, 0x80}) + text("EREG") + bytes({1, 0x0b, 0x03, 0x06, 1}));
  EXPECT_EQ(byte_field("EREG", "EVTS"),
            bytes({0x5b, 0x81, 11}) + text("EREG") + bytes({0x41}) + text("EVTS") + bytes({8}));
  EXPECT_EQ(argument(6), bytes({0x6e}));
  EXPECT_EQ(local(7), bytes({0x67}));
  EXPECT_THROW(argument(7), std::invalid_argument);
  EXPECT_THROW(local(8), std::invalid_argument);
  EXPECT_EQ(create_dword_field(argument(3), 0, "CDW1"), bytes({0x8a, 0x6b, 0}) + text("CDW1"));
  EXPECT_EQ(store(integer(1), local(0)), bytes({0x70, 1, 0x60}));
  EXPECT_EQ(bit_or(local(0), integer(1), local(1)), bytes({0x7d, 0x60, 1, 0x61}));
  EXPECT_EQ(bit_and(local(0), integer(1)), bytes({0x7b, 0x60, 1, 0}));
  EXPECT_EQ(logical_not(equal(local(0), integer(1))), bytes({0x92, 0x93, 0x60, 1}));
  EXPECT_EQ(if_true(local(0), {return_value(integer(1))}), bytes({0xa0, 4, 0x60, 0xa4, 1}));
  EXPECT_EQ(notify("PWRB", 0x80), bytes({0x86}) + text("PWRB") + bytes({0x0a, 0x80}));
}

TEST(Resources, EncodeTheirDescriptors) {
  EXPECT_EQ(io_ports({0x3f8, 8}), bytes({0x47, 1, 0xf8, 3, 0xf8, 3, 1, 8}));
  EXPECT_EQ(fixed_memory({0xe000'0000, 0x10'0000}),
            bytes({0x86, 9, 0, 1, 0, 0, 0, 0xe0, 0, 0, 0x10, 0}));
  EXPECT_EQ(edge_interrupt(9), bytes({0x89, 6, 0, 3, 1, 9, 0, 0, 0}));
  EXPECT_EQ(bus_numbers(0, 255), bytes({0x88, 13, 0, 2, 0x0c, 0, 0, 0, 0, 0, 0xff, 0, 0, 0, 0, 1}));
  EXPECT_EQ(memory_window({0xc000'0000, 0x2000'0000}),
            bytes({0x87, 23,   0,    0,    0x0c, 1, 0, 0, 0, 0, 0, 0, 0,
                   0xc0, 0xff, 0xff, 0xff, 0xdf, 0, 0, 0, 0, 0, 0, 0, 0x20}));
  EXPECT_EQ(prefetchable_window({0x1'4000'0000, 0x8000'0000}),
            bytes({0x8a, 43, 0, 0, 0x0c, 7}) + bytes({0, 0, 0, 0, 0, 0, 0, 0}) +
                bytes({0, 0, 0, 0x40, 1, 0, 0, 0}) + bytes({0xff, 0xff, 0xff, 0xbf, 1, 0, 0, 0}) +
                bytes({0, 0, 0, 0, 0, 0, 0, 0}) + bytes({0, 0, 0, 0x80, 0, 0, 0, 0}));
  EXPECT_EQ(resources({}), bytes({0x11, 5, 0x0a, 2, 0x79, 0}));
}

}  // namespace
}  // namespace hive::boot::acpi::aml
