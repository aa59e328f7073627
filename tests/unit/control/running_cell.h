// A cell without an agent whose VMM has started.
#pragma once

#include <gtest/gtest.h>

#include "cellmon/control/cell_machine.h"

namespace hive::control {

class RunningCell : public testing::Test {
 protected:
  RunningCell() {
    machine_.start();
    report(cell::ReportKind::kStarted);
  }

  Step report(cell::ReportKind kind) { return machine_.on_report({kind, ""}); }

  CellMachine machine_{false};
};

}  // namespace hive::control
