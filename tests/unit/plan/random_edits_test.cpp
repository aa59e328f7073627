// Whatever a file holds, the check ends with a plan or with faults in it.
#include <gtest/gtest.h>

#include "tests/unit/plan/made_up_host.h"
#include "tests/unit/plan/sample_plans.h"
#include "vmm/plan/json.h"
#include "vmm/plan/text.h"

namespace hive::plan {
namespace {

/// Lines of TEXT, the empty one after its last line break included.
unsigned lines(const std::string& text) {
  return static_cast<unsigned>(std::count(text.begin(), text.end(), '\n')) + 1;
}

void expect_sound(const std::string& yaml, const CheckResult& result) {
  ASSERT_NE(result.machine.has_value(), !result.faults.empty()) << yaml;
  if (result.machine) {
    EXPECT_EQ(parse_machine(to_json(*result.machine)), *result.machine) << yaml;
  }
  EXPECT_TRUE(std::is_sorted(result.faults.begin(), result.faults.end())) << yaml;
  for (const Fault& fault : result.faults) {
    const std::string line = describe(fault, "f");
    EXPECT_TRUE(is_clean(line)) << quote(line);
    EXPECT_FALSE(fault.what.empty() || fault.remedy.empty()) << yaml;
    // A bare carriage return is a line break to YAML, too.
    EXPECT_LE(fault.at.line, lines(yaml) + std::count(yaml.begin(), yaml.end(), '\r')) << yaml;
    EXPECT_GE(fault.at.column, 1U);
  }
}

TEST(RandomEdits, GiveAPlanOrFaults) {
  testing::MadeUpHost some_files;
  testing::MadeUpHost all_files;
  all_files.files.everything = true;
  std::vector<std::string> plans;
  for (const char* folder : {"examples", "tests/fuzz/corpus/plan_yaml"}) {
    for (const auto& file : testing::yaml_files(folder)) plans.push_back(testing::read_file(file));
  }
  ASSERT_FALSE(plans.empty());

  testing::Editor editor(1);
  unsigned accepted = 0;
  unsigned refused = 0;
  for (int i = 0; i < 10'000; ++i) {
    const std::string yaml = editor.edit(plans[i % plans.size()]);
    expect_sound(yaml, some_files.check(yaml));
    const CheckResult result = all_files.check(yaml);
    expect_sound(yaml, result);
    ++(result.machine ? accepted : refused);
  }
  // The edits are neither all harmless nor all fatal.
  EXPECT_GT(accepted, 500U);
  EXPECT_GT(refused, 5'000U);
}

}  // namespace
}  // namespace hive::plan
