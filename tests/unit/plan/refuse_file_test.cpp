// What the check says of a file as a whole: all of its faults together, and its bounds.
#include <gmock/gmock.h>

#include "tests/unit/plan/made_up_host.h"
#include "tests/unit/plan/refusals.h"
#include "vmm/plan/check.h"

namespace hive::plan {
namespace {

using ::testing::ElementsAre;
using testing::kNameRemedy;
using testing::MadeUpHost;
using testing::sound_cell;

TEST(Check, TellsAllFaultsAtOnceInTheOrderOfTheFile) {
  EXPECT_THAT(
      MadeUpHost().faults("machine: M\n"
                          "cells:\n"
                          "- {name: a, memory: 64MB, cid: 1, memroy: 1}\n"
                          "- name: a\n"
                          "  cpus: [7]\n"
                          "  kernel: no\n"
                          "  disks:\n"
                          "  - {path: a.img}\n"
                          "  - {path: link-to-a.img}\n"
                          "extra: 1\n"),
      ElementsAre("f:1:10: 'M' is not a name; " + kNameRemedy,
                  "f:3:21: '64MB' is not a size; write 64MiB",
                  "f:3:32: cid 1 is reserved; write a number from 3 to 4294967294",
                  "f:3:35: unknown key 'memroy' in a cell; did you mean 'memory'?",
                  "f:4:3: a cell lacks the key 'memory'; add 'memory: ', a size such as 256MiB, "
                  "here or under 'defaults'",
                  "f:4:9: 'a' is already the name of the cell at line 3; give each cell a name of "
                  "its own",
                  "f:5:9: the host has no CPU 7; choose from its CPUs, 0-1,4-5",
                  "f:6:11: kernel '/m/no' does not exist; check the path, or write 'debian' for "
                  "Debian's kernel",
                  "f:9:12: disk '/m/link-to-a.img' is given to cell 'a' too, as '/m/a.img', and "
                  "both write it; use each disk once, or only with 'readonly: true'",
                  "f:10:1: unknown key 'extra' in a machine; the keys are machine, cells, "
                  "defaults, firewall, rpc, faults, witness"));
}

TEST(Check, TellsOnceWhatTheDefaultsHaveWrong) {
  EXPECT_THAT(
      MadeUpHost().faults("machine: m\n"
                          "defaults: {memory: 64MiB, kernel: no, cpus: 0, agent: 1}\n"
                          "cells: [{name: a}, {name: b}, {name: c}]\n"),
      ElementsAre(
          "f:2:35: kernel '/m/no' does not exist; check the path, or write "
          "'debian' for Debian's kernel",
          "f:2:45: a cell cannot have '0' vCPUs; write a count from 1 to 64, or [0] for host CPU 0",
          "f:2:55: '1' is not true or false; write true"));
}

TEST(Check, SaysHowToListCpusInBraces) {
  const std::string remedy =
      " in a cell; in braces a comma ends the value of 'cpus': write host CPUs as [0, 1] or in "
      "quotes";
  EXPECT_THAT(
      MadeUpHost().faults(sound_cell("cpus: 0,1,4-5")),
      ElementsAre("f:2:40: a cell cannot have '0' vCPUs; write a count from 1 to 64, or [0] "
                  "for host CPU 0",
                  "f:2:42: unknown key '1'" + remedy, "f:2:44: unknown key '4-5'" + remedy));
  EXPECT_THAT(MadeUpHost().faults(sound_cell("cpus: '0,1'")), ::testing::IsEmpty());
  EXPECT_THAT(MadeUpHost().faults(sound_cell("cpus: [0, 1]")), ::testing::IsEmpty());
  EXPECT_THAT(MadeUpHost().faults(sound_cell("cid: 7, 8")),
              ElementsAre(::testing::Not(::testing::HasSubstr("braces"))));
}

TEST(Check, SaysHowToMakeTheDebianImage) {
  MadeUpHost host;
  host.files.files.erase("/images/debian/vmlinux");
  host.files.files.erase("/images/debian/initrd.cpio");
  EXPECT_THAT(
      host.faults("machine: m\ncells:\n- {name: a, memory: 64MiB}\n"
                  "- {name: b, memory: 64MiB, kernel: debian, initrd: none}\n"),
      ElementsAre("f:3:3: initrd '/images/debian/initrd.cpio' does not exist; run 'scripts/dev "
                  "images' to make it",
                  "f:3:3: kernel '/images/debian/vmlinux' does not exist; run 'scripts/dev images' "
                  "to make it",
                  "f:4:36: kernel '/images/debian/vmlinux' does not exist; run 'scripts/dev "
                  "images' to make it"));
}

TEST(Check, RefusesTooManyCellsAndDisks) {
  std::string cells = "machine: m\ncells:\n";
  for (int i = 0; i < 65; ++i) cells += "- {name: c" + std::to_string(i) + ", memory: 16MiB}\n";
  EXPECT_THAT(MadeUpHost().faults(cells),
              ElementsAre("f:3:1: a machine of 65 cells is too large; describe at most 64 cells"));

  std::string disks = "disks: [";
  for (int i = 0; i < 17; ++i) disks += "{path: a.img, readonly: true}, ";
  EXPECT_THAT(MadeUpHost().faults(sound_cell(disks + "]")),
              ElementsAre("f:2:41: the cell has 17 disks; give it at most 16"));
}

TEST(Check, RefusesAFileThatIsTooLarge) {
  EXPECT_THAT(MadeUpHost().faults(std::string(kMiB + 1, '#')),
              ElementsAre("f:1:1: the file is larger than 1MiB; a machine's file is a few KiB; "
                          "check that this is one"));
}

TEST(Check, SaysWhenItStopsCounting) {
  std::string yaml = "machine: m\ncells: [{name: a, memory: 64MiB}]\n";
  for (int i = 0; i < 5000; ++i) yaml += "unknown-" + std::to_string(i) + ": x\n";
  const auto faults = MadeUpHost().faults(yaml);
  ASSERT_EQ(faults.size(), 1001U);
  EXPECT_EQ(faults.back(), "f:1002:1: only 1000 faults are shown; correct these and check again");
}

}  // namespace
}  // namespace hive::plan
