// What agreement asks of the monitor around it.
#pragma once

#include <cstdint>

#include "cellmon/agree/cell_set.h"
#include "cellmon/agree/decision.h"
#include "cellmon/agree/message.h"

namespace hive::agree {

/// Nanoseconds of a monotonic clock.
using Time = std::uint64_t;
inline constexpr Time kNever = ~Time{0};

/// Why an accusation was not taken up.
enum class Refusal : std::uint8_t {
  kNotMember,     ///< This monitor is not a member.
  kNoSuchMember,  ///< The suspect is not a member.
  kNoEvidence,    ///< Without evidence there is no accusation.
  kInconclusive,  ///< Two voters are left: one's word against the other's decides nothing.
};

/// How an Agreement acts on the world. No method may call the Agreement back; what it leads to is
/// an input, later.
class Port {
 public:
  Port() = default;
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;
  virtual ~Port() = default;

  /// Sends MESSAGE to TO's monitor, in order; where there is no link it is lost.
  virtual void send(CellId to, const Message& message) = 0;
  /// Stop the guest; the answer is Agreement::suspended(), at once where it stands still already.
  /// Not asked of a witness.
  virtual void suspend() = 0;
  /// Find out how SUSPECT (perhaps the own cell) is; the answer is Agreement::probed(). It must
  /// come within bounded time: a suspect that does not answer is Evidence::kNoAnswer.
  virtual void probe(CellId suspect) = 0;
  /// The leader of a ballot has counted VOTE, its own among them.
  virtual void counted(const Vote& vote) = 0;
  /// DECISION is final, AGREED what it led to. A guest that was suspended resumes: at once if the
  /// decision evicts and renews nobody, else after recovery. What must be suspended again is asked
  /// for after this.
  virtual void decided(const Decision& decision, const Agreed& agreed) = 0;
  /// This monitor has missed decisions: AGREED is what they led to. The difference between the
  /// views is what happened. Also how one that joins learns that it is a member.
  virtual void caught_up(const Agreed& agreed) = 0;
  /// ROUNDS ballots in a row came to nothing: there may be no quorum.
  virtual void stalled(unsigned rounds) = 0;
  virtual void refused(CellId suspect, Refusal why) = 0;
};

}  // namespace hive::agree
