// A test of a machine that the hive program runs.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/kvm/run/hive_run.h"

namespace hive::test {

class MachineTest : public testing::Test {
 protected:
  /// Starts the machine as planned so far.
  void bring_up() {
    const Output up = machine_.up();
    ASSERT_EQ(up.status, 0) << up.err;
  }

  /// `hive inject` into CELL, with WORDS.
  [[nodiscard]] Output inject(const std::string& cell, std::vector<std::string> words) const {
    words.insert(words.begin(), {"inject", machine_.name() + "/" + cell});
    return machine_.hive(words);
  }

  /// What `hive events` prints.
  [[nodiscard]] std::string story() const { return machine_.hive({"events", machine_.name()}).out; }

  /// Whether the story has WHAT within a minute.
  [[nodiscard]] bool tells(const std::string& what) const {
    return comes([&] { return story().find(what) != std::string::npos; });
  }

  TestMachine machine_;
};

}  // namespace hive::test
