// The memory of a kernel that runs, by its own addresses.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace hive::agent::kernel {

/// Where two structures meet while the kernel changes them, what is read may be of either time.
class Memory {
 public:
  Memory() = default;
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  virtual ~Memory() = default;

  /// Fills INTO with what is at the kernel's virtual ADDRESS. False where not all of that is RAM.
  virtual bool read(std::uint64_t address, std::span<char> into) const = 0;
  /// Where SIZE bytes at the kernel's virtual ADDRESS are in guest-physical memory, if they are in
  /// RAM.
  [[nodiscard]] virtual std::optional<std::uint64_t> physical(std::uint64_t address,
                                                              std::uint64_t size) const = 0;

  /// The number at ADDRESS, where that is aligned and in RAM.
  template <typename Number = std::uint64_t>
  [[nodiscard]] std::optional<Number> number(std::uint64_t address) const {
    Number value{};
    std::span<char> bytes(reinterpret_cast<char*>(&value), sizeof value);
    if (address % sizeof value != 0 || !read(address, bytes)) return std::nullopt;
    return value;
  }
};

}  // namespace hive::agent::kernel
