// Plans with one fault each, for the tests of what the check says.
#pragma once

#include <gtest/gtest.h>

#include <ostream>
#include <string>

namespace hive::plan::testing {

struct Case {
  std::string name;
  std::string yaml;
  std::string fault;
};

inline void PrintTo(const Case& shown, std::ostream* out) { *out << shown.name; }

inline std::string name_of(const ::testing::TestParamInfo<Case>& info) { return info.param.name; }

inline const std::string kNameRemedy =
    "use 1 to 32 of a-z, 0-9 and '-', and begin with a letter or a digit";

/// A machine whose only cell, on line 2, has KEYS (which start at column 19) beside its name.
inline std::string cell(const std::string& keys) {
  return "machine: m\ncells: [{name: a, " + keys + "}]\n";
}
/// The same with memory before KEYS, which start at column 34.
inline std::string sound_cell(const std::string& keys) { return cell("memory: 64MiB, " + keys); }

/// A machine of two cells with KEYS_A (line 4) and KEYS_B (line 5), which start at column 13.
inline std::string two(const std::string& keys_a, const std::string& keys_b) {
  return "machine: m\ndefaults: {memory: 64MiB}\ncells:\n- {name: a, " + keys_a +
         "}\n- {name: b, " + keys_b + "}\n";
}

}  // namespace hive::plan::testing
