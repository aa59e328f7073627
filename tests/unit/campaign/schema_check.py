#!/usr/bin/env python3
"""Holds docs/campaign.schema.json against the campaigns of the tree, by a validator of its own:
those in examples/campaign, and those that the documentation shows.
"""

import json
import re
import sys
import unittest
from pathlib import Path

try:
    import jsonschema
    import yaml
except ImportError as error:
    sys.exit(f"{error}; install python3-jsonschema and python3-yaml: scripts/deps test")

TREE = Path(__file__).resolve().parents[3]


def campaigns():
    """The name and the text of each."""
    for path in sorted((TREE / "examples/campaign").glob("*.yaml")):
        yield path.name, path.read_text()
    text = (TREE / "docs/campaigns.md").read_text()
    for block in re.findall(r"^```yaml\n(.*?)^```", text, re.M | re.S):
        yield "campaigns.md", block


class SchemaCheck(unittest.TestCase):
    def setUp(self):
        self.schema = json.loads((TREE / "docs/campaign.schema.json").read_text())
        self.validator = jsonschema.Draft7Validator(self.schema)

    def test_the_schema_is_one(self):
        jsonschema.Draft7Validator.check_schema(self.schema)

    def test_campaigns_are_accepted_and_slips_are_not(self):
        tried = 0
        for name, text in campaigns():
            campaign = yaml.safe_load(text)
            if "campaign" not in campaign:
                continue  # A campaign's machine.
            tried += 1
            faults = [e.message for e in self.validator.iter_errors(campaign)]
            self.assertEqual(faults, [], name)
            for slip in ({"runs": "many"}, {"rums": 1}, {"workload": {}}, {"faults": []}):
                self.assertFalse(self.validator.is_valid({**campaign, **slip}), f"{name}: {slip}")
        self.assertGreaterEqual(tried, 4)


if __name__ == "__main__":
    unittest.main()
