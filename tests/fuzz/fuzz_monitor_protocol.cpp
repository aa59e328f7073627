// What a hostile VMM may send its monitor, and what a VMM takes as its configuration.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "vmm/base/error.h"
#include "vmm/cell/config.h"
#include "vmm/cell/guest_fault.h"
#include "vmm/cell/monitor_protocol.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  if (const auto report = hive::cell::parse_report(text)) {
    const auto again = hive::cell::parse_report(to_json(*report));
    if (!again || again->kind != report->kind || again->detail != report->detail) std::abort();
  }
  if (const auto command = hive::cell::parse_command(text)) {
    if (hive::cell::parse_command(to_json(*command)) != command) std::abort();
  }
  if (const auto bytes = hive::cell::parse_spare(text)) {
    if (hive::cell::parse_spare(hive::cell::spare_to_json(*bytes)) != bytes) std::abort();
  }
  if (const auto fault = hive::cell::parse_guest_fault(text)) {
    if (hive::cell::parse_guest_fault(to_json(*fault)) != fault) std::abort();
  }
  try {
    const std::string json = to_json(hive::cell::parse_config(text));
    if (to_json(hive::cell::parse_config(json)) != json) std::abort();
  } catch (const hive::Error&) {
    // Refused with a reason, as it should be.
  }
  return 0;
}
