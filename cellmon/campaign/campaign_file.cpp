#include "cellmon/campaign/campaign_file.h"

#include <fmt/format.h>

#include "cellmon/campaign/format.h"
#include "cellmon/campaign/keys.h"
#include "cellmon/campaign/limits.h"
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
  Keys keys(node, command_spec(), faults);
  set(command.line, keys.text("run"));
  set(command.reference, keys.text("output"));
  return command;
}

ExecWork read_exec(const YamlNode& node, FaultList& faults) {
  ExecWork work;
  Keys keys(node, exec_spec(), faults);
  work.cells = keys.names("cells");
  set(work.prepare, keys.text("prepare"));
  if (const YamlNode* command = keys.find("work")) work.work = read_command(*command, faults);
  if (const YamlNode* command = keys.find("check")) work.check = read_command(*command, faults);
  return work;
}

MicroWork read_micro(const YamlNode& node, FaultList& faults) {
  MicroWork work;
  Keys keys(node, micro_spec(), faults);
  set(work.seed, keys.number("seed"));
  if (const auto pages = keys.number("pages")) {
    work.pages = static_cast<std::uint32_t>(*pages);
  }
  return work;
}

void read_workload(const YamlNode& node, Campaign& campaign, FaultList& faults) {
  const Keys keys(node, workload_spec(), faults);
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
  Keys keys(node, fault_spec(), faults);
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
  if (const auto weight = keys.number("weight")) {
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
  set(campaign.runs, keys.number("runs"));
  set(campaign.seed, keys.number("seed"));
  if (parallel != nullptr && parallel->text != "auto") {
    const auto count = keys.number("parallel");
    if (count) campaign.parallel = static_cast<unsigned>(*count);
  }
  const auto keep = keys.number("keep");
  if (keep) campaign.keep = static_cast<unsigned>(*keep);
  set(campaign.delay, keys.time("delay"));
  set(campaign.settle, keys.time("settle"));
  set(campaign.limit, keys.time("limit"));
  set(campaign.boot, keys.time("boot"));
}

}  // namespace

ParsedCampaign parse_campaign(std::string_view text) {
  const plan::Document document = plan::read_document(text);
  if (document.fault) return {std::nullopt, {*document.fault}};
  FaultList faults;
  Campaign campaign;
  Keys keys(*document.root, campaign_spec(), faults);
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
