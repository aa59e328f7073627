// The schema for editors: committed, and true to the reader.
#include "cellmon/campaign/schema.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cellmon/campaign/campaign_file.h"
#include "cellmon/campaign/format.h"
#include "tests/unit/campaign/sample.h"
#include "tests/unit/plan/editor_schema.h"
#include "tests/unit/plan/sample_plans.h"

namespace hive::campaign {
namespace {

using Form = nlohmann::ordered_json;
using plan::testing::read_file;

const std::filesystem::path kTree = HIVE_SOURCE_DIR;

bool is_read(std::string_view yaml) { return parse_campaign(yaml).campaign.has_value(); }

std::vector<std::string> examples() {
  std::vector<std::string> texts;
  for (const auto& file : plan::testing::yaml_files("examples/campaign")) {
    std::string text = read_file(file);
    if (text.find("\ncampaign:") != std::string::npos) texts.push_back(std::move(text));
  }
  return texts;
}

/// Campaigns with every key. JSON is YAML, too.
Form full(const char* workload) {
  Form form = Form::parse(R"({
    "campaign": "c", "machine": "m.yaml", "runs": 10, "seed": 3, "parallel": 2, "keep": 4,
    "delay": "100ms", "settle": "1s", "limit": "60s", "boot": "600s",
    "faults": [{"fault": "vmm-stop", "class": "stop", "cells": ["a"],
                "parameters": {"for": ["1s", "2s"]}, "weight": 2, "paper": "random-time"}]
  })");
  form["workload"] = Form::parse(workload);
  return form;
}

Form with_micro() { return full(R"({"micro": {"seed": 1, "pages": 8}})"); }

Form with_exec() {
  Form form = full(R"({"exec": {"cells": ["a"], "prepare": "p", "work": "w",
                                "check": {"run": "r", "output": "o"}}})");
  form["faults"][0]["meanwhile"] = "m";
  return form;
}

/// A mapping of FORM, and the keys that it may have.
struct Place {
  Form form;
  Form::json_pointer at;
  const MappingSpec& spec;
};

std::vector<Place> places() {
  const auto at = [](const char* path) { return Form::json_pointer(path); };
  return {{with_micro(), at(""), campaign_spec()},
          {with_micro(), at("/faults/0"), fault_spec()},
          {with_micro(), at("/workload"), workload_spec()},
          {with_micro(), at("/workload/micro"), micro_spec()},
          {with_exec(), at("/workload/exec"), exec_spec()},
          {with_exec(), at("/workload/exec/check"), command_spec()}};
}

/// Values, in JSON, that no key of TYPE takes.
std::vector<std::string> wrong_values(KeyType type) {
  switch (type) {
    case KeyType::kText:
      return {"null", R"("")", "[]", R"(["x"])", R"({"x": 1})"};
    case KeyType::kName:
      return {"null", R"("")", "[]", R"({"x": 1})", R"("A b")", R"("-a")"};
    case KeyType::kNames:
      return {"null", R"("")", "[]", R"({"x": 1})", R"("A b")", R"(["a", "B"])", "[[]]", "[null]"};
    case KeyType::kNumber:
    case KeyType::kParallel:
      return {"null", "-1",          "1.5",
              "true", R"("1")",      R"("x")",
              "[1]",  R"({"x": 1})", "9223372036854775808"};
    case KeyType::kTime:
      return {"null",    "1",         "true",     R"("0s")",   R"("1")",
              R"("1h")", R"("1.5s")", R"("-1s")", R"(["1s"])", R"({"x": 1})"};
    case KeyType::kFault:
    case KeyType::kPaperRow:
      return {"null", "1", "true", R"("x")", R"(["vmm-kill"])", R"({"x": 1})"};
    case KeyType::kCommand:
      return {"null", R"("")", "[]", R"(["x"])", R"({"x": 1})", "{}", R"({"output": "o"})"};
    case KeyType::kParameters:
      return {"null",
              "1",
              R"("x")",
              "[]",
              R"({"for": null})",
              R"({"for": []})",
              R"({"for": [[]]})",
              R"({"for": ""})",
              R"({"for": {"x": 1}})"};
    case KeyType::kFaults:
      return {"null", "1", R"("x")", "[]", "{}", "[1]", R"(["vmm-kill"])", "[{}]"};
    case KeyType::kWorkload:
      return {"null", "1", R"("x")", "[]", "{}", R"({"micro": {}, "exec": {"check": "x"}})"};
    case KeyType::kMicro:
      return {"null", "1", R"("x")", "[]"};
    case KeyType::kExec:
      return {"null", "1", R"("x")", "[]", "{}"};
  }
  return {};
}

/// What PLACE becomes by one slip each: a key that is unknown or missing, a value of another type.
std::vector<Form> slips(const Place& place) {
  std::vector<Form> forms;
  const auto changed = [&] { return forms.emplace_back(place.form), &forms.back()[place.at]; };
  (*changed())["unheard-of"] = 1;
  for (const KeySpec& key : place.spec.keys) {
    const std::string name(key.name);
    if (key.is_required()) changed()->erase(name);
    for (const std::string& wrong : wrong_values(key.type)) (*changed())[name] = Form::parse(wrong);
    if (key.type != KeyType::kNumber && key.type != KeyType::kParallel) continue;
    (*changed())[name] = key.most + 1;
    if (key.least > 0) (*changed())[name] = key.least - 1;
  }
  return forms;
}

TEST(CampaignSchema, IsTheCommittedFile) {
  const auto file = kTree / "docs/campaign.schema.json";
  if (std::getenv("HIVE_UPDATE_SCHEMA") != nullptr) std::ofstream(file) << json_schema();
  EXPECT_EQ(read_file(file), json_schema())
      << "run HIVE_UPDATE_SCHEMA=1 build/release/bin/unit_campaign "
         "--gtest_filter='CampaignSchema.*'";
}

TEST(CampaignSchema, AcceptsTheExamplesAsTheReaderDoes) {
  plan::testing::EditorSchema schema(json_schema());
  EXPECT_GE(examples().size(), 3U);
  for (const std::string& text : examples()) {
    EXPECT_TRUE(schema.accepts(text)) << text;
    EXPECT_TRUE(is_read(text)) << text;
    EXPECT_EQ(text.find("# yaml-language-server: $schema=../../docs/campaign.schema.json\n"), 0U);
  }
}

TEST(CampaignSchema, RefusesEverySlipAsTheReaderDoes) {
  plan::testing::EditorSchema schema(json_schema());
  for (const Form& form : {with_micro(), with_exec()}) {
    EXPECT_TRUE(schema.accepts(form.dump())) << form;
    EXPECT_TRUE(is_read(form.dump())) << form;
  }
  unsigned tried = 0;
  for (const Place& place : places()) {
    for (const Form& form : slips(place)) {
      ++tried;
      EXPECT_FALSE(is_read(form.dump())) << form;
      EXPECT_FALSE(schema.accepts(form.dump())) << form;
    }
  }
  EXPECT_GT(tried, 150U);
}

TEST(CampaignSchema, KnowsTheParametersOfEachFaultAsTheCheckDoes) {
  plan::testing::EditorSchema schema(json_schema());
  const auto accepted = [&schema](const char* fault) {
    Form form = with_micro();
    form["faults"] = Form::array({Form::parse(fault)});
    const ParsedCampaign parsed = parse_campaign(form.dump());
    const bool fits = parsed.campaign && check_cells(*parsed.campaign, testing::kCells).empty();
    EXPECT_EQ(schema.accepts(form.dump()), fits) << fault;
    return fits;
  };
  EXPECT_TRUE(accepted(R"({"fault": "vmm-kill"})"));
  EXPECT_TRUE(accepted(R"({"fault": "vmm-kill", "parameters": {}})"));
  EXPECT_TRUE(accepted(R"({"fault": "false-accusation", "parameters": {"cell": "any"}})"));
  EXPECT_FALSE(accepted(R"({"fault": "false-accusation"})"));
  EXPECT_FALSE(accepted(R"({"fault": "false-accusation", "parameters": {}})"));
  EXPECT_FALSE(accepted(R"({"fault": "vmm-kill", "parameters": {"for": "1s"}})"));
  EXPECT_FALSE(accepted(R"({"fault": "vmm-stop", "parameters": {"at": "1s", "for": "1s"}})"));
}

TEST(CampaignSchema, AcceptsWhateverTheReaderAndTheCheckAccept) {
  plan::testing::EditorSchema schema(json_schema());
  plan::testing::Editor editor(7);
  std::vector<std::string> texts = examples();
  texts.emplace_back(testing::kSample);
  unsigned accepted = 0;
  for (int i = 0; i < 1'000; ++i) {
    const std::string yaml = editor.edit(texts[i % texts.size()]);
    const ParsedCampaign parsed = parse_campaign(yaml);
    if (!parsed.campaign) continue;
    // What is only known with the machine: parameters, by cells that are all there.
    Cells cells{{"a", "b", "c", "d", "alpha", "beta", "gamma", "wax"}, "wax"};
    if (!check_cells(*parsed.campaign, cells).empty()) continue;
    const std::string& name = parsed.campaign->name;
    if (name == "true" || name.find_first_not_of("0123456789") == std::string::npos) continue;
    ++accepted;
    EXPECT_TRUE(schema.accepts(yaml)) << yaml;
  }
  EXPECT_GT(accepted, 40U);
}

}  // namespace
}  // namespace hive::campaign
