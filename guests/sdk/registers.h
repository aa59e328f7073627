// The device's registers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "guests/abi/global_memory.h"

namespace hive::sdk {

/// Access to struct hive_global_registers at an address. Owns nothing.
class Registers {
 public:
  explicit Registers(void* base) : base_(static_cast<volatile unsigned char*>(base)) {}

  /// OFFSET is a multiple of the value's size.
  [[nodiscard]] std::uint32_t load32(std::size_t offset) const {
    return __atomic_load_n(reinterpret_cast<volatile std::uint32_t*>(base_ + offset),
                           __ATOMIC_ACQUIRE);
  }
  [[nodiscard]] std::uint64_t load64(std::size_t offset) const {
    return __atomic_load_n(reinterpret_cast<volatile std::uint64_t*>(base_ + offset),
                           __ATOMIC_ACQUIRE);
  }
  void store32(std::size_t offset, std::uint32_t value) const {
    __atomic_store_n(reinterpret_cast<volatile std::uint32_t*>(base_ + offset), value,
                     __ATOMIC_RELEASE);
  }
  void store64(std::size_t offset, std::uint64_t value) const {
    __atomic_store_n(reinterpret_cast<volatile std::uint64_t*>(base_ + offset), value,
                     __ATOMIC_RELEASE);
  }

  /// A structure that fills whole 8-byte registers from OFFSET on.
  template <typename T>
  [[nodiscard]] T load(std::size_t offset) const {
    static_assert(sizeof(T) % 8 == 0);
    T value;
    auto* bytes = reinterpret_cast<unsigned char*>(&value);
    for (std::size_t at = 0; at < sizeof(T); at += 8) {
      const std::uint64_t word = load64(offset + at);
      std::memcpy(bytes + at, &word, 8);
    }
    return value;
  }
  template <typename T>
  void store(std::size_t offset, const T& value) const {
    static_assert(sizeof(T) % 8 == 0);
    const auto* bytes = reinterpret_cast<const unsigned char*>(&value);
    for (std::size_t at = 0; at < sizeof(T); at += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes + at, 8);
      store64(offset + at, word);
    }
  }

 private:
  volatile unsigned char* base_;
};

}  // namespace hive::sdk
