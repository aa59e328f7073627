#include "cellmon/campaign/format.h"

#include <algorithm>

#include "cellmon/campaign/limits.h"

namespace hive::campaign {

const KeySpec* MappingSpec::find(std::string_view name) const {
  const auto found =
      std::find_if(keys.begin(), keys.end(), [&](const KeySpec& key) { return key.name == name; });
  return found == keys.end() ? nullptr : &*found;
}

std::vector<std::string_view> MappingSpec::names() const {
  std::vector<std::string_view> names;
  for (const KeySpec& key : keys) names.push_back(key.name);
  return names;
}

const MappingSpec& campaign_spec() {
  static const MappingSpec spec{
      "a campaign",
      {
          {"campaign", KeyType::kName, "", "NAME", "The campaign's name."},
          {"machine", KeyType::kText, "", "PLAN.yaml",
           "The machine file, from this file's folder on."},
          {"runs", KeyType::kNumber, "", "NUMBER", "How many faults are injected.", 1, kMaxRuns},
          {"seed", KeyType::kNumber, "1", "NUMBER",
           "All draws follow from it, and from the run's number.", 0, INT64_MAX},
          {"parallel", KeyType::kParallel, "auto", "NUMBER",
           "Machines at a time; auto: one for each CPU of the host.", 1, kMaxParallel},
          {"keep", KeyType::kNumber, "1", "NUMBER",
           "Faults that one machine takes before another one is started.", 1, kMaxKeep},
          {"delay", KeyType::kTime, "500ms", "TIME",
           "The fault comes after a random time up to this one, once the work has begun."},
          {"settle", KeyType::kTime, "1s", "TIME",
           "How long the machine is watched though nobody is put out."},
          {"limit", KeyType::kTime, "60s", "TIME",
           "All must be well again by then; and each command before the fault done."},
          {"boot", KeyType::kTime, "600s", "TIME", "A machine must be up by then."},
          {"workload", KeyType::kWorkload, "", "{micro: {}}", "What the cells do."},
          {"faults", KeyType::kFaults, "", "[{fault: NAME}]", "What is drawn from."},
      }};
  return spec;
}

const MappingSpec& workload_spec() {
  static const MappingSpec spec{
      "a workload",
      {
          {"micro", KeyType::kMicro, "another workload", "{}",
           "Micro guests that fill and verify memory."},
          {"exec", KeyType::kExec, "another workload", "{check: COMMAND LINE}",
           "Commands that the guests' agents run."},
      }};
  return spec;
}

const MappingSpec& micro_spec() {
  static const MappingSpec spec{
      "a micro workload",
      {
          {"seed", KeyType::kNumber, "1", "NUMBER",
           "The first guest's; each other one's is one more.", 1, UINT32_MAX},
          {"pages", KeyType::kNumber, "8", "NUMBER", "Pages of its own memory that a guest fills.",
           1, kMaxPages},
      }};
  return spec;
}

const MappingSpec& exec_spec() {
  static const MappingSpec spec{
      "an exec workload",
      {
          {"cells", KeyType::kNames, "all cells but Wax's", "[a, b]", "Where the commands run."},
          {"prepare", KeyType::kText, "nothing", "TEXT", "Once in each guest that has come up."},
          {"work", KeyType::kCommand, "nothing", "COMMAND LINE",
           "Started in each guest before the fault, and under way as it strikes."},
          {"check", KeyType::kCommand, "", "COMMAND LINE",
           "Run in each survivor after recovery, and in the cell that has come back."},
      }};
  return spec;
}

const MappingSpec& command_spec() {
  static const MappingSpec spec{
      "a command",
      {
          {"run", KeyType::kText, "", "COMMAND LINE", "The command line, for /bin/sh."},
          {"output", KeyType::kText, "made by the campaign", "FILE",
           "The file with the output that it has to give, byte by byte."},
      }};
  return spec;
}

const MappingSpec& fault_spec() {
  static const MappingSpec spec{
      "a fault",
      {
          {"fault", KeyType::kFault, "", "NAME", "One that hive inject --list shows."},
          {"class", KeyType::kText, "the fault's name", "TEXT", "What the report counts it under."},
          {"cells", KeyType::kNames, "all cells but Wax's", "[a, b]", "It hits one of these."},
          {"parameters", KeyType::kParameters, "none", "{for: 500ms}",
           "The fault's parameters; a list has one of its values drawn, and 'any' is made up."},
          {"weight", KeyType::kNumber, "1", "NUMBER",
           "How often it is drawn, relative to the others.", 1, kMaxWeight},
          {"meanwhile", KeyType::kText, "the workload's work", "COMMAND LINE",
           "What the cell that it hits does as it strikes; with exec only."},
          {"paper", KeyType::kPaperRow, "none", "ROW",
           "The row of the paper's Table 7.4 that it stands beside."},
      }};
  return spec;
}

}  // namespace hive::campaign
