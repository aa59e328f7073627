// The layouts of a kernel's structures, from its BPF type format (Linux,
// Documentation/bpf/btf.rst).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hive::agent::kernel {

/// Where a member is in its structure.
struct Field {
  std::uint64_t offset = 0;  ///< In bytes.
  std::uint64_t size = 0;    ///< In bytes: of an array, each element's.
  std::uint64_t count = 1;   ///< Elements of an array; else 1.
};

class Btf {
 public:
  /// The types in BYTES, as /sys/kernel/btf/vmlinux has them. Throws Error where those are none.
  explicit Btf(std::string bytes);

  /// The member of struct STRUCTURE that PATH leads to: names with dots between them. Members of
  /// structures and unions without a name count as those of what they are in. Throws Error where
  /// there is none, or where it does not begin at a byte.
  [[nodiscard]] Field field(std::string_view structure, std::string_view path) const;
  /// In bytes. Throws Error where there is no struct STRUCTURE.
  [[nodiscard]] std::uint64_t size_of(std::string_view structure) const;
  /// The offsets of all pointers in struct STRUCTURE and in the structures and unions that it
  /// contains, in ascending order; arrays are left out. Throws Error where there is no such struct.
  [[nodiscard]] std::vector<std::uint64_t> pointers(std::string_view structure) const;

 private:
  struct Type {
    std::uint32_t name = 0;  ///< Offset of its name.
    std::uint32_t kind = 0;
    std::uint32_t count = 0;  ///< Of what follows it, such as members.
    bool has_bitfields = false;
    std::uint32_t value = 0;  ///< Its size, or another type's number.
    std::size_t extra = 0;    ///< Where what follows it begins.
  };
  struct Member {
    std::string_view name;
    std::uint32_t type = 0;
    std::uint64_t bits = 0;  ///< Its offset.
    bool is_bitfield = false;
  };
  /// A structure or union, and where it is in what contains it.
  struct Place {
    Type type;
    std::uint64_t bits = 0;
    unsigned depth = 0;
  };
  /// Takes a member at an offset in bits; true ends the visit.
  using Visitor = std::function<bool(const Member&, std::uint64_t bits)>;

  void index_types(std::size_t start, std::size_t size);
  [[nodiscard]] std::uint32_t u32(std::size_t offset) const;
  [[nodiscard]] std::string_view name_at(std::uint32_t offset) const;
  [[nodiscard]] Type type_at(std::size_t offset) const;
  [[nodiscard]] Type type_of(std::uint32_t number) const;
  [[nodiscard]] Type resolve(std::uint32_t number) const;
  [[nodiscard]] Member member(const Type& type, std::uint32_t index) const;
  [[nodiscard]] Type structure(std::string_view name) const;
  [[nodiscard]] Field extent(const Member& member, std::uint64_t bits) const;
  [[nodiscard]] std::optional<std::pair<Member, std::uint64_t>> find(const Type& type,
                                                                     std::string_view name) const;
  bool visit(const Type& type, bool enters_named, const Visitor& visitor) const;

  std::string bytes_;
  std::size_t strings_ = 0;  ///< Where they begin in `bytes_`.
  std::size_t strings_size_ = 0;
  std::vector<std::uint32_t> types_;  ///< By numbers: their offsets in `bytes_`. 0 is void.
  std::map<std::string, std::uint32_t, std::less<>> structures_;
};

}  // namespace hive::agent::kernel
