#include "vmm/dump/writer.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

#include "vmm/base/error.h"
#include "vmm/base/units.h"
#include "vmm/dump/mappings.h"
#include "vmm/dump/vmcoreinfo.h"

namespace hive::dump {
namespace {

constexpr std::uint64_t kChunk = kMiB;

void write_all(int file, std::span<const std::byte> bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_errno("the core file cannot be written");
    if (count == 0) throw Error("the core file takes no more");
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
}

bool is_zero(std::span<const std::byte> page) {
  return page.front() == std::byte{0} &&
         std::memcmp(page.data(), page.data() + 1, page.size() - 1) == 0;
}

/// Copies RAM to the core file.
class RamWriter {
 public:
  RamWriter(const memory::GuestMemory& memory, int file, std::uint64_t ram_start)
      : memory_(memory), file_(file), ram_start_(ram_start), chunk_(kChunk) {}

  void write() {
    const std::uint64_t size = memory_.capacity();
    // The file has all of RAM, whether anything follows or not.
    write_all(file_, std::array{std::byte{0}}, ram_start_ + size - 1);
    std::uint64_t offset = 0;
    while ((offset = next_touched(offset)) < size) {
      const std::size_t count = read(offset, std::min(kChunk, size - offset));
      if (count == 0) break;
      write_chunk(offset, std::span(chunk_).first(count));
      offset += count;
    }
  }

  [[nodiscard]] const std::vector<std::byte>& vmcoreinfo() const { return vmcoreinfo_; }

 private:
  /// The first place from OFFSET on, a multiple of a page, where the guest's memory may be anything
  /// but zeros.
  [[nodiscard]] std::uint64_t next_touched(std::uint64_t offset) const {
    if (offset >= memory_.capacity()) return memory_.capacity();
    const off_t next = ::lseek(memory_.file(), static_cast<off_t>(offset), SEEK_DATA);
    if (next >= 0) return align_down(static_cast<std::uint64_t>(next), kPageSize);
    return errno == ENXIO ? memory_.capacity() : offset;  // Not every file system knows.
  }

  /// By read(2): looking at memory that was never touched takes memory.
  std::size_t read(std::uint64_t offset, std::uint64_t length) {
    for (;;) {
      const ssize_t count =
          ::pread(memory_.file(), chunk_.data(), length, static_cast<off_t>(offset));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) throw_errno("the guest's memory cannot be read");
      return align_down(static_cast<std::uint64_t>(count), kPageSize);
    }
  }

  void write_chunk(std::uint64_t offset, std::span<const std::byte> bytes) {
    std::size_t begin = 0;  // Of pages that are to be written together.
    for (std::size_t at = 0; at < bytes.size(); at += kPageSize) {
      const auto page = bytes.subspan(at, kPageSize);
      if (is_zero(page)) {
        write_all(file_, bytes.subspan(begin, at - begin), ram_start_ + offset + begin);
        begin = at + kPageSize;
      } else if (vmcoreinfo_.empty()) {
        if (const auto size = vmcoreinfo_size(page)) take_vmcoreinfo(offset + at, *size);
      }
    }
    write_all(file_, bytes.subspan(begin), ram_start_ + offset + begin);
  }

  /// The note may go on in the next page.
  void take_vmcoreinfo(std::uint64_t offset, std::size_t size) {
    std::vector<std::byte> note(size);
    const ssize_t count =
        ::pread(memory_.file(), note.data(), note.size(), static_cast<off_t>(offset));
    if (count == static_cast<ssize_t>(size)) vmcoreinfo_ = std::move(note);
  }

  const memory::GuestMemory& memory_;
  int file_;
  std::uint64_t ram_start_;
  std::vector<std::byte> chunk_;
  std::vector<std::byte> vmcoreinfo_;
};

}  // namespace

void write_core(const memory::GuestMemory& memory, std::vector<Cpu> cpus, int file) {
  Contents contents;
  contents.mappings = kernel_mappings(memory, cpus);
  contents.cpus = std::move(cpus);
  for (const memory::MemoryRegion& region : memory.all_regions()) {
    contents.ram.push_back(region.guest);
  }
  RamWriter ram(memory, file, header_size(contents));
  ram.write();
  write_all(file, make_header(contents, ram.vmcoreinfo()), 0);
  if (::fsync(file) != 0) throw_errno("the core file cannot be written");
}

}  // namespace hive::dump
