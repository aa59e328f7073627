#!/usr/bin/env python3
"""Tests how the lab tells failures of the emulator from others (scripts/lab.d/emulator.py)."""
import os
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts/lab.d"))
sys.dont_write_bytecode = True

import emulator  # noqa: E402


def scan(*pieces):
    scanner = emulator.OutputScanner()
    for piece in pieces:
        scanner.feed(piece)
    return scanner.finding


class KernelFaultTest(unittest.TestCase):
    def test_quiet_console(self):
        self.assertIsNone(emulator.kernel_fault("[ 1.2] kvm [125]: vcpu0, Unhandled WRMSR\n"))

    def test_oops_and_panic(self):
        self.assertEqual(
            emulator.kernel_fault("[ 9.1] Oops: 0002 [#1] PREEMPT SMP NOPTI\n[ 9.2] Kernel panic\n"),
            "Oops: 0002 [#1] PREEMPT SMP NOPTI",
        )

    def test_lost_clock(self):
        console = "[    3.533833] user requested TSC rate below hardware speed\n"
        self.assertEqual(
            emulator.kernel_fault(console), "user requested TSC rate below hardware speed"
        )

    def test_panic_that_the_lab_itself_caused(self):
        console = "lab-init: cannot mount the host's tree\nKernel panic - not syncing: init died\n"
        self.assertIsNone(emulator.kernel_fault(console))
        self.assertEqual(emulator.own_fault(console), "lab-init: cannot mount the host's tree")


class FlagsTest(unittest.TestCase):
    def test_possible_flags(self):
        for value in (0x2, 0x246, 0x10246, 0x3202, 0x200002):
            self.assertFalse(emulator.impossible_flags(value), hex(value))

    def test_impossible_flags(self):
        for value in (0x0, 0x244, 0x20A, 0x8002, 0x400002, 0xFFFF888000000002):
            self.assertTrue(emulator.impossible_flags(value), hex(value))


class OutputScannerTest(unittest.TestCase):
    def test_possible_dump(self):
        self.assertIsNone(scan(b"RIP=ffffffff81000000 RFL=00010246 [---Z-P-]\n"))

    def test_impossible_dump_of_qemu(self):
        self.assertIn("0xffff8880", scan(b"RIP=0 RFL=ffff8880 [---Z-P-]\n"))

    def test_impossible_dump_of_hive_vmm(self):
        self.assertIn("0x0", scan(b" at rip 0xffffffff81000000 rsp 0x0 rflags 0x0 cr0 0x11\n"))

    def test_dump_cut_in_two(self):
        self.assertIsNotNone(scan(b"... rflags 0x8", b"002 cr0"))
        self.assertIsNone(scan(b"... rflags 0x", b"246 cr0"))

    def test_text_without_a_dump(self):
        self.assertIsNone(scan(b"rflags are fine; exit status 0\n"))


if __name__ == "__main__":
    unittest.main()
