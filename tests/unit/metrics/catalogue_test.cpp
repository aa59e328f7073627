// Names follow Prometheus' conventions (prometheus.io/docs/practices/naming), and docs/metrics.md
// tells of each.
#include "cellmon/metrics/catalogue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

namespace hive::metrics {
namespace {

std::string read(const std::string& path) {
  std::ifstream file(HIVE_SOURCE_DIR "/" + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Catalogue, HasEachMetricOnceUnderItsName) {
  std::set<std::string_view> names;
  for (const Family& family : catalogue()) {
    EXPECT_TRUE(names.insert(family.name).second) << family.name;
    EXPECT_EQ(find_metric(family.name), family.metric);
    EXPECT_EQ(family_of(family.metric).name, family.name);
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(Metric::kCount));
  EXPECT_EQ(find_metric("hive_no_such_metric"), std::nullopt);
}

TEST(Catalogue, FollowsTheConventions) {
  const std::regex name("hive_[a-z]+(_[a-z]+)*");
  for (const Family& family : catalogue()) {
    const std::string text(family.name);
    EXPECT_TRUE(std::regex_match(text, name)) << text;
    EXPECT_EQ(text.ends_with("_total"), family.type == Type::kCounter) << text;
    if (family.type == Type::kHistogram) {
      EXPECT_TRUE(text.ends_with("_seconds")) << text;
      EXPECT_EQ(family.label_count(), 0U) << text;
    }
    EXPECT_FALSE(text.ends_with("_count") || text.ends_with("_sum") || text.ends_with("_bucket"));
    EXPECT_EQ(family.help.find_first_of("\\\n"), std::string_view::npos) << text;
    EXPECT_TRUE(family.help.ends_with('.') || family.help.find("; ") != std::string_view::npos)
        << text;
  }
}

TEST(Catalogue, HasLabelsThatNoOtherThingIsCalledBy) {
  const std::regex label("[a-z]+");
  for (const Family& family : catalogue()) {
    for (std::size_t index = 0; index < family.label_count(); ++index) {
      const std::string text(family.labels.at(index));
      EXPECT_TRUE(std::regex_match(text, label)) << family.name;
      EXPECT_TRUE(text != "machine" && text != "cell" && text != "le") << family.name;
    }
  }
}

TEST(MetricsDoc, TellsOfEachMetricAndOfNoOther) {
  const std::string doc = read("docs/metrics.md");
  ASSERT_FALSE(doc.empty());
  for (const Family& family : catalogue()) {
    std::string row =
        "| `" + std::string(family.name) + "` | " + std::string(to_string(family.type)) + " | ";
    for (std::size_t index = 0; index < family.label_count(); ++index) {
      row += (index == 0 ? "`" : ", `") + std::string(family.labels.at(index)) + "`";
    }
    row +=
        std::string(family.label_count() == 0 ? "" : " ") + "| " + std::string(family.help) + " |";
    EXPECT_NE(doc.find("\n" + row), std::string::npos) << row;
  }
  const std::regex head("\n\\| `(hive_[a-z_]+)`");
  for (std::sregex_iterator row(doc.begin(), doc.end(), head), end; row != end; ++row) {
    EXPECT_TRUE(find_metric((*row)[1].str())) << (*row)[1] << " is in docs/metrics.md only";
  }
}

}  // namespace
}  // namespace hive::metrics
