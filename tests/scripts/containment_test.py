#!/usr/bin/env python3
"""What bench "tables" makes of campaigns' records."""
import json
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bench"))
from lib import containment  # pylint: disable=wrong-import-position


def record(run, outcome="contained", paper="", earlier=(), before_fault=False):
    return {"run": run, "outcome": outcome, "paper": paper, "earlier": list(earlier),
            "before_fault": before_fault}


class Containment(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.root = Path(temporary.name)

    def folder(self, name, records, rest=""):
        folder = self.root / "build/campaign" / name
        folder.mkdir(parents=True)
        lines = "".join(json.dumps(each) + "\n" for each in records)
        (folder / "runs.jsonl").write_text(lines + rest)
        return str(folder)

    def test_counts_each_row_and_all(self):
        self.folder("lab", [record(0, paper="random-time"), record(1, "escaped", "random-time"),
                            record(2, "refused", "random-time"), record(3, "undetected", "cow-tree"),
                            record(4)], rest='{"run": 5, "outco')
        self.folder("native", [record(0, paper="random-time")])
        folders = containment.usual_folders(self.root)
        self.assertEqual([Path(each).name for each in folders], ["lab", "native"])
        counts = containment.read(folders)
        self.assertEqual(counts, {"": (3, 5), "random-time": (2, 3), "cow-tree": (0, 1)})
        ratios = {each["name"]: (each["value"], each["n"]) for each in containment.ratios(counts)}
        self.assertEqual(ratios, {"injections contained/injected": (3 / 5, 5),
                                  "injections contained/injected, random-time": (2 / 3, 3),
                                  "injections contained/injected, cow-tree": (0, 1)})

    def test_blames_late_harm_on_the_fault_before(self):
        folder = self.folder("lab", [record(0, paper="cow-tree"),
                                     record(1, "escaped", earlier=[0], before_fault=True)])
        self.assertEqual(containment.read([folder]), {"": (0, 1), "cow-tree": (0, 1)})

    def test_has_nothing_where_no_campaign_has_run(self):
        self.assertEqual(containment.usual_folders(self.root), [])
        self.assertEqual(containment.ratios(containment.read([])), [])

    def test_names_the_line_that_is_no_record(self):
        for bad in ("nonsense", "[]", '{"run": 1}'):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "runs.jsonl"
                path.write_text(json.dumps(record(0)) + "\n" + bad + "\n")
                with self.assertRaisesRegex(SystemExit, "runs.jsonl:2: this is no record"):
                    containment.read([folder])
        with self.assertRaisesRegex(SystemExit, "there is no .*runs.jsonl"):
            containment.read([str(self.root)])

    def test_knows_the_rows_that_campaigns_know(self):
        source = Path(__file__).resolve().parents[2] / "cellmon/campaign/paper_table.cpp"
        text = source.read_text()
        for name, what, tests in containment.PAPER_ROWS:
            self.assertIn(f'{{"{name}", "{what}", {tests}, ', text)
        self.assertEqual(text.count('{"'), len(containment.PAPER_ROWS))


if __name__ == "__main__":
    unittest.main()
