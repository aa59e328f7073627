#include "vmm/dump/core_file.h"

#include <elf.h>

#include <cstring>

#include "vmm/base/units.h"
#include "vmm/dump/cpu_notes.h"

namespace hive::dump {
namespace {

std::size_t segments_of(const Contents& contents) {
  return 1 + contents.ram.size() + contents.mappings.size();
}

std::uint64_t notes_start(const Contents& contents) {
  return sizeof(Elf64_Ehdr) + segments_of(contents) * sizeof(Elf64_Phdr);
}

std::vector<std::byte> make_notes(const Contents& contents) {
  std::vector<std::byte> notes;
  // All of one kind in a row: crash counts those of a kind to know its CPU.
  unsigned index = 0;
  for (const Cpu& cpu : contents.cpus) append_status_note(notes, cpu, index++);
  for (const Cpu& cpu : contents.cpus) append_qemu_note(notes, cpu);
  return notes;
}

/// Where the byte at guest-physical ADDRESS is in the file.
std::uint64_t place_of(const Contents& contents, std::uint64_t address, std::uint64_t ram_start) {
  std::uint64_t place = ram_start;
  for (const Range& region : contents.ram) {
    if (region.contains(address)) return place + address - region.start;
    place += region.size;
  }
  return place;
}

Elf64_Ehdr make_file_header(const Contents& contents) {
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_CORE;
  header.e_machine = EM_X86_64;
  header.e_version = EV_CURRENT;
  header.e_phoff = sizeof(Elf64_Ehdr);
  header.e_ehsize = sizeof(Elf64_Ehdr);
  header.e_phentsize = sizeof(Elf64_Phdr);
  static_assert(kMaxMappings + 64 < PN_XNUM);
  header.e_phnum = static_cast<Elf64_Half>(segments_of(contents));
  return header;
}

Elf64_Phdr make_load(const Contents& contents, const Mapping& piece, std::uint64_t ram_start) {
  Elf64_Phdr load{};
  load.p_type = PT_LOAD;
  load.p_flags = PF_R | PF_W | PF_X;
  load.p_offset = place_of(contents, piece.physical, ram_start);
  load.p_vaddr = piece.virtual_address;
  load.p_paddr = piece.physical;
  load.p_filesz = load.p_memsz = piece.size;
  return load;
}

template <typename Struct>
void put(std::vector<std::byte>& out, const Struct& value) {
  const auto bytes = std::as_bytes(std::span(&value, 1));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

}  // namespace

std::uint64_t header_size(const Contents& contents) {
  return align_up(notes_start(contents) + make_notes(contents).size() + kMaxVmcoreinfo, kPageSize);
}

std::uint64_t file_size(const Contents& contents) {
  std::uint64_t size = header_size(contents);
  for (const Range& region : contents.ram) size += region.size;
  return size;
}

std::vector<std::byte> make_header(const Contents& contents,
                                   std::span<const std::byte> vmcoreinfo) {
  std::vector<std::byte> notes = make_notes(contents);
  if (vmcoreinfo.size() <= kMaxVmcoreinfo) {
    notes.insert(notes.end(), vmcoreinfo.begin(), vmcoreinfo.end());
  }
  const std::uint64_t ram_start = header_size(contents);

  std::vector<std::byte> header;
  header.reserve(ram_start);
  put(header, make_file_header(contents));
  Elf64_Phdr note{};
  note.p_type = PT_NOTE;
  note.p_offset = notes_start(contents);
  note.p_filesz = note.p_memsz = notes.size();
  put(header, note);
  for (const Range& region : contents.ram) {
    put(header, make_load(contents, {0, region.start, region.size}, ram_start));
  }
  for (const Mapping& mapping : contents.mappings) {
    put(header, make_load(contents, mapping, ram_start));
  }
  header.insert(header.end(), notes.begin(), notes.end());
  header.resize(ram_start);
  return header;
}

}  // namespace hive::dump
