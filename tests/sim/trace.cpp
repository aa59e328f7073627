#include "tests/sim/trace.h"

#include <array>

namespace hive::sim {
namespace {

using namespace agree;

constexpr std::array<const char*, 14> kEvidenceNames = {
    "heartbeat",  "rpc timeout",  "violation",     "careful read",  "agent silent",
    "vcpu stuck", "link lost",    "no answer",     "false accuser", "vmm exit",
    "panic",      "triple fault", "monitor death", "superseded"};

std::string in_ballot(std::uint32_t ballot) { return " in ballot " + std::to_string(ballot); }

struct Describe {
  std::string operator()(const Alert& alert) const {
    return "alert" + in_ballot(alert.ballot) + ", suspects " + describe(alert.suspects);
  }
  std::string operator()(const Vote& vote) const {
    std::string text = "vote" + in_ballot(vote.ballot) + ", judged " +
                       describe(vote.opinion.judged) + ", failed " + describe(vote.opinion.failed);
    vote.opinion.failed.for_each([&](CellId cell) {
      text += ", " + name_of(cell) + ": " + describe(vote.opinion.evidence[index_of(cell)]);
    });
    if (!vote.opinion.over.empty()) text += ", over " + describe(vote.opinion.over);
    if (vote.opinion.joiner != kNobody) text += ", joiner " + name_of(vote.opinion.joiner);
    if (vote.opinion.accepted_ballot != 0) {
      text += ", accepted" + in_ballot(vote.opinion.accepted_ballot) + ": " +
              describe(vote.opinion.accepted);
    }
    return text;
  }
  std::string operator()(const Propose& propose) const {
    return "propose" + in_ballot(propose.ballot) + ": " + describe(propose.decision);
  }
  std::string operator()(const Accepted& accepted) const {
    return "accepted" + in_ballot(accepted.ballot);
  }
  std::string operator()(const Decided& decided) const {
    return "decided: " + describe(decided.decision);
  }
  std::string operator()(const Ask& /*ask*/) const { return "ask"; }
  std::string operator()(const State& state) const { return "state: " + describe(state.agreed); }
  std::string operator()(const Join& join) const {
    return "join, life " + std::to_string(join.header.life);
  }
};

}  // namespace

std::string name_of(CellId cell) { return "m" + std::to_string(static_cast<unsigned>(cell)); }

std::string describe(CellSet set) {
  std::string text;
  set.for_each([&](CellId cell) { text += (text.empty() ? "" : " ") + name_of(cell); });
  return "{" + text + "}";
}

std::string describe(EvidenceSet evidence) {
  std::string text;
  for (unsigned bit = 0; bit < kEvidenceNames.size(); ++bit) {
    if ((evidence.bits() >> bit & 1U) == 0) continue;
    text += (text.empty() ? "" : "+") + std::string(kEvidenceNames[bit]);
  }
  return text.empty() ? "healthy" : text;
}

std::string describe(const Decision& decision) {
  std::string text = decision.changes_view() ? "view" : "dismissal";
  if (!decision.evicted.empty()) text += ", evicted " + describe(decision.evicted);
  if (!decision.renewed.empty()) text += ", renewed " + describe(decision.renewed);
  if (!decision.cleared.empty()) text += ", cleared " + describe(decision.cleared);
  if (decision.accuser != kNobody) {
    text += ", " + name_of(decision.accuser) + " voted down about " + describe(decision.accused);
  }
  if (decision.joiner_life != 0) {
    text +=
        ", " + name_of(decision.joiner) + " joins as life " + std::to_string(decision.joiner_life);
  }
  return text;
}

std::string describe(const Agreed& agreed) {
  return "next slot " + std::to_string(agreed.slot) + ", epoch " +
         std::to_string(agreed.view.epoch) + ", members " + describe(agreed.view.members) +
         (agreed.on_trial.empty() ? "" : ", on trial " + describe(agreed.on_trial));
}

std::string describe(const Message& message) {
  return "slot " + std::to_string(header_of(message).slot) + " " + std::visit(Describe{}, message);
}

}  // namespace hive::sim
