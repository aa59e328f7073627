#include "vmm/boot/acpi/dsdt.h"

#include <array>

#include "vmm/boot/acpi/bytes.h"
#include "vmm/boot/acpi/resources.h"
#include "vmm/memory/layout.h"

namespace hive::boot::acpi {
namespace {

using namespace aml;
namespace layout = memory::layout;

constexpr std::string_view kPowerButton = "\\_SB.PWRB";

/// \_S5: what to write as SLP_TYP to power off.
Term soft_off() {
  return name("\\_S5",
              package({integer(layout::kSleepTypeOff), integer(0), integer(0), integer(0)}));
}

/// Leaves every native PCI Express feature that the OS asks for to it (PCI Firmware 3.3, 4.5.1).
Term pci_osc() {
  constexpr std::uint8_t kUnknownUuid = 1 << 2;
  constexpr std::uint8_t kUnknownRevision = 1 << 3;
  const Term status = path("CDW1");
  const Term pci_host_bridge = uuid("33db4d5b-1ff7-401c-9657-7441c03dd766");
  return method("_OSC", 4,
                {create_dword_field(argument(3), 0, "CDW1"),
                 if_true(logical_not(equal(argument(0), pci_host_bridge)),
                         {bit_or(status, integer(kUnknownUuid), status)}),
                 if_true(logical_not(equal(argument(1), integer(1))),
                         {bit_or(status, integer(kUnknownRevision), status)}),
                 return_value(argument(3))});
}

/// INTA of every slot is wired to layout::kPciGsi, without a link device (ACPI 6.4, 6.2.13):
/// level-triggered, active low.
Term pci_routing() {
  constexpr std::uint64_t kSlots = 32;
  constexpr std::uint64_t kEveryFunction = 0xffff;
  constexpr std::uint64_t kInta = 0;
  Terms entries;
  for (std::uint64_t slot = 0; slot < kSlots; ++slot) {
    entries.push_back(package({integer(slot << 16 | kEveryFunction), integer(kInta), integer(0),
                               integer(layout::kPciGsi)}));
  }
  return name("_PRT", package(entries));
}

/// Only the function of global memory has an interrupt pin.
Term pci_host(const Range& upper_bars) {
  Terms passed_down{bus_numbers(0, 0), memory_window(layout::kPciWindow)};
  if (upper_bars.size != 0) passed_down.push_back(prefetchable_window(upper_bars));
  Terms terms{name("_HID", eisa_id("PNP0A08")),
              name("_CID", eisa_id("PNP0A03")),
              name("_SEG", integer(0)),
              name("_BBN", integer(0)),
              name("_UID", integer(0)),
              name("_CRS", resources(passed_down)),
              pci_osc()};
  if (upper_bars.size != 0) terms.push_back(pci_routing());
  return device("PCI0", terms);
}

/// What no device driver claims: Linux trusts the MCFG table only when its area is here.
Term motherboard() {
  return device(
      "MBRD",
      {name("_HID", eisa_id("PNP0C02")), name("_UID", integer(0)),
       name("_CRS", resources({fixed_memory(layout::kEcam), io_ports(layout::kPowerPorts)}))});
}

Term serial_port() {
  return device("COM1", {name("_HID", eisa_id("PNP0501")), name("_UID", integer(1)),
                         name("_CRS", resources({io_ports(layout::kSerialPorts),
                                                 edge_interrupt(layout::kSerialGsi)}))});
}

Term panic_port() {
  constexpr std::uint8_t kPresent = 0xf;
  return device("PEVT", {name("_HID", string("QEMU0001")), name("_STA", integer(kPresent)),
                         name("_CRS", resources({io_ports(layout::kPvpanicPort)}))});
}

Term power_button() {
  return device("PWRB", {name("_HID", eisa_id("PNP0C0C")), name("_UID", integer(0))});
}

/// The generic event device (ACPI 6.4, 5.6.9): its interrupt says that kPowerEvents has news.
Term event_device() {
  constexpr std::uint8_t kPressed = 0x80;
  const Term events = local(0);
  return device("GED", {name("_HID", string("ACPI0013")), name("_UID", integer(0)),
                        name("_CRS", resources({edge_interrupt(layout::kPowerGsi)})),
                        port_region("EREG", layout::kPowerEvents, 1), byte_field("EREG", "EVTS"),
                        method("_EVT", 1,
                               {store(path("EVTS"), events),
                                if_true(bit_and(events, integer(layout::kPowerButtonEvent)),
                                        {notify(kPowerButton, kPressed)})})});
}

/// C000, C001, ...: the _UID is what the MADT calls the processor.
Term processor(unsigned index) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  const std::array<char, 4> id{'C', kDigits[index >> 8 & 0xf], kDigits[index >> 4 & 0xf],
                               kDigits[index & 0xf]};
  return device({id.data(), id.size()},
                {name("_HID", string("ACPI0007")), name("_UID", integer(index))});
}

}  // namespace

Term make_dsdt_body(unsigned vcpus, const Range& upper_bars) {
  Terms devices{pci_host(upper_bars), motherboard(),  serial_port(),
                panic_port(),         power_button(), event_device()};
  for (unsigned i = 0; i < vcpus; ++i) devices.push_back(processor(i));
  Term body = soft_off();
  append(body, scope("\\_SB", devices));
  return body;
}

}  // namespace hive::boot::acpi
