// docs/faults.md tells of each fault.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "cellmon/inject/catalogue.h"

namespace hive::inject {
namespace {

TEST(FaultsDoc, TellsOfEachFaultAndItsParameters) {
  std::ifstream file(HIVE_FAULTS_DOC);
  const std::string doc((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  ASSERT_FALSE(doc.empty());
  for (const Entry& entry : catalogue()) {
    std::string row = "| `" + std::string(entry.name) + "` | ";
    for (const Parameter& parameter : entry.parameters) {
      row += (row.ends_with("`") ? ", `" : "`") + std::string(parameter.name) + "`";
    }
    row += std::string(entry.parameters.empty() ? "" : " ") + "| " + std::string(entry.meaning) +
           " | ";
    EXPECT_NE(doc.find("\n" + row), std::string::npos) << row;
  }
}

}  // namespace
}  // namespace hive::inject
