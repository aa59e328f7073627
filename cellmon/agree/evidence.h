// Why a cell is thought to have failed.
#pragma once

#include <cstdint>
#include <type_traits>

namespace hive::agree {

/// Kinds of evidence; each is one bit of an EvidenceSet.
enum class Evidence : std::uint16_t {
  kHeartbeat = 1 << 0,      ///< The heartbeat in its state page is late.
  kRpcTimeout = 1 << 1,     ///< A call to it passed its deadline.
  kViolation = 1 << 2,      ///< It wrote where it must not.
  kCarefulRead = 1 << 3,    ///< What it published is not what it should be.
  kAgentSilent = 1 << 4,    ///< Its agent does not answer.
  kVcpuStuck = 1 << 5,      ///< A vCPU makes no progress.
  kLinkLost = 1 << 6,       ///< The link to its monitor was closed.
  kNoAnswer = 1 << 7,       ///< Its monitor did not answer a probe in time.
  kFalseAccuser = 1 << 8,   ///< It was voted down twice about the same suspect.
  kVmmExit = 1 << 9,        ///< Its VMM's process has ended.
  kPanic = 1 << 10,         ///< Its guest reported a panic.
  kTripleFault = 1 << 11,   ///< Its guest ended in a triple fault, or KVM could not go on with it.
  kMonitorDeath = 1 << 12,  ///< Its monitor's process has ended: the kernel says so, by a pidfd.
  kSuperseded = 1 << 13,    ///< A later life of its monitor asks to join: the earlier one is over.
};

class EvidenceSet {
 public:
  constexpr EvidenceSet() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): one kind is a set.
  constexpr EvidenceSet(Evidence kind) : bits_(static_cast<std::uint16_t>(kind)) {}
  constexpr explicit EvidenceSet(std::uint16_t bits) : bits_(bits) {}

  [[nodiscard]] constexpr std::uint16_t bits() const { return bits_; }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  [[nodiscard]] constexpr bool meets(EvidenceSet other) const { return (bits_ & other.bits_) != 0; }
  friend constexpr EvidenceSet operator|(EvidenceSet a, EvidenceSet b) {
    return EvidenceSet(static_cast<std::uint16_t>(a.bits_ | b.bits_));
  }
  friend constexpr bool operator==(EvidenceSet, EvidenceSet) = default;

 private:
  std::uint16_t bits_ = 0;
};

constexpr EvidenceSet operator|(Evidence a, Evidence b) { return EvidenceSet(a) | EvidenceSet(b); }

/// The voter itself is over: that life of the monitor never acts again.
inline constexpr EvidenceSet kVoterIsOver = Evidence::kMonitorDeath | Evidence::kSuperseded;
/// What cannot be a matter of delay or opinion.
inline constexpr EvidenceSet kConclusive =
    kVoterIsOver | (Evidence::kVmmExit | Evidence::kPanic) | Evidence::kTripleFault;
inline constexpr EvidenceSet kAllEvidence{(1U << 14U) - 1U};

static_assert(sizeof(EvidenceSet) == 2 && std::is_trivially_copyable_v<EvidenceSet>);

}  // namespace hive::agree
