// Reads core files as a debugger does, for tests of what Hive writes.
#pragma once

#include <elf.h>
#include <sys/procfs.h>
#include <sys/user.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace hive::test {

/// A core file, whole in memory. What does not fit in it is read as nothing.
class CoreReader {
 public:
  struct Note {
    std::string name;
    std::uint32_t type = 0;
    std::string content;
  };

  explicit CoreReader(std::string bytes) : bytes_(std::move(bytes)) {
    const auto header = at<Elf64_Ehdr>(0);
    if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return;
    header_ = *header;
    for (unsigned index = 0; index < header_.e_phnum; ++index) {
      const auto segment = at<Elf64_Phdr>(header_.e_phoff + index * sizeof(Elf64_Phdr));
      if (segment) segments_.push_back(*segment);
    }
    for (const Elf64_Phdr& segment : segments_) {
      if (segment.p_type == PT_NOTE) read_notes(segment.p_offset, segment.p_filesz);
    }
  }

  static CoreReader of_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return CoreReader({std::istreambuf_iterator<char>(file), {}});
  }

  [[nodiscard]] bool is_core() const {
    return header_.e_type == ET_CORE && header_.e_machine == EM_X86_64 &&
           header_.e_ident[EI_CLASS] == ELFCLASS64;
  }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] const std::vector<Elf64_Phdr>& segments() const { return segments_; }
  [[nodiscard]] std::vector<Note> notes(const std::string& name) const {
    std::vector<Note> found;
    for (const Note& note : notes_) {
      if (note.name == name) found.push_back(note);
    }
    return found;
  }
  /// The registers in the note NT_PRSTATUS of each vCPU.
  [[nodiscard]] std::vector<user_regs_struct> registers() const {
    std::vector<user_regs_struct> all;
    for (const Note& note : notes("CORE")) {
      elf_prstatus status{};
      if (note.type != NT_PRSTATUS || note.content.size() != sizeof status) continue;
      std::memcpy(&status, note.content.data(), sizeof status);
      user_regs_struct& registers = all.emplace_back();
      std::memcpy(&registers, &status.pr_reg, sizeof registers);
    }
    return all;
  }
  /// LENGTH bytes at guest-physical ADDRESS, by the first segment that has them.
  [[nodiscard]] std::optional<std::string> physical(std::uint64_t address,
                                                    std::uint64_t length) const {
    return look(address, length, [](const Elf64_Phdr& segment) { return segment.p_paddr; });
  }
  /// The same at a virtual ADDRESS of the kernel's half.
  [[nodiscard]] std::optional<std::string> kernel(std::uint64_t address,
                                                  std::uint64_t length) const {
    return look(address, length, [](const Elf64_Phdr& segment) { return segment.p_vaddr; });
  }

 private:
  template <typename Struct>
  [[nodiscard]] std::optional<Struct> at(std::uint64_t offset) const {
    if (offset > bytes_.size() || bytes_.size() - offset < sizeof(Struct)) return std::nullopt;
    Struct value;
    std::memcpy(&value, bytes_.data() + offset, sizeof value);
    return value;
  }

  void read_notes(std::uint64_t offset, std::uint64_t size) {
    const std::uint64_t end = offset + size;
    const auto padded = [](std::uint64_t length) { return (length + 3) & ~std::uint64_t{3}; };
    while (offset + sizeof(Elf64_Nhdr) <= end) {
      const auto header = at<Elf64_Nhdr>(offset);
      if (!header) return;
      const std::uint64_t name = offset + sizeof *header;
      const std::uint64_t content = name + padded(header->n_namesz);
      offset = content + padded(header->n_descsz);
      if (offset > end || offset > bytes_.size() || header->n_namesz == 0) return;
      notes_.push_back({bytes_.substr(name, header->n_namesz - 1), header->n_type,
                        bytes_.substr(content, header->n_descsz)});
    }
  }

  template <typename Address>
  [[nodiscard]] std::optional<std::string> look(std::uint64_t address, std::uint64_t length,
                                                Address address_of) const {
    for (const Elf64_Phdr& segment : segments_) {
      const std::uint64_t start = address_of(segment);
      if (segment.p_type != PT_LOAD || address < start) continue;
      const std::uint64_t within = address - start;
      if (within >= segment.p_filesz || length > segment.p_filesz - within) continue;
      if (segment.p_offset + within + length > bytes_.size()) return std::nullopt;
      return bytes_.substr(segment.p_offset + within, length);
    }
    return std::nullopt;
  }

  std::string bytes_;
  Elf64_Ehdr header_{};
  std::vector<Elf64_Phdr> segments_;
  std::vector<Note> notes_;
};

}  // namespace hive::test
