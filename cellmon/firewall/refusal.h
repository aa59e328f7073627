// Why the ledger or the sections refuse a request, and results that may be refusals.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>

namespace hive::firewall {

/// For programs: what a refusal comes to. A command register or a client of the control socket
/// translates it into its own codes.
enum class Reason : std::uint8_t {
  kNoSuchCell,        ///< The cell's number is beyond 63.
  kOutOfRange,        ///< Pages beyond the end of the contribution.
  kHomeAlwaysWrites,  ///< Home's own rights cannot be taken.
  kBadName,           ///< Not 1 to 63 of [A-Za-z0-9._-].
  kNameTaken,         ///< A section has that name.
  kNoSuchSection,     ///< No section has that name or id.
  kEmptySection,      ///< A section of no pages was asked for.
  kNoSpace,           ///< No free range of the contribution is long enough.
  kTooManySections,   ///< The contribution has its limit of sections.
  kTooManyOpens,      ///< The cell has opened the section too often without closing it.
  kNotOpen,           ///< The cell closes a section that it has not open.
  kInUse,             ///< Other cells have the section open.
  kReserved,          ///< The name, or the section, is the monitor's.
  kHostsNone,         ///< The contribution has no sections of other cells.
  kHostsEnough,       ///< It has as much for them as it may.
  kNotMovable,        ///< The section was not made to be moved.
  kMoving,            ///< It is on its way from or to another home: ask again.
  kMoved,             ///< It has another home now (Forwardings).
};

/// A request that came from outside was refused, and changed nothing.
struct Refusal {
  Reason reason{};
  std::string text;  ///< For people: names the thing at fault, and the remedy. Safe to print.
};

/// A T, or why there is none. Asking a refusal for its value, or a value for its refusal, is an
/// error of the program (std::bad_variant_access): ask ok() first.
template <typename T>
class Result {
 public:
  Result(T value) : content_(std::move(value)) {}            // NOLINT: a value is a result
  Result(Refusal refusal) : content_(std::move(refusal)) {}  // NOLINT: so is a refusal

  [[nodiscard]] bool ok() const { return content_.index() == 0; }
  [[nodiscard]] const T& value() const& { return std::get<0>(content_); }
  /// By value, so that a loop over what a temporary holds is no loop over what is gone.
  [[nodiscard]] T value() && { return std::get<0>(std::move(content_)); }
  [[nodiscard]] const Refusal& refusal() const& { return std::get<1>(content_); }
  [[nodiscard]] Refusal refusal() && { return std::get<1>(std::move(content_)); }

 private:
  std::variant<T, Refusal> content_;
};

}  // namespace hive::firewall
