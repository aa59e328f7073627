#include "cellmon/member/story.h"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace hive::member {
namespace {

using agree::CellSet;
using agree::Evidence;

constexpr std::array<std::pair<Evidence, const char*>, 14> kKinds{{
    {Evidence::kHeartbeat, "late heartbeat"},
    {Evidence::kRpcTimeout, "missed deadline"},
    {Evidence::kViolation, "violation"},
    {Evidence::kCarefulRead, "malformed state page"},
    {Evidence::kAgentSilent, "silent agent"},
    {Evidence::kVcpuStuck, "stuck vCPU"},
    {Evidence::kLinkLost, "link lost"},
    {Evidence::kNoAnswer, "no answer"},
    {Evidence::kFalseAccuser, "false accuser"},
    {Evidence::kVmmExit, "VMM exit"},
    {Evidence::kPanic, "panic"},
    {Evidence::kTripleFault, "triple fault"},
    {Evidence::kMonitorDeath, "monitor's death"},
    {Evidence::kSuperseded, "later life"},
}};

std::string name_of(CellId cell, const Names& names) {
  const auto index = static_cast<std::size_t>(cell);
  return index < names.size() ? names[index] : fmt::format("cell {}", index);
}

void add(std::string& list, const std::string& part) {
  if (!list.empty()) list += ", ";
  list += part;
}

void add(std::string& list, CellSet cells, const char* fate, const Names& names) {
  if (!cells.empty()) add(list, describe(cells, names) + fate);
}

}  // namespace

std::string describe(CellSet cells, const Names& names) {
  std::string list;
  cells.for_each([&](CellId cell) { add(list, name_of(cell, names)); });
  return list.empty() ? "nobody" : list;
}

std::string describe(agree::EvidenceSet evidence) {
  std::string list;
  for (const auto& [kind, name] : kKinds) {
    if (evidence.meets(kind)) add(list, name);
  }
  return list;
}

std::string describe(const agree::Vote& vote, const Names& names) {
  std::string list;
  const agree::Opinion& opinion = vote.opinion;
  opinion.failed.for_each([&](CellId cell) {
    add(list, fmt::format("{} failed ({})", name_of(cell, names),
                          describe(opinion.evidence[agree::index_of(cell)])));
  });
  (opinion.judged - opinion.failed).for_each([&](CellId cell) {
    add(list, name_of(cell, names) + " is well");
  });
  return fmt::format("{}, ballot {}: {}", name_of(vote.header.from, names), vote.ballot,
                     list.empty() ? "no suspect" : list);
}

std::string describe(const agree::Decision& decision, const Names& names) {
  std::string list;
  add(list, decision.evicted, " left", names);
  add(list, decision.renewed, " failed and stays", names);
  add(list, decision.cleared, " stays", names);
  if (decision.joiner_life != 0) add(list, name_of(decision.joiner, names) + " joined");
  if (decision.accuser != agree::kNobody) {
    add(list, name_of(decision.accuser, names) + " was voted down");
  }
  return list;
}

std::string describe(const agree::View& view, const Names& names) {
  return fmt::format("epoch {}: {}", view.epoch, describe(view.members, names));
}

std::string describe(agree::Refusal refusal) {
  switch (refusal) {
    case agree::Refusal::kNotMember:
      return "this monitor is no member";
    case agree::Refusal::kNoSuchMember:
      return "it is no member";
    case agree::Refusal::kNoEvidence:
      return "there is no evidence";
    case agree::Refusal::kInconclusive:
      break;
  }
  return "one word against the other's decides nothing";
}

std::string describe_time(agree::Time time) {
  return fmt::format("{:.3f} ms", static_cast<double>(time) / 1e6);
}

}  // namespace hive::member
