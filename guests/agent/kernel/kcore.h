// /proc/kcore: a running kernel's memory as an ELF core file (Linux, fs/proc/kcore.c).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "guests/agent/kernel/memory.h"
#include "vmm/base/range.h"
#include "vmm/base/unique_fd.h"

namespace hive::agent::kernel {

/// Some RAM.
struct Segment {
  Range addresses;             ///< The kernel's virtual ones.
  std::uint64_t physical = 0;  ///< Where it begins in guest-physical memory.
  std::uint64_t offset = 0;    ///< Where it begins in the file.
};

struct CoreHeader {
  std::vector<Segment> segments;  ///< What has a physical address: not what vmalloc() has mapped.
  Range notes;                    ///< In the file.
};

inline constexpr std::size_t kMaxCoreHeader = 65'536;

/// What HEAD, the file's first kMaxCoreHeader bytes or all where it has fewer, says. Throws Error
/// where that is no core file of x86-64.
CoreHeader parse_core_header(std::string_view head);

/// Of NOTES the one that is the task_struct of the process that reads the file. Empty where there
/// is none.
std::string_view find_task_note(std::string_view notes);

class Kcore : public Memory {
 public:
  /// Throws Error where PATH cannot be read or is not such a file.
  explicit Kcore(const std::string& path);

  bool read(std::uint64_t address, std::span<char> into) const override;
  [[nodiscard]] std::optional<std::uint64_t> physical(std::uint64_t address,
                                                      std::uint64_t size) const override;

  /// A copy of the calling process's task_struct, as it was at the start.
  [[nodiscard]] std::string_view task() const { return task_; }

 private:
  [[nodiscard]] const Segment* find(std::uint64_t address, std::uint64_t size) const;
  /// Up to SIZE bytes of the file from OFFSET on.
  [[nodiscard]] std::string read_file(std::uint64_t offset, std::size_t size) const;

  std::string path_;
  UniqueFd file_;
  CoreHeader header_;
  std::string task_;
};

}  // namespace hive::agent::kernel
