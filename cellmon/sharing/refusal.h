// Why a monitor does not follow a hint.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace hive::sharing {

/// Few and fixed, so that refusals can be counted by it.
enum class Reason : std::uint8_t {
  kNotThePolicy,      ///< It comes from a cell that is not the policy's, or there is none.
  kMalformed,         ///< Of no kind, or it says less or more than its kind has.
  kStaleEpoch,        ///< Of another view than the present one.
  kStaleIncarnation,  ///< Of another incarnation of Wax than the present one.
  kNotMine,           ///< It is for another cell's monitor.
  kTooMany,           ///< More than their rate allows.
  kRange,             ///< An amount of nothing, or of more than there can be; a loan to itself.
  kNotLive,           ///< One of the cells is no member, is not linked, or its guest does not run.
  kReserve,           ///< It would leave the lender less than its reserve.
  kRoom,              ///< The borrower has no room for so much.
  kBusy,              ///< The last loan between the two is still under way.
  kUnknownLoan,       ///< More would be given back than is lent.
};
inline constexpr std::size_t kReasons = 12;

/// As metrics and events name it, such as "stale-epoch".
std::string_view to_string(Reason reason);

/// A hint was refused, and changed nothing.
struct Refusal {
  Reason reason{};
  std::string text;  ///< For people, in words that start after "refused: ". Safe to print.
};

/// How often hints were refused, by reason.
class RefusalCounts {
 public:
  void add(Reason reason) { ++counts_[static_cast<std::size_t>(reason)]; }
  [[nodiscard]] std::uint64_t of(Reason reason) const {
    return counts_[static_cast<std::size_t>(reason)];
  }

 private:
  std::array<std::uint64_t, kReasons> counts_{};
};

}  // namespace hive::sharing
