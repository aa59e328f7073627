// Plans without faults, and what is filled in.
#include <gmock/gmock.h>

#include "tests/unit/plan/made_up_host.h"
#include "vmm/plan/check.h"

namespace hive::plan {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::MadeUpHost;

Machine accepted(std::string_view yaml) {
  const MadeUpHost host;
  EXPECT_THAT(host.faults(yaml), IsEmpty()) << yaml;
  return host.check(yaml).machine.value_or(Machine{});
}

/// The only cell of a machine whose cell has KEYS beside its name.
Cell accepted_cell(const std::string& keys) {
  const Machine machine = accepted("{machine: m, cells: [{name: a, " + keys + "}]}");
  EXPECT_EQ(machine.cells.size(), 1U);
  return machine.cells.empty() ? Cell{} : machine.cells[0];
}

TEST(Check, FillsInDefaults) {
  Cell expected;
  expected.id = CellId{0};
  expected.name = "a";
  expected.vcpus = 1;
  expected.memory = 96 * kMiB;
  expected.reserve = 48 * kMiB;
  expected.huge_pages = HugePages::kAutomatic;
  expected.cid = 3;
  expected.kernel = "/images/debian/vmlinux";
  expected.initrd = "/images/debian/initrd.cpio";
  expected.cmdline = "console=ttyS0 quiet hive.cell=a";
  expected.agent = true;
  expected.watchdog = kDefaultWatchdog;
  EXPECT_EQ(accepted("machine: m\ncells:\n- name: a\n  memory: 96MiB\n"),
            (Machine{"m", {expected}}));
}

TEST(Check, TakesEveryKey) {
  Cell expected;
  expected.name = "a";
  expected.vcpus = 2;
  expected.host_cpus = {5, 0};
  expected.memory = 64 * kMiB;
  expected.reserve = 6 * kMiB;
  expected.huge_pages = HugePages::kReserved;
  expected.shared = 8 * kMiB;
  expected.hosted = 2 * kMiB;
  expected.cid = 77;
  expected.kernel = "/boot/vmlinuz";
  expected.initrd = "/m/my.cpio";
  expected.cmdline = "console=ttyS0 quiet hive.cell=a root=/dev/vda rw";
  expected.disks = {{"/m/a.img", false}, {"/dev/sdz", true}};
  expected.agent = true;
  expected.watchdog = kDefaultWatchdog;
  EXPECT_EQ(accepted_cell(
                "cpus: [5, 0], overcommit_cpus: false, memory: 64MiB, reserve: 6MiB, hugepages: "
                "reserved, "
                "shared: 8MiB, hosted: 2MiB, kernel: /boot/vmlinuz, initrd: ./my.cpio, cmdline: "
                "root=/dev/vda rw, "
                "disks: [{path: a.img}, {path: /dev/sdz, readonly: true}], cid: 77, "
                "agent: true"),
            expected);
}

TEST(Check, KeepsHalfOfWhatACellSharesForOthers) {
  EXPECT_EQ(accepted_cell("memory: 32MiB").hosted, 0U);
  EXPECT_EQ(accepted_cell("memory: 32MiB, shared: 2MiB").hosted, kMiB);
  EXPECT_EQ(accepted_cell("memory: 32MiB, shared: 4MiB, hosted: 0MiB").hosted, 0U);
  EXPECT_EQ(accepted_cell("memory: 32MiB, shared: 4MiB, hosted: 4MiB").hosted, 4 * kMiB);
  EXPECT_EQ(accepted("machine: m\ndefaults: {memory: 32MiB, hosted: 2MiB}\ncells:\n- name: a\n")
                .cells[0]
                .hosted,
            0U)
      << "a cell that shares nothing has nothing for others";
}

TEST(Check, ReadsHostCpusInEitherNotation) {
  EXPECT_THAT(accepted_cell("memory: 32MiB, cpus: [4, 1]").host_cpus, ElementsAre(4, 1));
  EXPECT_THAT(accepted_cell("memory: 32MiB, cpus: 4-5").host_cpus, ElementsAre(4, 5));
  EXPECT_THAT(accepted_cell("memory: 32MiB, cpus: '0-1,4'").host_cpus, ElementsAre(0, 1, 4));
  EXPECT_EQ(accepted_cell("memory: 32MiB, cpus: '0-1,4'").vcpus, 3U);
  EXPECT_THAT(accepted_cell("memory: 32MiB, cpus: 4").host_cpus, IsEmpty());
  EXPECT_EQ(accepted_cell("memory: 32MiB, cpus: 4").vcpus, 4U);
}

TEST(Check, AllowsMoreVcpusThanCpusWhenTold) {
  EXPECT_EQ(accepted_cell("memory: 32MiB, cpus: 64, overcommit_cpus: true").vcpus, 64U);
}

TEST(Check, KnowsTheDebianImage) {
  const Cell own = accepted_cell("memory: 32MiB, initrd: my.cpio");
  EXPECT_EQ(own.kernel, "/images/debian/vmlinux");
  EXPECT_EQ(own.initrd, "/m/my.cpio");
  EXPECT_FALSE(own.agent);

  const Cell none = accepted_cell("memory: 32MiB, kernel: debian, initrd: none");
  EXPECT_EQ(none.initrd, "");
  EXPECT_FALSE(none.agent);

  const Cell other = accepted_cell("memory: 32MiB, kernel: /boot/vmlinuz");
  EXPECT_EQ(other.initrd, "");
  EXPECT_FALSE(other.agent);

  EXPECT_FALSE(accepted_cell("memory: 32MiB, agent: false").agent);
}

TEST(Check, LeavesTheConsoleToACommandLineThatHasOne) {
  const auto cmdline = [](const std::string& words) {
    return accepted_cell("memory: 32MiB, cmdline: \"" + words + "\"").cmdline;
  };
  EXPECT_EQ(cmdline(""), "console=ttyS0 quiet hive.cell=a");
  EXPECT_EQ(cmdline("  single\\n"), "console=ttyS0 quiet hive.cell=a single");
  EXPECT_EQ(cmdline("console=hvc0"), "quiet hive.cell=a console=hvc0");
  EXPECT_EQ(cmdline("ro console=hvc0"), "quiet hive.cell=a ro console=hvc0");
  EXPECT_EQ(cmdline("netconsole=x"), "console=ttyS0 quiet hive.cell=a netconsole=x");
}

TEST(Check, AppliesDefaultsToEveryCellThatSaysNothing) {
  const Machine machine = accepted(
      "machine: m\n"
      "defaults: {cpus: 2, memory: 64MiB, shared: 6MiB, kernel: /boot/vmlinuz, cmdline: x, "
      "agent: true}\n"
      "cells:\n"
      "- name: a\n"
      "- {name: b, cpus: 1, memory: 32MiB, shared: 2MiB, kernel: debian, cmdline: y, "
      "agent: false}\n");
  ASSERT_EQ(machine.cells.size(), 2U);
  EXPECT_EQ(machine.cells[0].vcpus, 2U);
  EXPECT_EQ(machine.cells[0].memory, 64 * kMiB);
  EXPECT_EQ(machine.cells[0].shared, 6 * kMiB);
  EXPECT_EQ(machine.cells[0].kernel, "/boot/vmlinuz");
  EXPECT_EQ(machine.cells[0].cmdline, "console=ttyS0 quiet hive.cell=a x");
  EXPECT_TRUE(machine.cells[0].agent);
  EXPECT_EQ(machine.cells[1].vcpus, 1U);
  EXPECT_EQ(machine.cells[1].memory, 32 * kMiB);
  EXPECT_EQ(machine.cells[1].shared, 2 * kMiB);
  EXPECT_EQ(machine.cells[1].kernel, "/images/debian/vmlinux");
  EXPECT_EQ(machine.cells[1].cmdline, "console=ttyS0 quiet hive.cell=b y");
  EXPECT_FALSE(machine.cells[1].agent);
  EXPECT_EQ(machine.cells[1].cid, 4U);
}

TEST(Check, LetsCellsReadTheSameDisk) {
  const Machine machine = accepted(
      "{machine: m, defaults: {memory: 32MiB}, cells: ["
      "{name: a, disks: [{path: a.img, readonly: true}]}, "
      "{name: b, disks: [{path: link-to-a.img, readonly: true}]}]}");
  EXPECT_EQ(machine.cells.size(), 2U);
}

TEST(Check, ReadsADiskThatMayNotBeWritten) {
  EXPECT_TRUE(accepted_cell("memory: 32MiB, disks: [{path: frozen.img, readonly: true}]")
                  .disks.at(0)
                  .read_only);
}

TEST(Check, TakesSixtyFourCells) {
  std::string yaml =
      "machine: m\ndefaults: {memory: 16MiB, initrd: none, kernel: /m/my.cpio}\ncells:\n";
  for (int i = 0; i < 64; ++i) yaml += "- name: c" + std::to_string(i) + "\n";
  const Machine machine = accepted(yaml);
  ASSERT_EQ(machine.cells.size(), 64U);
  EXPECT_EQ(machine.cells[63].cid, 66U);
  EXPECT_EQ(machine.cells[63].id, CellId{63});
}

TEST(Check, ReadsTheAnswerToViolations) {
  const auto answer = [](const std::string& firewall) {
    return accepted("{machine: m, " + firewall + "cells: [{name: a, memory: 32MiB}]}").on_violation;
  };
  EXPECT_EQ(answer(""), OnViolation::kFault);
  EXPECT_EQ(answer("firewall: {}, "), OnViolation::kFault);
  EXPECT_EQ(answer("firewall: {on_violation: fault}, "), OnViolation::kFault);
  EXPECT_EQ(answer("firewall: {on_violation: stop}, "), OnViolation::kStop);
  EXPECT_EQ(answer("firewall: {on_violation: ignore}, "), OnViolation::kIgnore);
}

TEST(Check, ReadsWhatIsDiscarded) {
  const auto discard = [](const std::string& firewall) {
    return accepted("{machine: m, " + firewall + "cells: [{name: a, memory: 32MiB}]}").discard;
  };
  EXPECT_EQ(discard(""), Discard::kWritten);
  EXPECT_EQ(discard("firewall: {}, "), Discard::kWritten);
  EXPECT_EQ(discard("firewall: {discard: written}, "), Discard::kWritten);
  EXPECT_EQ(discard("firewall: {discard: writable}, "), Discard::kWritable);
}

TEST(Check, ReadsWhatAFailureComesTo) {
  EXPECT_EQ(accepted_cell("memory: 32MiB").on_failure, OnFailure::kLeave);
  EXPECT_EQ(accepted_cell("memory: 32MiB, on_failure: leave").on_failure, OnFailure::kLeave);
  EXPECT_EQ(accepted_cell("memory: 32MiB, on_failure: stop-machine").on_failure,
            OnFailure::kStopMachine);
  const Machine machine = accepted(
      "{machine: m, defaults: {memory: 32MiB, on_failure: reboot}, "
      "cells: [{name: a}, {name: b, on_failure: leave}]}");
  ASSERT_EQ(machine.cells.size(), 2U);
  EXPECT_EQ(machine.cells[0].on_failure, OnFailure::kReboot);
  EXPECT_EQ(machine.cells[1].on_failure, OnFailure::kLeave);
}

TEST(Check, ReadsWhereCrashDumpsGo) {
  EXPECT_EQ(accepted_cell("memory: 32MiB").crash_dump, "");
  EXPECT_EQ(accepted_cell("memory: 32MiB, crash_dump: folder").crash_dump, "/m/folder");
  const Machine machine = accepted(
      "{machine: m, defaults: {memory: 32MiB, crash_dump: /m/folder}, "
      "cells: [{name: a}, {name: b, crash_dump: none}]}");
  ASSERT_EQ(machine.cells.size(), 2U);
  EXPECT_EQ(machine.cells[0].crash_dump, "/m/folder");
  EXPECT_EQ(machine.cells[1].crash_dump, "");
}

TEST(Check, TakesMemoryAndGlobalMemoryUpToTheHosts) {
  // The host has 1 GiB.
  const Machine machine = accepted(
      "{machine: m, defaults: {memory: 256MiB}, cells: "
      "[{name: a, shared: 510MiB}, {name: b, shared: 2MiB}]}");
  ASSERT_EQ(machine.cells.size(), 2U);
  EXPECT_EQ(machine.cells[0].shared, 510 * kMiB);
  EXPECT_EQ(machine.cells[1].shared, 2 * kMiB);
}

TEST(Check, TakesGlobalMemoryOfSixteenTebibytes) {
  MadeUpHost host;
  host.topology.nodes[0].memory = 64 * 1024 * kGiB;
  EXPECT_THAT(host.faults("{machine: m, defaults: {memory: 64MiB}, cells: [{name: a, shared: "
                          "10TiB}, {name: b, shared: 6TiB}]}"),
              IsEmpty());
}

TEST(Check, TimeSharesCpusOfUnpinnedCells) {
  EXPECT_EQ(accepted("{machine: m, defaults: {memory: 32MiB, cpus: 4}, cells: "
                     "[{name: a}, {name: b}, {name: c}]}")
                .cells.size(),
            3U);
}

}  // namespace
}  // namespace hive::plan
