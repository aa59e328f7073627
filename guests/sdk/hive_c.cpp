// hive.h, on top of Machine. Nothing that is thrown leaves here.
#include <cstring>
#include <new>
#include <string>

#include "guests/sdk/c_calls.h"
#include "guests/sdk/guard.h"
#include "guests/sdk/hive.h"
#include "guests/sdk/last_message.h"
#include "guests/sdk/machine.h"
#include "guests/sdk/status.h"

namespace hive::sdk {

hive_status missing(const char* what) {
  return fail(HIVE_INVALID, (std::string(what) + " is NULL").c_str());
}

}  // namespace hive::sdk

using hive::sdk::do_only;
using hive::sdk::fail;
using hive::sdk::missing;
using hive::sdk::put;
using hive::sdk::run;

extern "C" {

const char* hive_status_text(hive_status status) { return hive::sdk::status_text(status); }

hive_status hive_open(const hive_options* options, hive_machine** machine) {
  if (machine == nullptr) return missing("machine");
  *machine = nullptr;
  return run([&] { return hive::sdk::Machine::open(options ? *options : hive_options{}); },
             [&](std::unique_ptr<hive::sdk::Machine> opened) {
               *machine = new hive_machine{std::move(opened)};
             });
}

void hive_close(hive_machine* machine) { delete machine; }

void hive_get_info(const hive_machine* machine, hive_machine_info* info) {
  *info = machine->machine->info();
}

hive_status hive_get_cell(hive_machine* machine, uint32_t cell, hive_cell* cell_info) {
  if (cell_info == nullptr) return missing("cell_info");
  const hive_global_part part = machine->machine->part(cell);
  *cell_info = {cell, 0, part.offset, part.size, ""};
  return put(cell_info, [&] { return machine->machine->cell(cell); });
}

hive_status hive_find_cell(hive_machine* machine, const char* name, uint32_t* cell) {
  if (name == nullptr) return missing("name");
  return put(cell, [&] { return machine->machine->find_cell(name); });
}

void* hive_address(const hive_machine* machine, uint32_t home, uint64_t offset, uint64_t size) {
  void* address = nullptr;
  (void)run([&] { return machine->machine->place(home, offset, size); },
            [&](unsigned char* found) { address = found; });
  return address;
}

hive_status hive_section_create(hive_machine* machine, const char* name, uint64_t pages,
                                hive_section* section) {
  if (name == nullptr) return missing("name");
  return put(section, [&] { return machine->machine->create_section(name, pages); });
}

hive_status hive_section_destroy(hive_machine* machine, const hive_section* section,
                                 uint32_t flags) {
  if (section == nullptr) return missing("section");
  return do_only([&] { return machine->machine->destroy_section(*section, flags); });
}

hive_status hive_section_open(hive_machine* machine, uint32_t home, const char* name,
                              hive_section* section) {
  if (name == nullptr) return missing("name");
  return put(section, [&] { return machine->machine->open_section(home, name); });
}

hive_status hive_section_close(hive_machine* machine, const hive_section* section) {
  if (section == nullptr) return missing("section");
  return do_only([&] { return machine->machine->close_section(*section); });
}

hive_status hive_section_find(hive_machine* machine, uint32_t home, const char* name,
                              hive_section* section) {
  if (name == nullptr) return missing("name");
  return put(section, [&] { return machine->machine->find_section(home, name); });
}

hive_status hive_section_next(hive_machine* machine, uint32_t home, uint64_t first,
                              hive_section* section) {
  return put(section, [&] { return machine->machine->next_section(home, first); });
}

void* hive_section_address(const hive_machine* machine, const hive_section* section) {
  constexpr uint64_t kMostPages = UINT64_MAX / HIVE_GLOBAL_PAGE_SIZE;
  if (section == nullptr || section->first > kMostPages || section->pages > kMostPages) {
    (void)fail(HIVE_INVALID, "that is no section");
    return nullptr;
  }
  return hive_address(machine, section->home, section->first * HIVE_GLOBAL_PAGE_SIZE,
                      section->pages * HIVE_GLOBAL_PAGE_SIZE);
}

hive_status hive_grant(hive_machine* machine, uint32_t cell, const hive_section* section,
                       const hive_pattern* pattern, uint64_t* changed) {
  if (pattern == nullptr) return missing("pattern");
  return put(changed, [&] { return machine->machine->grant(cell, section, *pattern); });
}

hive_status hive_revoke(hive_machine* machine, uint32_t cell, const hive_section* section,
                        const hive_pattern* pattern, uint64_t* changed) {
  if (pattern == nullptr) return missing("pattern");
  return put(changed, [&] { return machine->machine->revoke(cell, section, *pattern); });
}

hive_status hive_get_page(hive_machine* machine, uint32_t home, const hive_section* section,
                          uint64_t page, hive_page* info) {
  return put(info, [&] { return machine->machine->page(home, section, page); });
}

hive_status hive_get_written(hive_machine* machine, uint32_t home, const hive_section* section,
                             uint32_t cell, uint64_t from, uint64_t* first, uint64_t* pages) {
  if (first == nullptr || pages == nullptr) return missing("first or pages");
  return run([&] { return machine->machine->written(home, section, cell, from); },
             [&](hive::sdk::PageRun found) {
               *first = found.first;
               *pages = found.pages;
             });
}

hive_status hive_ring(hive_machine* machine, uint32_t cell, uint32_t vector) {
  return do_only([&] { return machine->machine->ring(cell, vector); });
}

hive_status hive_careful_read(const hive_machine* machine, uint32_t home, uint64_t offset,
                              uint32_t tag, uint32_t generation, void* destination, size_t size,
                              hive_object* object) {
  if (destination == nullptr && size > 0) return missing("destination");
  return put(object, [&] {
    return machine->machine->careful_read(home, offset, tag, generation, destination, size);
  });
}

hive_status hive_careful_publish(const hive_machine* machine, uint32_t home, uint64_t offset,
                                 uint32_t tag, uint32_t generation, const void* content,
                                 size_t length) {
  if (content == nullptr && length > 0) return missing("content");
  return do_only([&] {
    return machine->machine->careful_publish(home, offset, tag, generation, content, length);
  });
}

hive_status hive_copy_from(const hive_machine* machine, uint32_t home, uint64_t offset,
                           void* destination, size_t size) {
  return do_only([&] { return machine->machine->copy_from(home, offset, destination, size); });
}

hive_status hive_copy_to(const hive_machine* machine, uint32_t home, uint64_t offset,
                         const void* source, size_t size) {
  return do_only([&] { return machine->machine->copy_to(home, offset, source, size); });
}

hive_status hive_guard_faults(void) {
  const int error = hive::sdk::install_guard();
  return error == 0 ? HIVE_OK : fail(HIVE_SYSTEM, std::strerror(error));
}

}  // extern "C"
