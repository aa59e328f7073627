#include "cellmon/campaign/verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace hive::campaign {
namespace {

constexpr std::array<std::pair<Outcome, std::string_view>, 5> kNames{
    {{Outcome::kContained, "contained"},
     {Outcome::kEscaped, "escaped"},
     {Outcome::kUndetected, "undetected"},
     {Outcome::kNotRestored, "not-restored"},
     {Outcome::kRefused, "refused"}}};

std::string tell(const CellLook& look) {
  const char* what = look.work == Work::kWrong ? "is wrong" : "does not answer";
  return fmt::format("{} {}{}{}", look.cell, what, look.why.empty() ? "" : ": ", look.why);
}

/// By all that is known.
bool is_well(const CellLook& look) {
  return look.work == Work::kRight || look.work == Work::kUnchecked;
}

const CellLook* hit_cell(const Observation& observation) {
  for (const CellLook& look : observation.looks) {
    if (look.hit) return &look;
  }
  return nullptr;
}

/// The look at Wax, where it does not work.
const CellLook* failed_wax(const Observation& observation) {
  for (const CellLook& look : observation.looks) {
    if (look.is_policy && !is_well(look)) return &look;
  }
  return nullptr;
}

}  // namespace

std::string_view to_string(Outcome outcome) {
  for (const auto& [each, name] : kNames) {
    if (each == outcome) return name;
  }
  return "";
}

std::optional<Outcome> parse_outcome(std::string_view text) {
  for (const auto& [each, name] : kNames) {
    if (name == text) return each;
  }
  return std::nullopt;
}

std::vector<std::string> harm(const Observation& observation) {
  std::vector<std::string> reasons;
  for (const CellLook& look : observation.looks) {
    if (!look.hit && !look.is_policy && !is_well(look)) reasons.push_back(tell(look));
  }
  for (const std::string& cell : observation.story.lost) {
    reasons.push_back(cell + " was put out or started anew, though nothing was injected there");
  }
  if (!observation.story.at_rest) reasons.emplace_back("survivors stand still for a decision");
  return reasons;
}

Verdict judge(const Observation& observation) {
  std::vector<std::string> reasons = harm(observation);
  if (!reasons.empty()) return {Outcome::kEscaped, std::move(reasons)};
  if (!observation.refusal.empty()) return {Outcome::kRefused, {observation.refusal}};
  const CellLook* wax = failed_wax(observation);
  if (wax != nullptr) return {Outcome::kNotRestored, {tell(*wax)}};
  const Story& story = observation.story;
  const CellLook* hit = hit_cell(observation);
  const bool well = hit != nullptr && is_well(*hit);
  if (!story.put_out) {
    if (well) return {Outcome::kContained, {}};
    return {Outcome::kUndetected,
            {(hit == nullptr ? "the cell" : tell(*hit)) + ", and nobody has put it out"}};
  }
  if (!story.put_out_everywhere || !story.recovered) {
    return {Outcome::kNotRestored, {"the survivors have not recovered"}};
  }
  if (!observation.expects_return) return {Outcome::kContained, {}};
  if (!story.returned) return {Outcome::kNotRestored, {"the cell has not come back"}};
  if (!well) return {Outcome::kNotRestored, {"the cell has come back, but " + tell(*hit)}};
  return {Outcome::kContained, {}};
}

std::vector<std::string> unchecked(const Observation& observation) {
  std::vector<std::string> cells;
  for (const CellLook& look : observation.looks) {
    if (!look.hit && look.work == Work::kUnchecked) cells.push_back(look.cell);
  }
  return cells;
}

bool is_whole(const Observation& observation, const Verdict& verdict) {
  // A fault that nobody has confirmed may strike later.
  if (!observation.is_certain || failed_wax(observation) != nullptr) return false;
  if (verdict.outcome == Outcome::kRefused) return true;
  const Story& story = observation.story;
  if (verdict.outcome != Outcome::kContained) return false;
  return story.put_out ? story.returned : !observation.leaves_marks;
}

bool is_over(const Story& story, bool expects_return, bool long_enough) {
  if (!story.at_rest) return false;
  if (!story.put_out) return long_enough;
  return story.put_out_everywhere && story.recovered && (story.returned || !expects_return);
}

}  // namespace hive::campaign
