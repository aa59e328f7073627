#include "vmm/boot/elf_kernel.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "vmm/boot/refuse.h"
#include "vmm/memory/layout.h"

namespace hive::boot {
namespace {

namespace layout = memory::layout;

constexpr std::size_t kMaxProgramHeaders = 128;  // Linux has 5.
constexpr std::size_t kMaxNotes = 256;           // Bounds the reads that a hostile file costs.
constexpr std::uint32_t kPhys32EntryNote = 18;   // XEN_ELFNOTE_PHYS32_ENTRY
constexpr std::string_view kXen("Xen\0", 4);
constexpr std::uint64_t kLinuxCmdlineMax = 2047;  // Linux's own limit on x86.

constexpr const char* kDamaged = "; it is damaged: copy it again";

template <typename T>
T read_at(const ImageSource& image, std::uint64_t offset, const char* part) {
  if (!fits_within(offset, sizeof(T), image.size())) {
    refuse(image, std::string("an ELF file that ends within its ") + part + kDamaged);
  }
  std::array<std::byte, sizeof(T)> raw{};
  image.read(offset, raw);
  T value;
  std::memcpy(&value, raw.data(), raw.size());
  return value;
}

Elf64_Ehdr read_file_header(const ImageSource& image) {
  const auto ident = read_at<std::array<unsigned char, EI_NIDENT>>(image, 0, "header");
  if (ident[EI_CLASS] != ELFCLASS64 || ident[EI_DATA] != ELFDATA2LSB) {
    refuse(image, "an ELF file that is not 64-bit little-endian; use a kernel for x86-64");
  }
  const auto header = read_at<Elf64_Ehdr>(image, 0, "header");
  if (header.e_machine != EM_X86_64) {
    refuse(image, "an ELF file for another processor; use a kernel for x86-64");
  }
  if (header.e_type != ET_EXEC && header.e_type != ET_DYN) {
    refuse(image, "an ELF file that is not executable; give the path of a kernel");
  }
  if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum == 0 ||
      header.e_phnum > kMaxProgramHeaders) {
    refuse(image, std::string("an ELF file with impossible program headers") + kDamaged);
  }
  return header;
}

std::vector<Elf64_Phdr> read_program_headers(const ImageSource& image) {
  const Elf64_Ehdr header = read_file_header(image);
  if (!fits_within(header.e_phoff, std::uint64_t{header.e_phnum} * sizeof(Elf64_Phdr),
                   image.size())) {
    refuse(image, std::string("truncated: its program headers lie beyond its end") + kDamaged);
  }
  std::vector<Elf64_Phdr> segments;
  segments.reserve(header.e_phnum);
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    segments.push_back(
        read_at<Elf64_Phdr>(image, header.e_phoff + i * sizeof(Elf64_Phdr), "program headers"));
    const Elf64_Phdr& segment = segments.back();
    if (segment.p_type != PT_LOAD && segment.p_type != PT_NOTE) continue;
    if (!fits_within(segment.p_offset, segment.p_filesz, image.size())) {
      refuse(image, "truncated: segment " + std::to_string(i) + " lies beyond its end" + kDamaged);
    }
  }
  return segments;
}

/// A PHYS32_ENTRY note's address, when the note at OFFSET is one.
std::optional<std::uint64_t> entry_of_note(const ImageSource& image, const Elf64_Nhdr& note,
                                           std::uint64_t offset) {
  if (note.n_type != kPhys32EntryNote || note.n_namesz != kXen.size()) return std::nullopt;
  const auto name = read_at<std::array<char, kXen.size()>>(image, offset, "notes");
  if (std::string_view(name.data(), name.size()) != kXen) return std::nullopt;
  // Linux writes a pointer of the kernel's width, Xen's own text asks for 32 bits.
  if (note.n_descsz == 4) return read_at<std::uint32_t>(image, offset + kXen.size(), "notes");
  if (note.n_descsz == 8) return read_at<std::uint64_t>(image, offset + kXen.size(), "notes");
  return std::nullopt;
}

std::optional<std::uint64_t> find_entry(const ImageSource& image, const Elf64_Phdr& notes) {
  std::uint64_t at = 0;
  for (std::size_t i = 0; i < kMaxNotes && fits_within(at, sizeof(Elf64_Nhdr), notes.p_filesz);
       ++i) {
    const auto note = read_at<Elf64_Nhdr>(image, notes.p_offset + at, "notes");
    at += sizeof(Elf64_Nhdr);
    const std::uint64_t size =
        align_up(std::uint64_t{note.n_namesz}, 4) + align_up(std::uint64_t{note.n_descsz}, 4);
    if (!fits_within(at, size, notes.p_filesz)) return std::nullopt;
    if (const auto entry = entry_of_note(image, note, notes.p_offset + at)) return entry;
    at += size;
  }
  return std::nullopt;
}

std::uint64_t find_entry(const ImageSource& image, const std::vector<Elf64_Phdr>& segments) {
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type != PT_NOTE) continue;
    if (const auto entry = find_entry(image, segment)) return *entry;
  }
  refuse(image,
         "an ELF file without a PVH entry note; use a kernel built with CONFIG_PVH, or a bzImage");
}

void check_segment(const memory::GuestMemory& memory, const ImageSource& image,
                   const Elf64_Phdr& segment) {
  if (segment.p_filesz > segment.p_memsz) {
    refuse(image, std::string("an ELF segment larger in the file than in memory") + kDamaged);
  }
  if (segment.p_paddr < layout::kHighRam) {
    refuse(image, "an ELF kernel linked to run below 1 MiB; link it at 1 MiB or above");
  }
  if (!fits_within(segment.p_paddr, segment.p_memsz, memory.regions().front().guest.end())) {
    refuse(image, "it needs " + in_mib(segment.p_memsz) + " at address " + in_mib(segment.p_paddr) +
                      ", the cell has " + in_mib(memory.size()) +
                      " of memory; give the cell more memory");
  }
}

/// Loads every segment and returns the range that they span. The memory beyond a segment's file
/// bytes is zero already.
Range load_segments(const memory::GuestMemory& memory, const ImageSource& image,
                    const std::vector<Elf64_Phdr>& segments) {
  std::uint64_t start = ~0ULL;
  std::uint64_t end = 0;
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type != PT_LOAD || segment.p_memsz == 0) continue;
    check_segment(memory, image, segment);
    const auto window = memory.window({segment.p_paddr}, segment.p_filesz);
    if (!window) refuse(image, "it does not fit in the cell's memory; give the cell more memory");
    image.read(segment.p_offset, *window);
    start = std::min(start, segment.p_paddr);
    end = std::max(end, segment.p_paddr + segment.p_memsz);
  }
  if (end == 0) refuse(image, "an ELF file with nothing to load; give the path of a kernel");
  return {start, end - start};
}

}  // namespace

bool is_elf(const ImageSource& image) {
  std::array<std::byte, SELFMAG> magic{};
  if (image.size() < magic.size()) return false;
  image.read(0, magic);
  return std::memcmp(magic.data(), ELFMAG, SELFMAG) == 0;
}

LoadedKernel load_elf_kernel(const memory::GuestMemory& memory, const ImageSource& image) {
  const std::vector<Elf64_Phdr> segments = read_program_headers(image);
  LoadedKernel kernel;
  kernel.entry = Entry::kPvh;
  kernel.entry_address = find_entry(image, segments);
  kernel.memory = load_segments(memory, image, segments);
  kernel.initrd_max = layout::kHole.start - 1;
  kernel.cmdline_max = kLinuxCmdlineMax;
  if (!kernel.memory.contains(kernel.entry_address)) {
    refuse(image, std::string("its PVH entry lies outside its segments") + kDamaged);
  }
  return kernel;
}

}  // namespace hive::boot
