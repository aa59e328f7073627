#include "cellmon/campaign/campaign_file.h"

#include <fmt/format.h>

#include <array>

#include "cellmon/campaign/keys.h"
#include "cellmon/campaign/paper_table.h"
#include "cellmon/inject/catalogue.h"
#include "vmm/plan/document.h"
#include "vmm/plan/keys.h"
#include "vmm/plan/text.h"

namespace hive::campaign {
namespace {

using plan::FaultList;
using plan::quote;
using plan::YamlNode;

constexpr std::size_t kMaxFaultSpecs = 256;
constexpr std::size_t kMaxParameters = 16;
constexpr std::size_t kMaxValues = 256;
constexpr std::uint32_t kMaxPages = 4096;

constexpr std::array<std::string_view, 12> kCampaignKeys{
    "campaign", "machine", "runs",  "seed", "parallel", "keep",
    "delay",    "settle",  "limit", "boot", "workload", "faults"};
constexpr std::array<std::string_view, 2> kWorkloadKeys{"micro", "exec"};
constexpr std::array<std::string_view, 2> kMicroKeys{"seed", "pages"};
constexpr std::array<std::string_view, 4> kExecKeys{"cells", "prepare", "work", "check"};
constexpr std::array<std::string_view, 2> kCommandKeys{"run", "output"};
constexpr std::array<std::string_view, 7> kFaultKeys{"fault",  "class", "cells",    "parameters",
                                                     "weight", "paper", "meanwhile"};

template <typename T>
void set(T& target, std::optional<T> value) {
  if (value) target = std::move(*value);
}

/// A command line, or a mapping of one and its reference.
Command read_command(const YamlNode& node, FaultList& faults) {
  Command command;
  if (node.kind == YamlNode::Kind::kScalar) {
    set(command.line, read_text(node, "a command line for /bin/sh", faults));
    return command;
  }
  Keys keys(node, "a command", kCommandKeys, faults);
  keys.require("run", "COMMAND LINE");
  set(command.line, keys.text("run"));
  set(command.reference, keys.text("output"));
  return command;
}

ExecWork read_exec(const YamlNode& node, FaultList& faults) {
  ExecWork work;
  Keys keys(node, "an exec workload", kExecKeys, faults);
  keys.require("check", "COMMAND LINE");
  work.cells = keys.names("cells");
  set(work.prepare, keys.text("prepare"));
  if (const YamlNode* command = keys.find("work")) work.work = read_command(*command, faults);
  if (const YamlNode* command = keys.find("check")) work.check = read_command(*command, faults);
  return work;
}

MicroWork read_micro(const YamlNode& node, FaultList& faults) {
  MicroWork work;
  Keys keys(node, "a micro workload", kMicroKeys, faults);
  set(work.seed, keys.number("seed", 1, UINT32_MAX));
  if (const auto pages = keys.number("pages", 1, kMaxPages)) {
    work.pages = static_cast<std::uint32_t>(*pages);
  }
  return work;
}

void read_workload(const YamlNode& node, Campaign& campaign, FaultList& faults) {
  const Keys keys(node, "a workload", kWorkloadKeys, faults);
  const YamlNode* micro = keys.find("micro");
  const YamlNode* exec = keys.find("exec");
  if ((micro == nullptr) == (exec == nullptr)) {
    faults.add(node.at, "a workload is of one kind",
               "write 'workload: {micro: {...}}' or 'workload: {exec: {...}}'");
  } else if (micro != nullptr) {
    campaign.workload = read_micro(*micro, faults);
  } else {
    campaign.workload = read_exec(*exec, faults);
  }
}

void read_parameters(const YamlNode& node, FaultSpec& spec, FaultList& faults) {
  if (node.kind != YamlNode::Kind::kMapping) {
    faults.add(node.at, "parameters are a mapping", "write 'parameters: {for: 500ms}'");
    return;
  }
  if (node.entries.size() > kMaxParameters) {
    faults.add(node.at, fmt::format("{} parameters are given", node.entries.size()),
               fmt::format("give up to {}: no fault takes more", kMaxParameters));
    return;
  }
  constexpr std::string_view kExample = "a value, or a list of values one of which is drawn";
  for (const plan::Entry& entry : node.entries) {
    Choice choice{entry.key, {}};
    const bool is_list = entry.value.kind == YamlNode::Kind::kList;
    if (is_list && (entry.value.items.empty() || entry.value.items.size() > kMaxValues)) {
      faults.add(entry.value.at, fmt::format("{} values are listed", entry.value.items.size()),
                 fmt::format("list 1 to {}", kMaxValues));
      continue;
    }
    for (const YamlNode& item : is_list ? entry.value.items : std::vector<YamlNode>{entry.value}) {
      if (auto value = read_text(item, kExample, faults)) choice.values.push_back(*value);
    }
    for (const Choice& other : spec.parameters) {
      if (other.name != choice.name) continue;
      faults.add(entry.at, fmt::format("parameter {} is given twice", quote(entry.key)),
                 "list its values in one place");
    }
    if (!choice.values.empty()) spec.parameters.push_back(std::move(choice));
  }
}

void check_row(const YamlNode& node, FaultSpec& spec, FaultList& faults) {
  const auto name = read_text(node, "a row of Table 7.4", faults);
  if (!name) return;
  std::string rows;
  for (const PaperRow& row : paper_table()) {
    if (row.name == *name) spec.paper_row = *name;
    rows += (rows.empty() ? "" : ", ") + std::string(row.name);
  }
  if (spec.paper_row.empty()) {
    faults.add(node.at, fmt::format("Table 7.4 has no row {}", quote(*name)),
               "its rows are " + rows);
  }
}

FaultSpec read_fault(const YamlNode& node, FaultList& faults) {
  FaultSpec spec;
  spec.at = node.at;
  Keys keys(node, "a fault", kFaultKeys, faults);
  keys.require("fault", "NAME");
  set(spec.fault, keys.text("fault"));
  if (!spec.fault.empty() && inject::find(spec.fault) == nullptr) {
    std::vector<std::string_view> known;
    for (const inject::Entry& entry : inject::catalogue()) known.push_back(entry.name);
    const auto nearest = plan::nearest_word(spec.fault, known);
    faults.add(keys.find("fault")->at, fmt::format("there is no fault {}", quote(spec.fault)),
               nearest ? fmt::format("did you mean '{}'?", *nearest)
                       : "hive inject --list shows the faults");
  }
  spec.group = spec.fault;
  set(spec.group, keys.text("class"));
  spec.cells = keys.names("cells");
  set(spec.meanwhile, keys.text("meanwhile"));
  if (const auto weight = keys.number("weight", 1, 1'000'000)) {
    spec.weight = static_cast<unsigned>(*weight);
  }
  if (const YamlNode* parameters = keys.find("parameters")) {
    read_parameters(*parameters, spec, faults);
  }
  if (const YamlNode* row = keys.find("paper")) check_row(*row, spec, faults);
  return spec;
}

void read_faults(const YamlNode& node, Campaign& campaign, FaultList& faults) {
  const std::size_t count = node.items.size();
  if (node.kind != YamlNode::Kind::kList || count == 0 || count > kMaxFaultSpecs) {
    faults.add(node.at, "'faults' lists the faults one of which is drawn for each run",
               fmt::format("write 'faults: [{{fault: NAME}}]', with up to {}", kMaxFaultSpecs));
    return;
  }
  for (const YamlNode& item : node.items) campaign.faults.push_back(read_fault(item, faults));
}

void check_meanwhile(const Campaign& campaign, FaultList& faults) {
  if (std::holds_alternative<ExecWork>(campaign.workload)) return;
  for (const FaultSpec& spec : campaign.faults) {
    if (spec.meanwhile.empty()) continue;
    faults.add(spec.at, "'meanwhile' is a command, which micro guests have not",
               "leave it out, or give the campaign a workload of kind 'exec'");
  }
}

void read_numbers(Keys& keys, const YamlNode* parallel, Campaign& campaign) {
  set(campaign.runs, keys.number("runs", 1, kMaxRuns));
  set(campaign.seed, keys.number("seed", 0, INT64_MAX));
  if (parallel != nullptr && parallel->text != "auto") {
    const auto count = keys.number("parallel", 1, kMaxParallel);
    if (count) campaign.parallel = static_cast<unsigned>(*count);
  }
  const auto keep = keys.number("keep", 1, 1'000'000);
  if (keep) campaign.keep = static_cast<unsigned>(*keep);
  set(campaign.delay, keys.time("delay"));
  set(campaign.settle, keys.time("settle"));
  set(campaign.limit, keys.time("limit"));
  set(campaign.boot, keys.time("boot"));
}

}  // namespace

std::span<const std::string_view> campaign_keys() { return kCampaignKeys; }
std::span<const std::string_view> fault_keys() { return kFaultKeys; }
std::span<const std::string_view> exec_keys() { return kExecKeys; }
std::span<const std::string_view> micro_keys() { return kMicroKeys; }

ParsedCampaign parse_campaign(std::string_view text) {
  const plan::Document document = plan::read_document(text);
  if (document.fault) return {std::nullopt, {*document.fault}};
  FaultList faults;
  Campaign campaign;
  Keys keys(*document.root, "a campaign", kCampaignKeys, faults);
  keys.require("campaign", "NAME");
  keys.require("machine", "PLAN.yaml");
  keys.require("runs", "NUMBER");
  keys.require("workload", "{micro: {}}");
  keys.require("faults", "[{fault: NAME}]");
  set(campaign.name, keys.name("campaign"));
  set(campaign.machine, keys.text("machine"));
  read_numbers(keys, keys.find("parallel"), campaign);
  if (const YamlNode* node = keys.find("workload")) read_workload(*node, campaign, faults);
  if (const YamlNode* node = keys.find("faults")) read_faults(*node, campaign, faults);
  check_meanwhile(campaign, faults);
  if (!faults.empty()) return {std::nullopt, faults.sorted()};
  return {std::move(campaign), {}};
}

}  // namespace hive::campaign
