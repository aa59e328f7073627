#include "cellmon/inject/fault.h"

#include <gmock/gmock.h>

#include <set>

namespace hive::inject {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

const std::vector<std::string> kCells{"alpha", "beta", "gamma"};
constexpr CellId kAlpha{0};

std::string refusal(std::string_view name, const Values& values = {}) {
  const auto result = parse(name, values, kCells, kAlpha);
  const auto* why = std::get_if<std::string>(&result);
  return why == nullptr ? "" : *why;
}

Fault fault(std::string_view name, const Values& values = {}) {
  return std::get<Fault>(parse(name, values, kCells, kAlpha));
}

TEST(Faults, HaveNamesAndParametersOfTheirOwn) {
  std::set<std::string_view> names;
  for (const Entry& entry : catalogue()) {
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
    EXPECT_EQ(find(entry.name), &entry);
    EXPECT_EQ(&entry_of(entry.kind), &entry);
    std::set<std::string_view> parameters;
    for (const Parameter& parameter : entry.parameters) {
      EXPECT_TRUE(parameters.insert(parameter.name).second) << entry.name;
    }
  }
}

TEST(Faults, AreMadeFromTheirWords) {
  const Fault kill = fault("vmm-kill");
  EXPECT_EQ(kill.kind, FaultKind::kVmmKill);
  EXPECT_EQ(kill.text, "vmm-kill");
  const Fault stop = fault("monitor-stop", {{"for", "1500ms"}});
  EXPECT_EQ(stop.duration, milliseconds(1500));
  EXPECT_EQ(stop.text, "monitor-stop for=1500ms");
  const Fault accusation = fault("false-accusation", {{"cell", "gamma"}});
  EXPECT_EQ(accusation.cell, CellId{2});
  EXPECT_EQ(fault("vmm-stop").duration, std::nullopt);
}

TEST(Faults, AreRefusedWithTheReason) {
  EXPECT_THAT(refusal("explode\n"),
              HasSubstr("unknown fault \"explode \"; the faults are vmm-kill"));
  EXPECT_THAT(refusal("vmm-kill", {{"for", "1s"}}),
              HasSubstr("vmm-kill has no parameter \"for\"; it has none"));
  EXPECT_THAT(refusal("vmm-stop", {{"till", "1s"}}), HasSubstr("it has for"));
  EXPECT_THAT(refusal("false-accusation"), HasSubstr("needs cell=VALUE: the cell that"));
  EXPECT_THAT(refusal("false-accusation", {{"cell", "delta"}}), HasSubstr("\"delta\" names no"));
  EXPECT_THAT(refusal("false-accusation", {{"cell", "alpha"}}), HasSubstr("no other cell"));
  EXPECT_THAT(refusal("vmm-stop", {{"for", "soon"}}), HasSubstr("for=\"soon\" is no time"));
}

TEST(Durations, HaveAUnitAndBounds) {
  EXPECT_EQ(parse_duration("1ms"), milliseconds(1));
  EXPECT_EQ(parse_duration("86400s"), kLongest);
  EXPECT_EQ(parse_duration("86400000ms"), kLongest);
  for (const char* text : {"", "5", "s", "ms", "0s", "-1s", "1.5s", "1 s", "1m", "1sec", "86401s",
                           "99999999999999999999s", "0x1s", "+1s", " 1s"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace hive::inject
