// The digest by which outputs are compared.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace hive::workloads {

/// FNV-1a with 64 bits, of bytes in the order in which they are added.
class Digest {
 public:
  void add(const void* data, std::size_t size);
  [[nodiscard]] std::uint64_t value() const { return value_; }
  /// 16 hexadecimal digits.
  [[nodiscard]] std::string text() const;

 private:
  std::uint64_t value_ = 0xcbf29ce484222325;
};

}  // namespace hive::workloads
