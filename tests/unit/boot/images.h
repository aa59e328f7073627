// Kernel images made in memory.
#pragma once

#include <asm/bootparam.h>
#include <elf.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "vmm/base/error.h"
#include "vmm/base/range.h"
#include "vmm/base/units.h"
#include "vmm/boot/image_source.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/memory/layout.h"

namespace hive::boot {

using Bytes = std::vector<std::byte>;

class MemoryImage : public ImageSource {
 public:
  explicit MemoryImage(Bytes bytes) : bytes_(std::move(bytes)) {}
  explicit MemoryImage(const std::string& text) {
    const auto bytes = std::as_bytes(std::span(text));
    bytes_.assign(bytes.begin(), bytes.end());
  }
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::uint64_t size() const override { return bytes_.size(); }
  void read(std::uint64_t offset, std::span<std::byte> out) const override {
    if (!fits_within(offset, out.size(), bytes_.size()))
      throw std::logic_error("read past the end");
    if (!out.empty()) std::memcpy(out.data(), bytes_.data() + offset, out.size());
  }

 private:
  std::string name_ = "kernel /test";
  Bytes bytes_;
};

inline memory::GuestMemory make_memory(std::uint64_t size) {
  return {size, memory::layout::kHole, memory::Backing::kSmallPages};
}

/// Stores VALUE at OFFSET of BYTES, which grow as needed.
template <typename T>
void poke(Bytes& bytes, std::size_t offset, const T& value) {
  if (bytes.size() < offset + sizeof(value)) bytes.resize(offset + sizeof(value));
  std::memcpy(bytes.data() + offset, &value, sizeof(value));
}

/// The byte that a test payload has at OFFSET.
inline std::byte pattern(std::size_t offset) { return std::byte(offset * 7 + 3); }

/// The value of a packed structure's field, which a reference must not be bound to.
template <typename T>
T copy(T field) {
  return field;
}

/// What THROWER's Error says; fails the test when there is none.
template <typename Thrower>
std::string error_of(Thrower thrower) {
  try {
    thrower();
  } catch (const Error& error) {
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

/// A bzImage as Linux builds it, with a payload of pattern().
struct TestBzimage {
  static constexpr std::size_t kSetupSectors = 3;
  static constexpr std::size_t kPayloadOffset = (kSetupSectors + 1) * std::size_t{512};
  static constexpr std::size_t kPayloadSize = 64 * kKiB;

  setup_header header{};

  TestBzimage() {
    header.setup_sects = kSetupSectors;
    header.syssize = kPayloadSize / 16;
    header.boot_flag = 0xaa55;
    header.jump = 0x6aeb;  // To 0x26c: just after the header of protocol 2.15.
    header.header = 0x53726448;
    header.version = 0x020f;
    header.loadflags = LOADED_HIGH;
    header.initrd_addr_max = 0x7fff'ffff;
    header.kernel_alignment = 0x20'0000;
    header.relocatable_kernel = 1;
    header.xloadflags = XLF_KERNEL_64;
    header.cmdline_size = 2047;
    header.payload_offset = 0x400;
    header.payload_length = kPayloadSize - 0x400;
    header.pref_address = 0x100'0000;
    header.init_size = 0x100'0000;
  }

  [[nodiscard]] Bytes bytes() const {
    Bytes bytes;
    poke(bytes, 0x1f1, header);
    bytes.resize(kPayloadOffset);
    for (std::size_t i = 0; i < kPayloadSize; ++i) bytes.push_back(pattern(i));
    return bytes;
  }
  [[nodiscard]] MemoryImage image() const { return MemoryImage(bytes()); }
};

/// A PVH ELF kernel: notes, then one segment of pattern().
struct TestElf {
  static constexpr std::size_t kNotes = 0x200;
  static constexpr std::size_t kSegment = 0x1000;
  static constexpr std::size_t kSegmentSize = 0x3000;

  Elf64_Ehdr header{};
  Elf64_Phdr notes{};
  Elf64_Phdr segment{};
  Bytes note_bytes;

  TestElf() {
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_type = ET_EXEC;
    header.e_machine = EM_X86_64;
    header.e_phoff = sizeof(Elf64_Ehdr);
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = 2;
    notes.p_type = PT_NOTE;
    notes.p_offset = kNotes;
    segment.p_type = PT_LOAD;
    segment.p_offset = kSegment;
    segment.p_filesz = kSegmentSize;
    segment.p_memsz = kSegmentSize + 0x5000;
    segment.p_paddr = 0x100'0000;
    add_note("GNU", 3, Bytes(20));
    Bytes entry;
    poke(entry, 0, std::uint64_t{0x100'0040});
    add_note("Xen", 18, entry);
  }

  void add_note(const std::string& name, std::uint32_t type, const Bytes& description) {
    poke(note_bytes, note_bytes.size(),
         Elf64_Nhdr{static_cast<std::uint32_t>(name.size() + 1),
                    static_cast<std::uint32_t>(description.size()), type});
    for (const char c : name) note_bytes.push_back(std::byte(c));
    note_bytes.push_back({});
    note_bytes.resize(align_up(note_bytes.size(), 4));
    note_bytes.insert(note_bytes.end(), description.begin(), description.end());
    note_bytes.resize(align_up(note_bytes.size(), 4));
    notes.p_filesz = note_bytes.size();
  }

  [[nodiscard]] Bytes bytes() const {
    Bytes bytes;
    poke(bytes, 0, header);
    poke(bytes, sizeof(header), notes);
    poke(bytes, sizeof(header) + sizeof(notes), segment);
    bytes.resize(kNotes);
    bytes.insert(bytes.end(), note_bytes.begin(), note_bytes.end());
    bytes.resize(kSegment);
    for (std::size_t i = 0; i < kSegmentSize; ++i) bytes.push_back(pattern(i));
    return bytes;
  }
  [[nodiscard]] MemoryImage image() const { return MemoryImage(bytes()); }
};

}  // namespace hive::boot
