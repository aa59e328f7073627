// An encoder of AML, ACPI's byte code (ACPI 6.4, chapter 20). Each function gives the bytes of one
// term; terms nest as in ASL.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

namespace hive::boot::acpi::aml {

using Term = std::vector<std::byte>;
using Terms = std::vector<Term>;

/// PATH as in ASL: an optional leading backslash or carets, then segments of 1 to 4 of A-Z, 0-9 and
/// _, dots between them. Throws std::invalid_argument when it is not that (a programming error).
Term path(std::string_view path);

/// An integer in its shortest form.
Term integer(std::uint64_t value);
/// An ASCII string without 0 bytes.
Term string(std::string_view text);
Term buffer(std::span<const std::byte> bytes);
/// At most 255 elements.
Term package(const Terms& elements);
/// EisaId ("PNP0A08"), ACPI 6.4, 19.6.36.
Term eisa_id(std::string_view id);
/// ToUUID ("33db4d5b-1ff7-401c-9657-7441c03dd766"), ACPI 6.4, 19.6.142.
Term uuid(std::string_view text);

/// Name (NAME, VALUE)
Term name(std::string_view name, const Term& value);
/// Scope (NAME) {TERMS}
Term scope(std::string_view name, const Terms& terms);
/// Device (NAME) {TERMS}
Term device(std::string_view name, const Terms& terms);
/// Method (NAME, ARGUMENTS, Serialized) {TERMS}: a method that names objects must not be
/// re-entered.
Term method(std::string_view name, std::uint8_t arguments, const Terms& terms);

/// OperationRegion (NAME, SystemIO, PORT, LENGTH)
Term port_region(std::string_view name, std::uint16_t port, std::uint8_t length);
/// Field (REGION, ByteAcc, NoLock, WriteAsZeros) {NAME, 8}
Term byte_field(std::string_view region, std::string_view name);

/// Arg0 to Arg6, Local0 to Local7.
Term argument(unsigned index);
Term local(unsigned index);
/// CreateDWordField (SOURCE, OFFSET, NAME)
Term create_dword_field(const Term& source, std::uint64_t offset, std::string_view name);
/// Store (SOURCE, TARGET)
Term store(const Term& source, const Term& target);
/// Or (A, B, TARGET), And (A, B) without a target
Term bit_or(const Term& a, const Term& b, const Term& target);
Term bit_and(const Term& a, const Term& b);
Term equal(const Term& a, const Term& b);
Term logical_not(const Term& value);
/// If (CONDITION) {TERMS}
Term if_true(const Term& condition, const Terms& terms);
/// Return (VALUE)
Term return_value(const Term& value);
/// Notify (OBJECT, EVENT)
Term notify(std::string_view object, std::uint8_t event);

}  // namespace hive::boot::acpi::aml
