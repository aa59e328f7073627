#include "vmm/boot/acpi/aml.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>

#include "vmm/boot/acpi/bytes.h"

namespace hive::boot::acpi::aml {
namespace {

// Opcodes (ACPI 6.4, 20.3). A value above 0xff is the extension prefix 0x5b and its second byte.
enum Opcode : std::uint16_t {
  kZero = 0x00,
  kOne = 0x01,
  kName = 0x08,
  kByte = 0x0a,
  kWord = 0x0b,
  kDword = 0x0c,
  kString = 0x0d,
  kQword = 0x0e,
  kScope = 0x10,
  kBuffer = 0x11,
  kPackage = 0x12,
  kMethod = 0x14,
  kDualName = 0x2e,
  kMultiName = 0x2f,
  kLocal0 = 0x60,
  kArg0 = 0x68,
  kStore = 0x70,
  kAnd = 0x7b,
  kOr = 0x7d,
  kNotify = 0x86,
  kCreateDwordField = 0x8a,
  kLogicalNot = 0x92,
  kLogicalEqual = 0x93,
  kIf = 0xa0,
  kReturn = 0xa4,
  kRegion = 0x5b80,
  kField = 0x5b81,
  kDevice = 0x5b82,
};

constexpr std::uint8_t kNullName = 0x00;
constexpr std::uint8_t kSystemIo = 1;
constexpr std::uint8_t kByteAccessWriteAsZeros = 0x41;
constexpr std::uint8_t kSerialized = 0x08;

[[noreturn]] void misuse(const char* what, std::string_view text) {
  throw std::invalid_argument("AML: " + std::string(what) + ": " + std::string(text));
}

Term opcode(Opcode code) {
  if (code > 0xff) return {std::byte(code >> 8), std::byte(code & 0xff)};
  return {std::byte(code)};
}

Term byte(std::uint64_t value) { return {std::byte(value)}; }

Term join(std::initializer_list<Term> parts) {
  Term out;
  for (const Term& part : parts) append(out, part);
  return out;
}

Term flatten(const Terms& terms) {
  Term out;
  for (const Term& term : terms) append(out, term);
  return out;
}

/// PkgLength and BODY (20.2.4). The length counts its own bytes too.
Term with_length(const Term& body) {
  Term out;
  if (body.size() + 1 < 0x40) {
    append_le(out, body.size() + 1, 1);
  } else {
    std::size_t following = 1;  // Bytes after the first, which holds the length's low nibble.
    while (body.size() + 1 + following >= std::size_t{1} << (4 + 8 * following)) ++following;
    if (following > 3) throw std::invalid_argument("AML: a term of 256 MiB or more");
    const std::size_t length = body.size() + 1 + following;
    out.push_back(std::byte(following << 6 | (length & 0xf)));
    append_le(out, length >> 4, static_cast<unsigned>(following));
  }
  append(out, body);
  return out;
}

Term container(Opcode code, const Term& head, const Terms& terms) {
  return join({opcode(code), with_length(join({head, flatten(terms)}))});
}

bool is_name_char(char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

void append_segment(Term& out, std::string_view segment) {
  constexpr std::size_t kSegment = 4;
  if (segment.empty() || segment.size() > kSegment || (segment[0] >= '0' && segment[0] <= '9')) {
    misuse("not a name segment", segment);
  }
  for (const char c : segment) {
    if (!is_name_char(c)) misuse("not a name segment", segment);
    out.push_back(std::byte(c));
  }
  out.insert(out.end(), kSegment - segment.size(), std::byte('_'));
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  misuse("not a hexadecimal digit", {&c, 1});
}

}  // namespace

Term path(std::string_view path) {
  Term out;
  while (!path.empty() && (path[0] == '\\' || path[0] == '^')) {
    out.push_back(std::byte(path[0]));
    path.remove_prefix(1);
  }
  if (path.empty() && out.size() == 1) return join({out, byte(kNullName)});
  Term segments;
  std::size_t count = 0;
  for (std::size_t start = 0; start <= path.size(); ++count) {
    const std::size_t dot = std::min(path.find('.', start), path.size());
    append_segment(segments, path.substr(start, dot - start));
    start = dot + 1;
  }
  if (count == 2) out.push_back(std::byte(kDualName));
  if (count > 2) append(out, join({opcode(kMultiName), byte(count)}));
  append(out, segments);
  return out;
}

Term integer(std::uint64_t value) {
  Term out;
  if (value <= 1) return opcode(value == 0 ? kZero : kOne);
  const auto encode = [&](Opcode prefix, unsigned width) {
    out = opcode(prefix);
    append_le(out, value, width);
    return out;
  };
  if (value <= 0xff) return encode(kByte, 1);
  if (value <= 0xffff) return encode(kWord, 2);
  if (value <= 0xffff'ffff) return encode(kDword, 4);
  return encode(kQword, 8);
}

Term string(std::string_view text) {
  Term out = opcode(kString);
  for (const char c : text) {
    if (c <= 0) misuse("not an ASCII string", text);
    out.push_back(std::byte(c));
  }
  out.push_back({});
  return out;
}

Term buffer(std::span<const std::byte> bytes) {
  return container(kBuffer, integer(bytes.size()), {Term(bytes.begin(), bytes.end())});
}

Term package(const Terms& elements) {
  if (elements.size() > 0xff) throw std::invalid_argument("AML: a package of 256 and more");
  return container(kPackage, byte(elements.size()), elements);
}

Term eisa_id(std::string_view id) {
  constexpr std::size_t kLetters = 3;
  constexpr std::size_t kLength = 7;
  if (id.size() != kLength) misuse("not an EISA id", id);
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < kLetters; ++i) {
    if (id[i] < 'A' || id[i] > 'Z') misuse("not an EISA id", id);
    value = value << 5 | static_cast<std::uint32_t>(id[i] - '@');
  }
  for (std::size_t i = kLetters; i < kLength; ++i) {
    value = value << 4 | static_cast<std::uint32_t>(hex_digit(id[i]));
  }
  return integer(__builtin_bswap32(value));
}

Term uuid(std::string_view text) {
  // Where each byte's two digits are in the text: the first three groups are little-endian.
  constexpr std::array<std::size_t, 16> kPlaces{6,  4,  2,  0,  11, 9,  16, 14,
                                                19, 21, 24, 26, 28, 30, 32, 34};
  if (text.size() != 36) misuse("not a UUID", text);
  Term bytes;
  for (const std::size_t place : kPlaces) {
    bytes.push_back(std::byte(hex_digit(text[place]) << 4 | hex_digit(text[place + 1])));
  }
  return buffer(bytes);
}

Term name(std::string_view name, const Term& value) {
  return join({opcode(kName), path(name), value});
}

Term scope(std::string_view name, const Terms& terms) {
  return container(kScope, path(name), terms);
}

Term device(std::string_view name, const Terms& terms) {
  return container(kDevice, path(name), terms);
}

Term method(std::string_view name, std::uint8_t arguments, const Terms& terms) {
  if (arguments > 7) misuse("more than 7 arguments", name);
  return container(kMethod, join({path(name), byte(arguments | kSerialized)}), terms);
}

Term port_region(std::string_view name, std::uint16_t port, std::uint8_t length) {
  return join({opcode(kRegion), path(name), byte(kSystemIo), integer(port), integer(length)});
}

Term byte_field(std::string_view region, std::string_view name) {
  constexpr std::uint8_t kBits = 8;  // Below 64, a PkgLength is one byte.
  return container(kField, join({path(region), byte(kByteAccessWriteAsZeros)}),
                   {path(name), byte(kBits)});
}

Term argument(unsigned index) {
  if (index > 6) misuse("not an argument", std::to_string(index));
  return byte(kArg0 + index);
}

Term local(unsigned index) {
  if (index > 7) misuse("not a local", std::to_string(index));
  return byte(kLocal0 + index);
}

Term create_dword_field(const Term& source, std::uint64_t offset, std::string_view name) {
  return join({opcode(kCreateDwordField), source, integer(offset), path(name)});
}

Term store(const Term& source, const Term& target) {
  return join({opcode(kStore), source, target});
}

Term bit_or(const Term& a, const Term& b, const Term& target) {
  return join({opcode(kOr), a, b, target});
}

Term bit_and(const Term& a, const Term& b) { return join({opcode(kAnd), a, b, byte(kNullName)}); }

Term equal(const Term& a, const Term& b) { return join({opcode(kLogicalEqual), a, b}); }

Term logical_not(const Term& value) { return join({opcode(kLogicalNot), value}); }

Term if_true(const Term& condition, const Terms& terms) { return container(kIf, condition, terms); }

Term return_value(const Term& value) { return join({opcode(kReturn), value}); }

Term notify(std::string_view object, std::uint8_t event) {
  return join({opcode(kNotify), path(object), integer(event)});
}

}  // namespace hive::boot::acpi::aml
