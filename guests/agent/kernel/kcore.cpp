#include "guests/agent/kernel/kcore.h"

#include <elf.h>
#include <fcntl.h>

#include <cerrno>
#include <cstring>

#include "vmm/base/error.h"
#include "vmm/base/units.h"

namespace hive::agent::kernel {
namespace {

constexpr std::uint64_t kNoPhysical = ~std::uint64_t{0};
constexpr std::uint32_t kTaskNote = NT_TASKSTRUCT;
constexpr std::uint64_t kMostNotes = kMiB;

/// The T at OFFSET of BYTES, which are long enough.
template <typename T>
T take(std::string_view bytes, std::size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

/// Whether SIZE numbers from START on are all below 2^63.
bool is_small(std::uint64_t start, std::uint64_t size) {
  return fits_within(start, size, std::uint64_t{1} << 63);
}

/// Whether HEADER is of RAM, whose physical addresses are known.
bool is_ram(const Elf64_Phdr& header) {
  return header.p_type == PT_LOAD && header.p_filesz != 0 && header.p_paddr != kNoPhysical &&
         is_small(header.p_paddr, header.p_filesz) && is_small(header.p_offset, header.p_filesz) &&
         header.p_vaddr <= ~header.p_filesz;
}

}  // namespace

CoreHeader parse_core_header(std::string_view head) {
  const auto refuse = [](const char* why) { throw Error(std::string("/proc/kcore ") + why); };
  if (head.size() < sizeof(Elf64_Ehdr)) refuse("is too short");
  const auto file = take<Elf64_Ehdr>(head, 0);
  const bool is_core = std::memcmp(file.e_ident, ELFMAG, SELFMAG) == 0 &&
                       file.e_ident[EI_CLASS] == ELFCLASS64 &&
                       file.e_ident[EI_DATA] == ELFDATA2LSB && file.e_type == ET_CORE &&
                       file.e_machine == EM_X86_64 && file.e_phentsize == sizeof(Elf64_Phdr);
  if (!is_core) refuse("is no core file of x86-64");
  if (!fits_within(file.e_phoff, file.e_phnum * sizeof(Elf64_Phdr), head.size())) {
    refuse("has more program headers than this agent takes");
  }
  CoreHeader header;
  for (std::size_t index = 0; index < file.e_phnum; ++index) {
    const auto each = take<Elf64_Phdr>(head, file.e_phoff + index * sizeof(Elf64_Phdr));
    if (each.p_type == PT_NOTE && is_small(each.p_offset, each.p_filesz)) {
      header.notes = {each.p_offset, each.p_filesz};
    }
    if (!is_ram(each)) continue;
    header.segments.push_back({{each.p_vaddr, each.p_filesz}, each.p_paddr, each.p_offset});
  }
  if (header.segments.empty()) refuse("shows no RAM");
  return header;
}

std::string_view find_task_note(std::string_view notes) {
  constexpr std::uint64_t kAlignment = 4;
  for (std::uint64_t at = 0; fits_within(at, sizeof(Elf64_Nhdr), notes.size());) {
    const auto note = take<Elf64_Nhdr>(notes, at);
    const std::uint64_t body =
        at + sizeof note + align_up(std::uint64_t{note.n_namesz}, kAlignment);
    if (!fits_within(body, note.n_descsz, notes.size())) return {};
    if (note.n_type == kTaskNote) return notes.substr(body, note.n_descsz);
    at = body + align_up(std::uint64_t{note.n_descsz}, kAlignment);
  }
  return {};
}

Kcore::Kcore(const std::string& path)
    : path_(path), file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (!file_) throw_errno(path, errno, "the kernel has to have it, and not to be locked down");
  header_ = parse_core_header(read_file(0, kMaxCoreHeader));
  if (header_.notes.size > kMostNotes) throw Error(path + " has notes that are too long");
  task_ = find_task_note(read_file(header_.notes.start, header_.notes.size));
  if (task_.empty()) throw Error(path + " has no note with the reader's task_struct");
}

std::string Kcore::read_file(std::uint64_t offset, std::size_t size) const {
  std::string bytes(size, '\0');
  std::size_t done = 0;
  while (done < size) {
    const ssize_t count =
        ::pread(file_.get(), bytes.data() + done, size - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_errno(path_);
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  bytes.resize(done);
  return bytes;
}

const Segment* Kcore::find(std::uint64_t address, std::uint64_t size) const {
  for (const Segment& segment : header_.segments) {
    const bool is_in = segment.addresses.contains(address) &&
                       size <= segment.addresses.size - (address - segment.addresses.start);
    if (is_in) return &segment;
  }
  return nullptr;
}

std::optional<std::uint64_t> Kcore::physical(std::uint64_t address, std::uint64_t size) const {
  const Segment* segment = find(address, size);
  if (segment == nullptr) return std::nullopt;
  return segment->physical + (address - segment->addresses.start);
}

bool Kcore::read(std::uint64_t address, std::span<char> into) const {
  const Segment* segment = find(address, into.size());
  if (segment == nullptr) return false;
  const std::string bytes =
      read_file(segment->offset + (address - segment->addresses.start), into.size());
  if (bytes.size() != into.size()) return false;
  std::memcpy(into.data(), bytes.data(), bytes.size());
  return true;
}

}  // namespace hive::agent::kernel
