// BPF type format as a kernel has it (Linux, Documentation/bpf/btf.rst), for tests.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hive::agent::kernel {

/// Types are numbered from 1 on, in the order in which they are added.
class BtfBuilder {
 public:
  struct Member {
    std::string name;
    std::uint32_t type = 0;
    std::uint32_t offset = 0;  ///< In bytes.
    std::uint32_t bits = 0;    ///< Of a bit-field; else 0.
  };
  enum Kind : std::uint32_t {
    kInt = 1,
    kPointer = 2,
    kArray = 3,
    kStruct = 4,
    kUnion = 5,
    kEnum = 6,
    kTypedef = 8,
    kConst = 10,
    kVariable = 14,
    kTypeTag = 18,
    kEnum64 = 19,
  };

  std::uint32_t integer(const std::string& name, std::uint32_t size) {
    begin(name, kInt, 0, size);
    put(types_, size * 8);
    return count_;
  }
  std::uint32_t pointer(std::uint32_t to = 0) { return begin("", kPointer, 0, to); }
  std::uint32_t array(std::uint32_t of, std::uint32_t count) {
    begin("", kArray, 0, 0);
    for (const std::uint32_t word : {of, of, count}) put(types_, word);
    return count_;
  }
  /// Such as a typedef.
  std::uint32_t name(Kind kind, const std::string& name, std::uint32_t type) {
    return begin(name, kind, 0, type);
  }
  std::uint32_t structure(const std::string& name, std::uint32_t size,
                          const std::vector<Member>& members, Kind kind = kStruct) {
    bool has_bits = false;
    for (const Member& member : members) has_bits = has_bits || member.bits != 0;
    const auto count = static_cast<std::uint32_t>(members.size());
    begin(name, kind, count | (has_bits ? 1U << 31 : 0), size);
    for (const Member& member : members) {
      put(types_, add_string(member.name));
      put(types_, member.type);
      put(types_, member.offset * 8 | member.bits << 24);
    }
    return count_;
  }
  /// Some type with COUNT pieces of SIZE bytes behind it.
  std::uint32_t other(std::uint32_t kind, std::uint32_t count, std::size_t size) {
    begin("other", kind, count, 0);
    types_ += std::string(count * size, '\0');
    return count_;
  }

  [[nodiscard]] std::string bytes() const {
    std::string all;
    put(all, 0x0001eb9f);
    for (const std::size_t word :
         {std::size_t{24}, std::size_t{0}, types_.size(), types_.size(), strings_.size()}) {
      put(all, static_cast<std::uint32_t>(word));
    }
    return all + types_ + strings_;
  }

 private:
  static void put(std::string& to, std::uint32_t word) {
    for (unsigned byte = 0; byte < 4; ++byte) to += static_cast<char>(word >> (8 * byte));
  }
  std::uint32_t add_string(std::string_view text) {
    if (text.empty()) return 0;
    const auto offset = static_cast<std::uint32_t>(strings_.size());
    strings_ += std::string(text) + '\0';
    return offset;
  }
  std::uint32_t begin(const std::string& name, std::uint32_t kind, std::uint32_t rest,
                      std::uint32_t value) {
    put(types_, add_string(name));
    put(types_, kind << 24 | rest);
    put(types_, value);
    return ++count_;
  }

  std::string types_;
  std::string strings_ = std::string(1, '\0');
  std::uint32_t count_ = 0;
};

}  // namespace hive::agent::kernel
