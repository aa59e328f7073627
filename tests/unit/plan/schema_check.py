#!/usr/bin/env python3
"""Holds docs/machine.schema.json against the plans of the tree, by a validator of its own.

Usage: schema_check.py UNIT_PLAN

Every plan in examples/ and every one that the documentation shows must be accepted. The plans that
UNIT_PLAN (the test program beside this file) made and saw refused by the check for their form must
be refused here, too.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

try:
    import jsonschema
    import yaml
except ImportError as error:
    sys.exit(f"{error}; install python3-jsonschema and python3-yaml: scripts/deps test")

TREE = Path(__file__).resolve().parents[3]
DOCUMENTS = [TREE / "README.md", *sorted((TREE / "docs").glob("*.md"))]
UNIT_PLAN = ""


def load_schema():
    return json.loads((TREE / "docs/machine.schema.json").read_text())


def faulty_forms():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "forms.json"
        environment = {**os.environ, "HIVE_FAULTY_FORMS": str(path)}
        environment.pop("GTEST_OUTPUT", None)  # It is where another run of the program reports.
        subprocess.run(
            [UNIT_PLAN, "--gtest_filter=Schema.RefusesEveryFaultyFormAsTheCheckDoes"],
            env=environment,
            stdout=subprocess.PIPE,
            check=True,
        )
        return json.loads(path.read_text())


def plan_with(key, value):
    """A plan whose only cell, its only disk, or its firewall has KEY."""
    known = load_schema()["definitions"]
    cell = {"name": "a", "memory": "64MiB", "disks": [{"path": "d"}]}
    plan = {"machine": "m", "firewall": {}, "rpc": {}, "cells": [cell]}
    places = {"disk": cell["disks"][0], "firewall": plan["firewall"], "rpc": plan["rpc"]}
    kind = next((kind for kind in places if key in known[kind]["properties"]), "")
    places.get(kind, cell)[key] = value
    return plan


class SchemaCheck(unittest.TestCase):
    def setUp(self):
        self.validator = jsonschema.Draft7Validator(load_schema())

    def assert_accepted(self, plan, where):
        faults = [f"{list(e.absolute_path)}: {e.message}" for e in self.validator.iter_errors(plan)]
        self.assertEqual(faults, [], where)

    def test_the_schema_is_one(self):
        jsonschema.Draft7Validator.check_schema(load_schema())

    def test_examples_are_accepted(self):
        examples = sorted((TREE / "examples").glob("*.yaml"))
        self.assertGreater(len(examples), 0)
        for example in examples:
            self.assert_accepted(yaml.safe_load(example.read_text()), example.name)

    def test_plans_in_the_documentation_are_accepted(self):
        shown = 0
        for document in DOCUMENTS:
            for block in re.findall(r"^```yaml\n(.*?)^```", document.read_text(), re.M | re.S):
                shown_file = yaml.safe_load(block)
                if str(shown_file.get("machine")).endswith(".yaml"):
                    continue  # A campaign, which names its machine's plan.
                if "scrape_configs" in shown_file:
                    continue  # Prometheus's.
                self.assert_accepted(shown_file, f"{document.name}:\n{block}")
                shown += 1
        self.assertGreaterEqual(shown, 3)

    def test_values_in_the_reference_are_as_it_says(self):
        text = " ".join((TREE / "docs/config-reference.md").read_text().split())
        known = load_schema()["definitions"]
        kinds = ("cell", "disk", "firewall", "rpc")
        keys = {key for kind in kinds for key in known[kind]["properties"]} - {"path"}
        accepted = refused = 0
        for match in re.finditer(r"`(\w+): ([^`]+)`( is a fault)?", text):
            key, value, fault = match.groups()
            if key not in keys:
                continue
            plan = plan_with(key, yaml.safe_load(value))
            if fault:
                self.assertFalse(self.validator.is_valid(plan), match[0])
                refused += 1
            else:
                self.assert_accepted(plan, match[0])
                accepted += 1
        self.assertGreaterEqual(accepted, 6)
        self.assertGreaterEqual(refused, 1)

    def test_faulty_forms_are_refused(self):
        forms = faulty_forms()
        self.assertGreater(len(forms), 300)
        for form in forms:
            self.assertFalse(self.validator.is_valid(form), json.dumps(form))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    UNIT_PLAN = sys.argv.pop(1)
    unittest.main()
