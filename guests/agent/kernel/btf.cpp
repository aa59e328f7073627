#include "guests/agent/kernel/btf.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "vmm/base/error.h"
#include "vmm/base/range.h"

namespace hive::agent::kernel {
namespace {

// include/uapi/linux/btf.h.
constexpr std::uint32_t kMagic = 0xeb9f, kVersion = 1;
constexpr std::size_t kHeaderSize = 24, kTypeSize = 12, kMemberSize = 12;
constexpr std::uint32_t kMaxTypes = 0x000fffff;
enum Kind : std::uint32_t {
  kInt = 1,
  kPointer,
  kArray,
  kStruct,
  kUnion,
  kEnum,
  kForward,
  kTypedef,
  kVolatile,
  kConst,
  kRestrict,
  kFunction,
  kFunctionPrototype,
  kVariable,
  kDataSection,
  kFloat,
  kDeclarationTag,
  kTypeTag,
  kEnum64,
};

constexpr std::uint64_t kPointerSize = 8;
/// Bounds of what is looked at for one question, as no kernel has it.
constexpr unsigned kMaxDepth = 32, kMaxMembers = 1 << 16;

[[noreturn]] void refuse(const std::string& why) { throw Error("the kernel's BTF " + why); }

/// Bytes that follow a type of KIND and COUNT.
std::optional<std::size_t> extra_size(std::uint32_t kind, std::size_t count) {
  switch (kind) {
    case kInt:
    case kVariable:
    case kDeclarationTag:
      return 4;
    case kArray:
      return 12;
    case kStruct:
    case kUnion:
    case kDataSection:
    case kEnum64:
      return count * 12;
    case kEnum:
    case kFunctionPrototype:
      return count * 8;
    case kPointer:
    case kForward:
    case kTypedef:
    case kVolatile:
    case kConst:
    case kRestrict:
    case kFunction:
    case kFloat:
    case kTypeTag:
      return 0;
    default:
      return std::nullopt;
  }
}

bool is_modifier(std::uint32_t kind) {
  return (kind >= kTypedef && kind <= kRestrict) || kind == kTypeTag;
}

bool has_members(std::uint32_t kind) { return kind == kStruct || kind == kUnion; }

}  // namespace

Btf::Btf(std::string bytes) : bytes_(std::move(bytes)) {
  if (bytes_.size() < kHeaderSize) refuse("is too short");
  const std::uint32_t first = u32(0);
  const std::size_t header = u32(4);
  if ((first & 0xffff) != kMagic || (first >> 16 & 0xff) != kVersion || header < kHeaderSize) {
    refuse("has a header that this agent does not know");
  }
  const std::size_t types = header + u32(8);
  const std::size_t types_size = u32(12);
  strings_ = header + u32(16);
  strings_size_ = u32(20);
  if (!fits_within(types, types_size, bytes_.size()) ||
      !fits_within(strings_, strings_size_, bytes_.size()) || strings_size_ == 0 ||
      bytes_[strings_ + strings_size_ - 1] != '\0') {
    refuse("is cut off");
  }
  index_types(types, types_size);
}

void Btf::index_types(std::size_t start, std::size_t size) {
  types_.push_back(0);
  const std::size_t end = start + size;
  for (std::size_t at = start; at != end;) {
    if (!fits_within(at, kTypeSize, end) || types_.size() > kMaxTypes) refuse("is cut off");
    const Type type = type_at(at);
    const auto extra = extra_size(type.kind, type.count);
    if (!extra) {
      refuse("has a kind of type, " + std::to_string(type.kind) +
             ", that this agent does not know");
    }
    if (!fits_within(type.extra, *extra, end)) refuse("is cut off");
    if (type.kind == kStruct) {
      structures_.emplace(name_at(type.name), static_cast<std::uint32_t>(types_.size()));
    }
    types_.push_back(static_cast<std::uint32_t>(at));
    at = type.extra + *extra;
  }
}

std::uint32_t Btf::u32(std::size_t offset) const {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes_.data() + offset, sizeof value);
  return value;
}

std::string_view Btf::name_at(std::uint32_t offset) const {
  if (offset >= strings_size_) refuse("has a name outside of its strings");
  return {bytes_.data() + strings_ + offset};  // The last of the strings ends with 0.
}

Btf::Type Btf::type_at(std::size_t offset) const {
  const std::uint32_t info = u32(offset + 4);
  return {u32(offset),     info >> 24 & 0x1f, info & 0xffff,
          info >> 31 != 0, u32(offset + 8),   offset + kTypeSize};
}

Btf::Type Btf::type_of(std::uint32_t number) const {
  if (number == 0 || number >= types_.size()) refuse("names a type that it does not have");
  return type_at(types_[number]);
}

Btf::Type Btf::resolve(std::uint32_t number) const {
  Type type = type_of(number);
  for (unsigned steps = 0; is_modifier(type.kind); ++steps) {
    if (steps == kMaxDepth) refuse("has names of types that go round");
    type = type_of(type.value);
  }
  return type;
}

Btf::Member Btf::member(const Type& type, std::uint32_t index) const {
  const std::size_t at = type.extra + index * kMemberSize;
  const std::uint32_t offset = u32(at + 8);
  Member member{name_at(u32(at)), u32(at + 4), offset, false};
  if (type.has_bitfields) {
    member.bits = offset & 0xffffff;
    member.is_bitfield = offset >> 24 != 0;
  }
  return member;
}

Btf::Type Btf::structure(std::string_view name) const {
  const auto found = structures_.find(name);
  if (found == structures_.end()) refuse("has no struct " + std::string(name));
  return type_of(found->second);
}

bool Btf::visit(const Type& type, bool enters_named, const Visitor& visitor) const {
  std::vector<Place> ahead{{type, 0, 0}};
  unsigned members = 0;
  while (!ahead.empty()) {
    const Place place = ahead.back();
    ahead.pop_back();
    if (place.depth == kMaxDepth) refuse("has structures that contain themselves");
    for (std::uint32_t index = 0; index < place.type.count; ++index) {
      if (++members > kMaxMembers) refuse("has a structure with too many members");
      const Member each = member(place.type, index);
      const std::uint64_t bits = place.bits + each.bits;
      if (visitor(each, bits)) return true;
      if (!each.name.empty() && !enters_named) continue;
      const Type inner = resolve(each.type);
      if (has_members(inner.kind)) ahead.push_back({inner, bits, place.depth + 1});
    }
  }
  return false;
}

std::optional<std::pair<Btf::Member, std::uint64_t>> Btf::find(const Type& type,
                                                               std::string_view name) const {
  std::optional<std::pair<Member, std::uint64_t>> found;
  visit(type, false, [&](const Member& each, std::uint64_t bits) {
    if (each.name != name) return false;
    found.emplace(each, bits);
    return true;
  });
  return found;
}

Field Btf::extent(const Member& member, std::uint64_t bits) const {
  Field field{bits / 8, 0, 1};
  Type type = resolve(member.type);
  if (type.kind == kArray) {
    field.count = u32(type.extra + 8);
    type = resolve(u32(type.extra));
  }
  const bool has_size = type.kind == kInt || has_members(type.kind) || type.kind == kEnum ||
                        type.kind == kEnum64 || type.kind == kFloat;
  field.size = type.kind == kPointer ? kPointerSize : has_size ? type.value : 0;
  return field;
}

Field Btf::field(std::string_view structure_name, std::string_view path) const {
  const std::string wanted = std::string(structure_name) + "." + std::string(path);
  Type type = structure(structure_name);
  std::uint64_t bits = 0;
  while (true) {
    const std::string_view name = path.substr(0, path.find('.'));
    const auto found = name.empty() ? std::nullopt : find(type, name);
    if (!found) refuse("has no " + wanted);
    bits += found->second;
    if (name.size() == path.size()) {
      if (found->first.is_bitfield || bits % 8 != 0) refuse("has bits as " + wanted);
      return extent(found->first, bits);
    }
    path.remove_prefix(name.size() + 1);
    type = resolve(found->first.type);
    if (!has_members(type.kind)) refuse("has no " + wanted);
  }
}

std::uint64_t Btf::size_of(std::string_view name) const { return structure(name).value; }

std::vector<std::uint64_t> Btf::pointers(std::string_view name) const {
  std::vector<std::uint64_t> offsets;
  visit(structure(name), true, [&](const Member& each, std::uint64_t bits) {
    const bool is_pointer = !each.is_bitfield && resolve(each.type).kind == kPointer;
    if (is_pointer && bits % (8 * kPointerSize) == 0) offsets.push_back(bits / 8);
    return false;
  });
  std::sort(offsets.begin(), offsets.end());
  offsets.erase(std::unique(offsets.begin(), offsets.end()), offsets.end());
  return offsets;
}

}  // namespace hive::agent::kernel
