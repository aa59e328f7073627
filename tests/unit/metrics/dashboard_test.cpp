// docs/grafana-dashboard.json asks for metrics that there are, in expressions that Prometheus
// takes.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cellmon/metrics/catalogue.h"

namespace hive::metrics {
namespace {

using nlohmann::json;

/// The expressions of all panels.
std::vector<std::string> expressions() {
  std::ifstream file(HIVE_SOURCE_DIR "/docs/grafana-dashboard.json");
  const json dashboard = json::parse(file);
  std::vector<std::string> all;
  for (const json& panel : dashboard.at("panels")) {
    for (const json& target : panel.value("targets", json::array())) {
      all.push_back(target.at("expr").get<std::string>());
    }
  }
  return all;
}

/// The name of the family that SAMPLE, a name in an expression, is of.
std::string family_name(const std::string& sample) {
  for (const std::string_view suffix : {"_bucket", "_sum", "_count"}) {
    if (!sample.ends_with(suffix)) continue;
    const std::string name = sample.substr(0, sample.size() - suffix.size());
    const auto metric = find_metric(name);
    if (metric && family_of(*metric).type == Type::kHistogram) return name;
  }
  return sample;
}

bool has_label(const Family& family, const std::string& label) {
  return label == "machine" || label == "cell" || family.labels[0] == label ||
         family.labels[1] == label;
}

TEST(GrafanaDashboard, AsksForWhatThereIs) {
  const std::regex selector("\\b(hive_[a-z_]+)\\{([^}]*)\\}");
  const std::regex label("([a-z]+)=");
  std::set<std::string> asked;
  for (const std::string& expression : expressions()) {
    const std::sregex_iterator end;
    std::sregex_iterator found(expression.begin(), expression.end(), selector);
    EXPECT_NE(found, end) << expression;
    for (; found != end; ++found) {
      const auto metric = find_metric(family_name((*found)[1]));
      ASSERT_TRUE(metric) << expression;
      asked.insert(std::string(family_of(*metric).name));
      const std::string labels = (*found)[2];
      for (std::sregex_iterator each(labels.begin(), labels.end(), label); each != end; ++each) {
        EXPECT_TRUE(has_label(family_of(*metric), (*each)[1])) << expression;
      }
    }
  }
  EXPECT_GT(asked.size(), 20U);
}

TEST(GrafanaDashboard, HasExpressionsThatPrometheusTakes) {
  if (std::system("command -v promtool >/dev/null") != 0) {
    GTEST_SKIP() << "promtool is missing; scripts/deps gets it";
  }
  json rules = json::array();
  for (std::string expression : expressions()) {
    expression = std::regex_replace(expression, std::regex("\\$(machine|cell)"), ".*");
    expression = std::regex_replace(expression, std::regex("\\$__rate_interval"), "5m");
    rules.push_back({{"record", "panel:" + std::to_string(rules.size())}, {"expr", expression}});
  }
  // promtool reads YAML, of which JSON is a part.
  const json groups{{"groups", {{{"name", "dashboard"}, {"rules", rules}}}}};
  const std::string path = testing::TempDir() + "/dashboard-rules.yaml";
  std::ofstream(path) << groups.dump();
  const int status = std::system(("promtool check rules " + path).c_str());
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  std::remove(path.c_str());
}

}  // namespace
}  // namespace hive::metrics
