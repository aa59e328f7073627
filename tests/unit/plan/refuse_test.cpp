// One fault each, with its exact place, words and remedy.
#include <gmock/gmock.h>

#include "tests/unit/plan/made_up_host.h"
#include "tests/unit/plan/refusals.h"
#include "vmm/plan/check.h"

namespace hive::plan {
namespace {

using testing::Case;
using testing::cell;
using ::testing::ElementsAre;
using testing::kNameRemedy;
using testing::MadeUpHost;
using testing::name_of;
using testing::sound_cell;
using testing::two;

class Refuse : public ::testing::TestWithParam<Case> {};

TEST_P(Refuse, SaysWhatAndWhereAndHow) {
  EXPECT_THAT(MadeUpHost().faults(GetParam().yaml), ElementsAre(GetParam().fault))
      << GetParam().yaml;
}

const Case kYaml[] = {
    {"empty", "",
     "f:1:1: the file is empty; describe a machine: 'machine: NAME' and 'cells: [...]'"},
    {"comment", "# x\n",
     "f:1:1: the file is empty; describe a machine: 'machine: NAME' and 'cells: [...]'"},
    {"open_bracket", "machine: m\ncells: [\n",
     "f:3:1: not YAML: end of sequence flow not found; check indentation, quotes and brackets up "
     "to here"},
    {"tab", "machine: m\ncells:\n\t- x\n",
     "f:3:2: not YAML: illegal block entry; check indentation, quotes and brackets up to here"},
    {"alias", "machine: &m x\ncells: *m\n",
     "f:2:8: aliases (*name) cannot be used; write the value out, or put what cells have in common "
     "under 'defaults'"},
    {"tag", "machine: !secret x\n", "f:1:10: tags ('!secret') cannot be used; remove the tag"},
    {"two_documents", "machine: m\n---\nmachine: n\n",
     "f:2:1: a second document begins here; keep one document, the machine, in the file"},
    {"list_as_key", "? [a]\n: b\n", "f:1:3: a key must be a word; write 'key: value'"},
    {"null_key", "~: b\n", "f:1:1: a key must be a word; write 'key: value'"},
    {"scalar", "hello\n",
     "f:1:1: a machine is described by a single value; write a mapping with the keys machine, "
     "cells, defaults, firewall, rpc, faults, witness"},
    {"list", "- machine: m\n",
     "f:1:1: a machine is described by a list; write a mapping with the keys machine, cells, "
     "defaults, firewall, rpc, faults, witness"},
};
INSTANTIATE_TEST_SUITE_P(Yaml, Refuse, ::testing::ValuesIn(kYaml), name_of);

const Case kKeys[] = {
    {"near", sound_cell("memroy: x"),
     "f:2:34: unknown key 'memroy' in a cell; did you mean 'memory'?"},
    {"prefix", sound_cell("over: true"),
     "f:2:34: unknown key 'over' in a cell; did you mean 'overcommit_cpus'?"},
    {"far", sound_cell("network: tap"),
     "f:2:34: unknown key 'network' in a cell; the keys are name, role, policy, cpus, "
     "overcommit_cpus, memory, reserve, max_memory, hugepages, shared, hosted, kernel, initrd, "
     "cmdline, disks, cid, agent, vsock, crash_dump, on_failure, watchdog, cpu_weight"},
    {"of_machine", "machine: m\nmonitor: {}\ncells: [{name: a, memory: 64MiB}]\n",
     "f:2:1: unknown key 'monitor' in a machine; the keys are machine, cells, defaults, firewall, "
     "rpc, faults, witness"},
    {"of_machine_near", "machine: m\nfirwall: {}\ncells: [{name: a, memory: 64MiB}]\n",
     "f:2:1: unknown key 'firwall' in a machine; did you mean 'firewall'?"},
    {"of_disk", sound_cell("disks: [{path: a.img, read_only: true}]"),
     "f:2:56: unknown key 'read_only' in a disk; did you mean 'readonly'?"},
    {"of_defaults", "machine: m\ndefaults: {name: x}\ncells: [{name: a, memory: 64MiB}]\n",
     "f:2:12: key 'name' cannot be among the defaults; give it to each cell"},
    {"unknown_of_defaults", "machine: m\ndefaults: {cpu: 2}\ncells: [{name: a, memory: 64MiB}]\n",
     "f:2:12: unknown key 'cpu' in the defaults; did you mean 'cpus'?"},
    {"escape", sound_cell("\"\\e[31m\": 1"),
     "f:2:34: unknown key '\\x1b[31m' in a cell; the keys are name, role, policy, cpus, "
     "overcommit_cpus, memory, reserve, max_memory, hugepages, shared, hosted, kernel, initrd, "
     "cmdline, disks, cid, agent, vsock, crash_dump, on_failure, watchdog, cpu_weight"},
    {"twice", sound_cell("memory: 32MiB"),
     "f:2:34: key 'memory' is given twice, first at line 2; keep one of them"},
    {"no_machine", "cells: [{name: a, memory: 64MiB}]\n",
     "f:1:1: a machine lacks the key 'machine'; add 'machine: ', a name such as alpha"},
    {"no_cells", "machine: m\n",
     "f:1:1: a machine lacks the key 'cells'; add 'cells: ', a list such as [{name: alpha, memory: "
     "256MiB}]"},
    {"no_name", "machine: m\ncells:\n- memory: 64MiB\n",
     "f:3:3: a cell lacks the key 'name'; add 'name: ', a name such as alpha"},
    {"no_memory", "machine: m\ncells:\n- name: a\n",
     "f:3:3: a cell lacks the key 'memory'; add 'memory: ', a size such as 256MiB, here or under "
     "'defaults'"},
    {"no_path", sound_cell("disks: [{}]"),
     "f:2:42: a disk lacks the key 'path'; add 'path: ', a path such as disk.img"},
};
INSTANTIATE_TEST_SUITE_P(Keys, Refuse, ::testing::ValuesIn(kKeys), name_of);

const Case kTypes[] = {
    {"cells_null", "machine: m\ncells:\n",
     "f:2:1: 'cells' has no value; give it a list such as [{name: alpha, memory: 256MiB}]"},
    {"cells_mapping", "machine: m\ncells: {name: a}\n",
     "f:2:8: 'cells' is a mapping; give it a list such as [{name: alpha, memory: 256MiB}]"},
    {"cells_empty", "machine: m\ncells: []\n",
     "f:2:8: 'cells' is empty; describe at least one cell"},
    {"cell_scalar", "machine: m\ncells: [a]\n",
     "f:2:9: a cell is described by a single value; write a mapping with the keys name, "
     "role, policy, cpus, overcommit_cpus, memory, reserve, max_memory, hugepages, shared, hosted, "
     "kernel, initrd, cmdline, disks, cid, agent, vsock, crash_dump, on_failure, watchdog, "
     "cpu_weight"},
    {"cell_null", "machine: m\ncells:\n-\n- {name: a, memory: 64MiB}\n",
     "f:4:1: nothing up to here describes a cell; write a mapping with the keys name, "
     "role, policy, cpus, overcommit_cpus, memory, reserve, max_memory, hugepages, shared, hosted, "
     "kernel, initrd, cmdline, disks, cid, agent, vsock, crash_dump, on_failure, watchdog, "
     "cpu_weight"},
    {"defaults_list", "machine: m\ndefaults: []\ncells: [{name: a, memory: 64MiB}]\n",
     "f:2:11: 'defaults' is a list; give it a mapping such as {memory: 256MiB}"},
    {"memory_list", cell("memory: [64MiB]"),
     "f:2:27: 'memory' is a list; give it a size such as 256MiB"},
    {"kernel_null", sound_cell("kernel: ~"),
     "f:2:34: 'kernel' has no value; give it debian or a path such as /boot/vmlinuz"},
    {"cpus_mapping", sound_cell("cpus: {count: 2}"),
     "f:2:40: 'cpus' is a mapping; give it a count such as 2, or host CPUs such as [2, 3] or 2-3"},
    {"disks_scalar", sound_cell("disks: a.img"),
     "f:2:41: 'disks' is a single value; give it a list such as [{path: disk.img}]"},
    {"disk_scalar", sound_cell("disks: [a.img]"),
     "f:2:42: a disk is described by a single value; write a mapping with the keys path, readonly"},
};
INSTANTIATE_TEST_SUITE_P(Types, Refuse, ::testing::ValuesIn(kTypes), name_of);

const std::string kCpusRemedy = "write a count such as 2, or host CPUs such as [2, 3] or 2-3";

const Case kValues[] = {
    {"machine_name", "machine: My Machine\ncells: [{name: a, memory: 64MiB}]\n",
     "f:1:10: 'My Machine' is not a name; " + kNameRemedy},
    {"name_dash", "machine: -m\ncells: [{name: a, memory: 64MiB}]\n",
     "f:1:10: '-m' is not a name; " + kNameRemedy},
    {"name_long", "machine: " + std::string(33, 'x') + "\ncells: [{name: a, memory: 64MiB}]\n",
     "f:1:10: '" + std::string(33, 'x') + "' is not a name; " + kNameRemedy},
    {"name_empty", "machine: ''\ncells: [{name: a, memory: 64MiB}]\n",
     "f:1:10: '' is not a name; " + kNameRemedy},
    {"name_path", "machine: m\ncells: [{name: ../a, memory: 64MiB}]\n",
     "f:2:16: '../a' is not a name; " + kNameRemedy},
    {"cpus_zero", sound_cell("cpus: 0"),
     "f:2:40: a cell cannot have '0' vCPUs; write a count from 1 to 64, or [0] for host CPU 0"},
    {"cpus_many", sound_cell("cpus: 65, overcommit_cpus: true"),
     "f:2:40: a cell cannot have '65' vCPUs; write a count from 1 to 64"},
    {"cpus_huge", sound_cell("cpus: 99999999999999999999"),
     "f:2:40: a cell cannot have '99999999999999999999' vCPUs; write a count from 1 to 64"},
    {"cpus_word", sound_cell("cpus: two"),
     "f:2:40: 'two' is neither a count nor host CPUs; " + kCpusRemedy},
    {"cpus_fraction", sound_cell("cpus: 1.5"),
     "f:2:40: '1.5' is neither a count nor host CPUs; " + kCpusRemedy},
    {"cpus_backwards", sound_cell("cpus: 5-4"),
     "f:2:40: '5-4' is neither a count nor host CPUs; " + kCpusRemedy},
    {"cpus_range_huge", sound_cell("cpus: 0-4294967295"),
     "f:2:40: '0-4294967295' is neither a count nor host CPUs; " + kCpusRemedy},
    {"cpus_quoted", sound_cell("cpus: '2'"),
     "f:2:40: '2' in quotes can be a count or a host CPU; write 2 for a count, [2] for a host CPU"},
    {"cpus_none", sound_cell("cpus: []"),
     "f:2:40: the list of host CPUs is empty; list a CPU for each vCPU, or write a count"},
    {"cpus_item", sound_cell("cpus: [0, x]"),
     "f:2:44: 'x' is not a host CPU; list CPU numbers such as [2, 3]"},
    {"cpus_item_list", sound_cell("cpus: [[0]]"),
     "f:2:41: this is not a host CPU; list CPU numbers such as [2, 3]"},
    {"cpus_repeated", sound_cell("cpus: [4, 0, 4]"),
     "f:2:40: host CPU 4 is listed twice; list each CPU once"},
    {"cpus_list_long", sound_cell("cpus: 0-64"),
     "f:2:40: more than 64 host CPUs are listed; a cell has a vCPU for each: list at most 64"},
    {"flag_yes", sound_cell("agent: yes"), "f:2:41: 'yes' is not true or false; write true"},
    {"flag_off", sound_cell("agent: off"), "f:2:41: 'off' is not true or false; write false"},
    {"flag_quoted", sound_cell("agent: 'true'"),
     "f:2:41: 'true' is not true or false; write true, without quotes"},
    {"flag_other", sound_cell("agent: maybe"),
     "f:2:41: 'maybe' is not true or false; write true or false"},
    {"memory_mb", cell("memory: 256MB"), "f:2:27: '256MB' is not a size; write 256MiB"},
    {"memory_m", cell("memory: 256m"), "f:2:27: '256m' is not a size; write 256MiB"},
    {"memory_g", cell("memory: 1G"), "f:2:27: '1G' is not a size; write 1GiB"},
    {"memory_space", cell("memory: 256 MiB"), "f:2:27: '256 MiB' is not a size; write 256MiB"},
    {"memory_bare", cell("memory: 256"), "f:2:27: memory '256' has no unit; write 256MiB"},
    {"memory_bytes", cell("memory: 268435456"),
     "f:2:27: memory '268435456' has no unit; write 256MiB"},
    {"memory_fraction", cell("memory: 0.5GiB"), "f:2:27: '0.5GiB' is not a size; write 512MiB"},
    {"memory_word", cell("memory: lots"),
     "f:2:27: 'lots' is not a size; write a whole number and KiB, MiB, GiB or TiB, such as 256MiB"},
    {"memory_negative", cell("memory: -1MiB"),
     "f:2:27: '-1MiB' is not a size; write a whole number and KiB, MiB, GiB or TiB, such as "
     "256MiB"},
    {"memory_little", cell("memory: 14MiB"),
     "f:2:27: 14MiB of memory is too little for a cell; give it 16MiB or more"},
    {"memory_odd", cell("memory: 97MiB"),
     "f:2:27: 97MiB of memory is not a multiple of 2MiB; write 96MiB or 98MiB"},
    {"memory_largest", cell("memory: 18446744073709551615B"),
     "f:2:27: 18446744073709551615B of memory is not a multiple of 2MiB; write 17592186044414MiB"},
    {"hugepages", sound_cell("hugepages: always"),
     "f:2:45: hugepages cannot be 'always'; write auto, reserved or none"},
    {"hosted_more", "machine: m\ncells:\n- {name: a, memory: 32MiB, shared: 2MiB, hosted: 4MiB}\n",
     "f:3:50: 4MiB for other cells' sections are more than the 2MiB that the cell shares; let "
     "others "
     "have less, or share more"},
    {"hosted_part", "machine: m\ncells:\n- {name: a, memory: 32MiB, shared: 2MiB, hosted: 1MiB}\n",
     "f:3:50: 1MiB of global memory is not a multiple of 2MiB; write 0B or 2MiB"},
    {"hugepages_near", sound_cell("hugepages: reserve"),
     "f:2:45: hugepages cannot be 'reserve'; did you mean 'reserved'?"},
    {"cid_host", sound_cell("cid: 2"),
     "f:2:39: cid 2 is reserved; write a number from 3 to 4294967294"},
    {"cid_any", sound_cell("cid: 4294967295"),
     "f:2:39: '4294967295' is not a cid; write a number from 3 to 4294967294"},
    {"cid_word", sound_cell("cid: '7'"),
     "f:2:39: '7' is not a cid; write a number from 3 to 4294967294"},
    {"cmdline_lines", sound_cell("cmdline: \"a\\nb\""),
     "f:2:43: the command line holds a line break or another control character; write its words in "
     "one line, with spaces between them"},
    {"cmdline_long", sound_cell("cmdline: " + std::string(2020, 'x')),
     "f:2:43: the kernel's command line would have 2052 bytes; shorten it: Linux takes at most "
     "2047"},
    {"path_empty", sound_cell("kernel: ''"), "f:2:42: the path is empty; write the path of a file"},
    {"path_control", sound_cell("kernel: \"a\\0b\""),
     "f:2:42: the path holds a control character or is not UTF-8; rename the file"},
    {"path_long", sound_cell("kernel: " + std::string(4096, 'x')),
     "f:2:42: the path is too long for Linux; write the path of a file"},
    {"path_home", sound_cell("kernel: ~/vmlinuz"),
     "f:2:42: '~' is not expanded in a path; write your home folder out"},
};
INSTANTIATE_TEST_SUITE_P(Values, Refuse, ::testing::ValuesIn(kValues), name_of);

const Case kHost[] = {
    {"cpus_more", sound_cell("cpus: 5"),
     "f:2:40: 5 vCPUs are more than the host's 4; ask for at most 4, or add 'overcommit_cpus: "
     "true'"},
    {"cpus_absent", sound_cell("cpus: [0, 2, 3, 9]"),
     "f:2:40: the host has no CPU 2-3,9; choose from its CPUs, 0-1,4-5"},
    {"memory_more", cell("memory: 2GiB"),
     "f:2:27: 2GiB of memory are more than the host's 1024MiB; give the cell less"},
    {"kernel_missing", sound_cell("kernel: vmlinuz"),
     "f:2:42: kernel '/m/vmlinuz' does not exist; check the path, or write 'debian' for Debian's "
     "kernel"},
    {"kernel_folder", sound_cell("kernel: folder"),
     "f:2:42: kernel '/m/folder' is a folder; name a file in it"},
    {"kernel_unreadable", sound_cell("kernel: secret"),
     "f:2:42: kernel '/m/secret' may not be read; give your user permission to read it"},
    {"kernel_unreachable", sound_cell("kernel: locked/x"),
     "f:2:42: kernel '/m/locked/x' cannot be reached; check that your user may enter each folder "
     "on the way to it"},
    {"kernel_empty", sound_cell("kernel: empty"),
     "f:2:42: kernel '/m/empty' is empty; check that it was copied or built to the end"},
    {"kernel_device", sound_cell("kernel: /dev/sdz"),
     "f:2:42: kernel '/dev/sdz' is not a regular file; name a regular file"},
    {"initrd_missing", sound_cell("initrd: no.cpio"),
     "f:2:42: initrd '/m/no.cpio' does not exist; check the path, or write 'none' to boot without"},
    {"initrd_large", sound_cell("initrd: big.cpio"),
     "f:2:27: kernel (20MiB) and initrd (200MiB) do not fit in 64MiB of memory; give the cell "
     "more"},
    {"dumps_missing", sound_cell("crash_dump: no/where"),
     "f:2:46: crash dumps' folder '/m/no/where' does not exist; make it with 'mkdir -p'"},
    {"dumps_in_a_file", sound_cell("crash_dump: a.img"),
     "f:2:46: crash dumps' folder '/m/a.img' is not a folder; name a folder"},
    {"dumps_locked", sound_cell("crash_dump: sealed"),
     "f:2:46: crash dumps' folder '/m/sealed' may not be written; give your user permission to "
     "make "
     "files in it"},
    {"disk_missing", sound_cell("disks: [{path: no.img}]"),
     "f:2:49: disk '/m/no.img' does not exist; check the path, or make an image with 'truncate -s "
     "1G'"},
    {"disk_frozen", sound_cell("disks: [{path: frozen.img}]"),
     "f:2:49: disk '/m/frozen.img' may not be written; give your user permission to write it, or "
     "add 'readonly: true'"},
    {"disk_unreadable", sound_cell("disks: [{path: secret, readonly: true}]"),
     "f:2:49: disk '/m/secret' may not be read; give your user permission to read it"},
    {"disk_folder", sound_cell("disks: [{path: folder}]"),
     "f:2:49: disk '/m/folder' is a folder; name a file in it"},
    {"disk_pipe", sound_cell("disks: [{path: pipe}]"),
     "f:2:49: disk '/m/pipe' is neither a regular file nor a block device; name a raw image file "
     "or a disk"},
    {"disk_empty", sound_cell("disks: [{path: empty}]"),
     "f:2:49: disk '/m/empty' is empty; give it a size with 'truncate -s 1G'"},
    {"disk_odd", sound_cell("disks: [{path: odd.img}]"),
     "f:2:49: disk '/m/odd.img' has 1000 bytes, not a multiple of 512; use a raw image, whole"},
};
INSTANTIATE_TEST_SUITE_P(Host, Refuse, ::testing::ValuesIn(kHost), name_of);

const Case kOverlaps[] = {
    {"names", "machine: m\ncells:\n- {name: a, memory: 64MiB}\n- {name: a, memory: 64MiB}\n",
     "f:4:10: 'a' is already the name of the cell at line 3; give each cell a name of its own"},
    {"cpus", two("cpus: [0, 1, 4]", "cpus: 4-5"),
     "f:5:19: host CPU 4 is given to cell 'a' too; give each host CPU to one cell, or write a "
     "count"},
    {"cpus_of_defaults",
     "machine: m\ndefaults: {memory: 64MiB, cpus: [0, 1]}\ncells: [{name: a}, {name: b}]\n",
     "f:2:33: host CPU 0-1 is given to cell 'a' too; give each host CPU to one cell, or write a "
     "count"},
    {"memory", two("memory: 512MiB", "memory: 514MiB"),
     "f:5:21: with cell 'b' the cells need more memory than the host's 1024MiB; give the cells "
     "less"},
    {"memory_of_defaults",
     "machine: m\ndefaults: {memory: 400MiB}\ncells: [{name: a}, {name: b}, {name: c}]\n",
     "f:2:20: with cell 'c' the cells need more memory than the host's 1024MiB; give the cells "
     "less"},
    {"cids", two("cid: 9", "cid: 9"),
     "f:5:18: cid 9 is that of cell 'a' too; give each cell a cid of its own"},
    {"cid_of_place_before", two("", "cid: 3"),
     "f:5:18: cid 3 is that of cell 'a' too, by its place in the list; give each cell a cid of its "
     "own"},
    {"cid_of_place_after", two("cid: 4", ""),
     "f:4:18: cid 4 is that of cell 'b' too, by its place in the list; give each cell a cid of its "
     "own"},
    {"disk", two("disks: [{path: a.img}]", "disks: [{path: /m/a.img}]"),
     "f:5:28: disk '/m/a.img' is given to cell 'a' too, and both write it; use each disk once, or "
     "only with 'readonly: true'"},
    {"disk_read_and_written",
     two("disks: [{path: a.img, readonly: true}]", "disks: [{path: a.img}]"),
     "f:5:28: disk '/m/a.img' is given to cell 'a' too, and one of them writes it; use each disk "
     "once, or only with 'readonly: true'"},
    {"disk_link", two("disks: [{path: a.img}]", "disks: [{path: link-to-a.img, readonly: true}]"),
     "f:5:28: disk '/m/link-to-a.img' is given to cell 'a' too, as '/m/a.img', and one of them "
     "writes it; use each disk once, or only with 'readonly: true'"},
    {"block_device", two("disks: [{path: /dev/sdz}]", "disks: [{path: /dev/disk/by-id/z}]"),
     "f:5:28: disk '/dev/disk/by-id/z' is given to cell 'a' too, as '/dev/sdz', and both write it; "
     "use each disk once, or only with 'readonly: true'"},
    {"disk_in_one_cell", sound_cell("disks: [{path: a.img}, {path: b.img}, {path: a.img}]"),
     "f:2:79: disk '/m/a.img' is given to cell 'a' too, and both write it; use each disk once, or "
     "only with 'readonly: true'"},
};
INSTANTIATE_TEST_SUITE_P(Overlaps, Refuse, ::testing::ValuesIn(kOverlaps), name_of);

}  // namespace
}  // namespace hive::plan
