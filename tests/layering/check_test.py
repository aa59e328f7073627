#!/usr/bin/env python3
"""Tests check.py on made-up houses: one in order, and one for each way to break the order."""
import os
import subprocess
import sys
import tempfile
import unittest

CHECK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "check.py")
IN_ORDER = {
    "CMakeLists.txt": "",
    "vmm/base/error.h": "#include <string>\n",
    "vmm/base/CMakeLists.txt": "hive_room(base)\n",
    "vmm/memory/ram.h": '#include "vmm/base/error.h"\n',
    "vmm/memory/CMakeLists.txt": "hive_room(memory PUBLIC hive_base)\n",
    "vmm/kvm/vm.h": '#include "vmm/base/error.h"\n#include "vmm/memory/ram.h"\n',
    "vmm/kvm/CMakeLists.txt": "hive_room(kvm\n          PUBLIC hive_memory)  # memory brings base\n",
    "tests/unit/kvm/vm_test.cpp": '#include "vmm/kvm/vm.h"\n',
    "build/release/generated.cpp": '#include "anything.h"\n',
}


def check(files):
    """(exit status, output) of check.py on a house of FILES."""
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as target:
                target.write(text)
        result = subprocess.run([sys.executable, CHECK, "--root", root], check=False,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return result.returncode, result.stdout


class CheckTest(unittest.TestCase):
    def assert_breach(self, change, breach):
        status, output = check({**IN_ORDER, **change})
        self.assertIn(breach, output)
        self.assertIn(" 1 breaches", output)
        self.assertEqual(status, 1)

    def test_house_in_order(self):
        status, output = check(IN_ORDER)
        self.assertIn(" 0 breaches", output)
        self.assertEqual(status, 0)

    def test_names_of_files_own_things(self):
        own = "namespace hive {\nnamespace {\n\nconstexpr int kStep = 1;\n\n}  // namespace\n"
        self.assert_breach(
            {"vmm/kvm/a.cpp": own, "vmm/kvm/deep/b.cpp": own},
            "vmm/kvm/deep/b.cpp:4: kStep is in an unnamed namespace of vmm/kvm/a.cpp, too",
        )
        types = own.replace("constexpr int kStep = 1;", "struct Step {")
        self.assert_breach(
            {"vmm/kvm/a.cpp": types, "vmm/kvm/b.cpp": types},
            "vmm/kvm/b.cpp:4: Step is in an unnamed namespace of vmm/kvm/a.cpp, too",
        )
        other = own.replace("hive {", "hive::kvm {")
        shared = own.replace("namespace {\n", "")
        for apart in ({"vmm/kvm/a.cpp": own, "vmm/memory/b.cpp": own}, {"vmm/kvm/a.cpp": own, "vmm/kvm/b.cpp": other},
                      {"vmm/kvm/a.cpp": own, "vmm/kvm/b.cpp": types}, {"vmm/kvm/a.cpp": own, "vmm/kvm/b.cpp": shared},
                      {"tests/unit/kvm/a_test.cpp": own, "tests/unit/kvm/b_test.cpp": own}):
            status, output = check({**IN_ORDER, **apart})
            self.assertIn(" 0 breaches", output)
            self.assertEqual(status, 0)

    def test_include_of_a_later_room(self):
        self.assert_breach(
            {"vmm/base/error.h": '#include <string>\n#include "vmm/memory/ram.h"\n'},
            "vmm/base/error.h:2: vmm/base includes vmm/memory, which comes after it",
        )

    def test_include_in_a_folder_of_a_room(self):
        self.assert_breach(
            {"vmm/memory/deep/er.cpp": '#include "vmm/kvm/vm.h"\n'},
            "vmm/memory/deep/er.cpp:1: vmm/memory includes vmm/kvm, which comes after it",
        )

    def test_include_of_a_room_that_is_not_linked(self):
        self.assert_breach(
            {"vmm/plan/plan.h": '#include "vmm/base/error.h"\n',
             "vmm/plan/CMakeLists.txt": "hive_room(plan PRIVATE fmt)\n"},
            "vmm/plan/plan.h:1: vmm/plan includes vmm/base but does not link it",
        )

    def test_include_that_names_no_room(self):
        self.assert_breach(
            {"vmm/base/error.cpp": '#include "error.h"\n'},
            'vmm/base/error.cpp:1: "error.h" does not start with a room',
        )

    def test_include_of_tests(self):
        self.assert_breach(
            {"vmm/kvm/vm.cpp": '#include "tests/unit/kvm/fake.h"\n'},
            "vmm/kvm/vm.cpp:1: vmm/kvm includes tests, which comes after it",
        )

    def test_link_of_a_later_room(self):
        self.assert_breach(
            {"vmm/memory/CMakeLists.txt": "hive_room(memory PUBLIC hive_base PRIVATE hive_kvm)\n"},
            "vmm/memory/CMakeLists.txt:1: vmm/memory links vmm/kvm, which comes after it",
        )

    def test_stranger_on_the_top_level(self):
        self.assert_breach({"notes.txt": ""}, "notes.txt:1: does not belong on the top level")

    def test_empty_house(self):
        status, output = check({"README.md": ""})
        self.assertIn("no source files", output)
        self.assertNotEqual(status, 0)


if __name__ == "__main__":
    unittest.main()
