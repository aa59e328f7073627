// YAML that is meant to hurt its reader: each is refused, within bounds.
#include <gmock/gmock.h>

#include <ctime>
#include <string>

#include "tests/unit/plan/made_up_host.h"
#include "vmm/plan/document.h"
#include "vmm/plan/limits.h"

namespace hive::plan {
namespace {

std::string repeated(std::string_view piece, std::size_t size) {
  std::string text;
  while (text.size() + piece.size() <= size) text += piece;
  return text;
}

TEST(HostileYaml, RefusesDeepNesting) {
  for (const char* piece : {"[", "{a: ", "- ", "? ", "a: [", "[a: ", "{? "}) {
    const Document document = read_document(repeated(piece, kMaxFileSize));
    ASSERT_TRUE(document.fault.has_value()) << piece;
    EXPECT_FALSE(document.root.has_value()) << piece;
  }
}

TEST(HostileYaml, NamesTheDepthThatItTakes) {
  const Document document = read_document(std::string(17, '[') + std::string(17, ']'));
  ASSERT_TRUE(document.fault.has_value());
  EXPECT_EQ(describe(*document.fault, "f"),
            "f:1:17: lists and mappings are nested more than 16 deep; write the machine as "
            "docs/config-reference.md shows it");
  EXPECT_TRUE(read_document(std::string(16, '[') + std::string(16, ']')).root.has_value());
}

TEST(HostileYaml, NeverExpandsAliases) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + last;
    for (int j = 0; j < 9; ++j) bomb += ", " + last;
    bomb += "]\n";
  }
  const Document document = read_document(bomb);
  ASSERT_TRUE(document.fault.has_value());
  EXPECT_EQ(document.fault->at, (Position{2, 10}));
}

/// Processor time of this process: what else the host is at does not count.
double processor_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

TEST(HostileYaml, ReadsTheLargestFileInTime) {
  for (const char* piece : {"a:\n ", "- a\n", "x: y\n", "[],", "\"a\": ", "# c\n", "a\n", "&a ",
                            "!", "|\n", "\t", "{}: ", "? a\n", "'", "\"", "%TAG ! a\n", "---\n"}) {
    const double start = processor_seconds();
    const Document document = read_document(repeated(piece, kMaxFileSize));
    EXPECT_NE(document.fault.has_value(), document.root.has_value());
    // Reading is linear: this bound is far off, and catches what is not.
    EXPECT_LT(processor_seconds() - start, 30) << piece;
  }
}

TEST(HostileYaml, ChecksManyKeysInTime) {
  std::string yaml = "machine: m\ncells: [{name: a, memory: 64MiB}]\n";
  for (int i = 0; yaml.size() < kMaxFileSize - 16; ++i) yaml += "k" + std::to_string(i) + ": 1\n";
  const double start = processor_seconds();
  EXPECT_EQ(testing::MadeUpHost().check(yaml).faults.size(), 1001U);
  EXPECT_LT(processor_seconds() - start, 30);
}

}  // namespace
}  // namespace hive::plan
