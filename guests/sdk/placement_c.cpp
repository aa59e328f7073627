// hive_placement.h, on top of Machine. Nothing that is thrown leaves here.
#include "guests/sdk/c_calls.h"
#include "guests/sdk/hive_placement.h"
#include "guests/sdk/machine.h"

using hive::sdk::do_only;
using hive::sdk::missing;
using hive::sdk::put;

extern "C" {

hive_status hive_section_create_at(hive_machine* machine, uint32_t home, const char* name,
                                   uint64_t pages, uint32_t flags, hive_section* section) {
  if (name == nullptr) return missing("name");
  return put(section,
             [&] { return machine->machine->create_section_at(home, name, pages, flags); });
}

hive_status hive_section_used(hive_machine* machine, const hive_section* section, uint64_t count) {
  if (section == nullptr) return missing("section");
  return do_only([&] { return machine->machine->use_section(*section, count); });
}

}  // extern "C"
