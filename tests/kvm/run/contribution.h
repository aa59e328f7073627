// What a cell contributes to global memory, seen past its guest and any firewall.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "guests/abi/system_area.h"
#include "vmm/base/unique_fd.h"
#include "vmm/base/units.h"

namespace hive::test {

/// The contribution whose file the process MONITOR has, mapped.
class Memory {
 public:
  static constexpr std::uint64_t kSize = 4 * kMiB;
  static constexpr std::uint64_t kPages = kSize / kPageSize;
  static constexpr std::uint64_t kCopied = kSize - sizeof(hive_system_area);

  Memory(pid_t monitor, const std::string& cell) {
    const auto folder = std::filesystem::path("/proc") / std::to_string(monitor) / "fd";
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      std::error_code gone;
      const std::string target = std::filesystem::read_symlink(entry, gone).string();
      if (target.find("hive-global-" + cell) == std::string::npos) continue;
      const UniqueFd file(::open(entry.path().c_str(), O_RDWR | O_CLOEXEC));
      struct stat info {};
      if (::fstat(file.get(), &info) == 0) inode_ = info.st_ino;
      void* base = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
      if (base != MAP_FAILED) base_ = static_cast<unsigned char*>(base);
      return;
    }
  }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory() {
    if (base_ != nullptr) ::munmap(base_, kSize);
  }

  [[nodiscard]] bool is_there() const { return base_ != nullptr; }
  /// Which file it is.
  [[nodiscard]] std::uint64_t inode() const { return inode_; }
  [[nodiscard]] unsigned char* page(std::uint64_t page) const { return base_ + page * kPageSize; }
  [[nodiscard]] std::uint32_t word(std::uint64_t page) const {
    std::uint32_t word = 0;
    std::memcpy(&word, this->page(page), sizeof word);
    return word;
  }
  /// What fill() puts into PAGE.
  [[nodiscard]] static constexpr unsigned char byte_of(std::uint64_t page) {
    return static_cast<unsigned char>(1 + page % 251);
  }
  /// Whether all of PAGE is BYTE.
  [[nodiscard]] bool is_all(std::uint64_t page, unsigned char byte) const {
    const unsigned char* start = this->page(page);
    return std::all_of(start, start + kPageSize,
                       [byte](unsigned char each) { return each == byte; });
  }
  void set_word(std::uint64_t page, std::uint32_t word) const {
    std::memcpy(this->page(page), &word, sizeof word);
  }
  /// Other bytes in each page.
  void fill() const {
    for (std::uint64_t each = 0; each < kPages; ++each) {
      std::memset(page(each), byte_of(each), kPageSize);
    }
  }
  /// The first kCopied bytes: all but the system area, to which monitors write what happened.
  [[nodiscard]] std::vector<unsigned char> copy() const { return {base_, base_ + kCopied}; }

 private:
  unsigned char* base_ = nullptr;
  std::uint64_t inode_ = 0;
};

}  // namespace hive::test
