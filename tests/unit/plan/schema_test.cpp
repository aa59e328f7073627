// The schema for editors: committed, true to the check, and documented.
#include "vmm/plan/schema.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <regex>

#include "tests/unit/plan/editor_schema.h"
#include "tests/unit/plan/faulty_forms.h"
#include "tests/unit/plan/made_up_host.h"
#include "tests/unit/plan/sample_plans.h"
#include "vmm/plan/keys.h"

namespace hive::plan {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const std::filesystem::path kTree = HIVE_SOURCE_DIR;

TEST(Schema, IsTheCommittedFile) {
  const auto file = kTree / "docs/machine.schema.json";
  if (std::getenv("HIVE_UPDATE_SCHEMA") != nullptr) std::ofstream(file) << json_schema();
  EXPECT_EQ(testing::read_file(file), json_schema())
      << "run HIVE_UPDATE_SCHEMA=1 build/release/bin/unit_plan --gtest_filter='Schema.*'";
}

TEST(Schema, AcceptsTheExamplesAsTheCheckDoes) {
  testing::EditorSchema schema(json_schema());
  testing::MadeUpHost host;
  host.files.everything = true;
  const auto examples = testing::yaml_files("examples");
  EXPECT_FALSE(examples.empty());
  for (const auto& example : examples) {
    const std::string yaml = testing::read_file(example);
    EXPECT_TRUE(schema.accepts(yaml)) << example;
    EXPECT_THAT(host.faults(yaml), IsEmpty()) << example;
  }
}

TEST(Schema, RefusesWhatTheFormatDoesNotHave) {
  testing::EditorSchema schema(json_schema());
  EXPECT_TRUE(schema.accepts("{machine: m, cells: [{name: a, memory: 64MiB}]}"));
  EXPECT_TRUE(schema.accepts("{machine: m, defaults: {memory: 64MiB}, cells: [{name: a}]}"));
  EXPECT_TRUE(schema.accepts(
      "{machine: m, firewall: {}, cells: [{name: a, memory: 64MiB, shared: 8MiB}]}"));
  EXPECT_TRUE(schema.accepts(
      "{machine: m, faults: enabled, rpc: {calls: [{from: a, to: []}], packets_per_second: 100}, "
      "cells: [{name: a, memory: 64MiB, vsock: [{port: 1, listen: l}, {port: 1024, path: p}]}]}"));
  EXPECT_TRUE(schema.accepts(
      "{machine: m, cells: [{name: a, memory: 64MiB, reserve: 2MiB}, {name: w, role: policy, "
      "policy: cpu}]}"));
  for (const char* yaml : {
           "{machine: m, cells: [{name: a, role: worker}]}",
           "{machine: m, cells: [{name: a, memory: 64MiB, role: wax}]}",
           "{machine: m, cells: [{name: a, memory: 64MiB}, {name: w, role: policy, policy: mine}]}",
           "{machine: m, defaults: {role: policy}, cells: [{name: a, memory: 64MiB}]}",
           "{machine: m, faults: true, cells: [{name: a, memory: 64MiB}]}",
           "{machine: m, rpc: {calls: [{from: a}]}, cells: [{name: a, memory: 64MiB}]}",
           "{machine: m, rpc: {packets_per_second: 10}, cells: [{name: a, memory: 64MiB}]}",
           "{machine: m, cells: [{name: a, memory: 64MiB, vsock: [{port: 1024}]}]}",
           "{machine: m, cells: [{name: a, memory: 64MiB, vsock: [{port: 0, path: p}]}]}",
           "{machine: m, cells: [{name: a, memory: 64MiB, vsock: [{port: 9, path: p, listen: "
           "l}]}]}",
           "{cells: [{name: a, memory: 64MiB}]}",
           "{machine: m}",
           "{machine: m, cells: []}",
           "{machine: M, cells: [{name: a, memory: 64MiB}]}",
           "{machine: m, cells: [{name: a}]}",
           "{machine: m, defaults: {cpus: 1}, cells: [{name: a}]}",
           "{machine: m, defaults: {name: b}, cells: [{name: a, memory: 64MiB}]}",
           "{machine: m, cells: [{name: a, memory: 64MB}]}",
           "{machine: m, cells: [{name: a, memory: 64}]}",
           "{machine: m, cells: [{name: a, memory: 64MiB, memroy: 1}]}",
           "{machine: m, cells: [{name: a, memory: 64MiB, cpus: 0}]}",
           "{machine: m, cells: [{name: a, memory: 64MiB, cpus: []}]}",
           "{machine: m, cells: [{name: a, memory: 64MiB, cpus: '2'}]}",
           "{machine: m, cells: [{name: a, memory: 64MiB, cpus: two}]}",
           "{machine: m, cells: [{name: a, memory: 64MiB, hugepages: yes}]}",
           "{machine: m, cells: [{name: a, memory: 64MiB, shared: 8}]}",
           "{machine: m, cells: [{name: a, memory: 64MiB, cid: 2}]}",
           "{machine: m, cells: [{name: a, memory: 64MiB, watchdog: 1s}]}",
           "{machine: m, cells: [{name: a, memory: 64MiB, watchdog: 3601s}]}",
           "{machine: m, cells: [{name: a, memory: 64MiB, watchdog: 10}]}",
           "{machine: m, cells: [{name: a, memory: 64MiB, cpu_weight: 0}]}",
           "{machine: m, cells: [{name: a, memory: 64MiB, cpu_weight: 10001}]}",
           "{machine: m, firewall: stop, cells: [{name: a, memory: 64MiB}]}",
           "{machine: m, firewall: {on_violation: panic}, cells: [{name: a, memory: 64MiB}]}",
           "{machine: m, firewall: {shared: 8MiB}, cells: [{name: a, memory: 64MiB}]}",
           "{machine: m, cells: [{name: a, memory: 64MiB, agent: yes}]}",
           "{machine: m, cells: [{name: a, memory: 64MiB, disks: [a.img]}]}",
           "{machine: m, cells: [{name: a, memory: 64MiB, disks: [{}]}]}",
       }) {
    EXPECT_FALSE(schema.accepts(yaml)) << yaml;
  }
}

TEST(Schema, RefusesEveryFaultyFormAsTheCheckDoes) {
  const std::vector<testing::Form> forms = testing::faulty_forms();
  // schema_check.py has a second opinion of the same plans, and only wants to have them.
  if (const char* file = std::getenv("HIVE_FAULTY_FORMS"); file != nullptr) {
    std::ofstream(file) << testing::Form(forms).dump();
    return;
  }
  testing::EditorSchema schema(json_schema());
  testing::MadeUpHost host;
  host.files.everything = true;
  EXPECT_THAT(host.faults(testing::full_plan().dump()), IsEmpty());
  EXPECT_TRUE(schema.accepts(testing::full_plan().dump()));
  for (const testing::Form& form : forms) {
    const std::string yaml = form.dump();
    EXPECT_THAT(host.faults(yaml), Not(IsEmpty())) << yaml;
    EXPECT_FALSE(schema.accepts(yaml)) << yaml;
  }
}

TEST(Schema, AcceptsWhateverTheCheckAccepts) {
  testing::EditorSchema schema(json_schema());
  testing::MadeUpHost host;
  host.files.everything = true;
  testing::Editor editor(7);
  std::vector<std::string> plans;
  for (const char* folder : {"examples", "tests/fuzz/corpus/plan_yaml"}) {
    for (const auto& file : testing::yaml_files(folder)) plans.push_back(testing::read_file(file));
  }
  unsigned accepted = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::string yaml = editor.edit(plans[i % plans.size()]);
    const CheckResult result = host.check(yaml);
    if (!result.machine) continue;
    // A name of digits alone is a number to an editor, and a name to Hive.
    const auto all_digits = [](const std::string& name) {
      return name.find_first_not_of("0123456789") == std::string::npos;
    };
    bool is_number = all_digits(result.machine->name);
    for (const Cell& cell : result.machine->cells) is_number = is_number || all_digits(cell.name);
    if (is_number) continue;
    ++accepted;
    EXPECT_TRUE(schema.accepts(yaml)) << yaml;
  }
  EXPECT_GT(accepted, 500U);
}

TEST(Reference, TellsOfEveryKey) {
  const std::string reference = testing::read_file(kTree / "docs/config-reference.md");
  for (const MappingSpec* spec : {&machine_spec(), &firewall_spec(), &rpc_spec(), &calls_spec(),
                                  &cell_spec(), &disk_spec(), &port_spec()}) {
    for (const KeySpec& key : spec->keys) {
      const std::string fallback =
          key.presence == Presence::kOptional ? std::string(key.fallback) : "required";
      EXPECT_THAT(reference, HasSubstr("\n| `" + std::string(key.name) + "` | "));
      EXPECT_THAT(reference, HasSubstr("| " + fallback + " |")) << key.name;
    }
  }
}

TEST(Reference, ShowsPlansThatAreAccepted) {
  const std::string reference = testing::read_file(kTree / "docs/config-reference.md");
  testing::MadeUpHost host;
  host.files.everything = true;
  const std::regex block("```yaml\n([^`]*)```");
  unsigned found = 0;
  for (std::sregex_iterator match(reference.begin(), reference.end(), block), end; match != end;
       ++match, ++found) {
    EXPECT_THAT(host.faults((*match)[1].str()), IsEmpty()) << (*match)[1];
  }
  EXPECT_GT(found, 0U);
}

}  // namespace
}  // namespace hive::plan
