#!/usr/bin/env python3
"""Every scenario, test and source that docs/failure-model.md names exists; every row names how it is shown, on the
simulator and on real parts, or says why it is not; every rule of the protocol has a row.

usage: failure_model_names.py SOURCE_ROOT
"""
import re
import sys
import unittest
from pathlib import Path

ROOT = Path(sys.argv[1])
PAGE = ROOT / "docs/failure-model.md"
LAST = {"R": 4, "C": 7, "M": 3, "S": 6, "F": 9, "P": 6, "E": 5, "B": 3}
RULES = {f"{letter}{number}" for letter, last in LAST.items() for number in range(1, last + 1)}
# What a column must name, by how it is headed.
SHOWN, REAL, UPHELD = "scenario", "on real parts", "where it is upheld"


def cells_of(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def tables(text):
    """Each table as (header cells, [row cells])."""
    found, lines = [], text.splitlines()
    for number, line in enumerate(lines):
        if line.startswith("|---") and number > 0:
            rows = []
            for row in lines[number + 1:]:
                if not row.startswith("|"):
                    break
                rows.append(cells_of(row))
            found.append((cells_of(lines[number - 1]), rows))
    return found


def names(cell):
    """Each `file` of a cell with the names that stand in brackets behind it."""
    found = []
    for file, inside in re.findall(r"`([^`]+)`(?: \(((?:`[^`]+`(?:, )?)+)\))?", cell):
        found.append((file, re.findall(r"`([^`]+)`", inside)))
    return found


def candidates(name, column):
    if column == UPHELD:
        return [ROOT / "src" / name]
    tests = ROOT / "tests"
    return [tests / "scenario" / f"{name}.scenario"] + [tests / f"{name}{end}" for end in (".cpp", ".py")]


class FailureModel(unittest.TestCase):
    def setUp(self):
        self.tables = [(head, rows) for head, rows in tables(PAGE.read_text()) if REAL in head]

    def columns(self):
        for head, rows in self.tables:
            for row in rows:
                self.assertEqual(len(row), len(head), row)
                for column in {SHOWN, REAL, UPHELD} & set(head):
                    yield row, column, row[head.index(column)]

    def test_every_name_exists(self):
        seen = 0
        for row, column, cell in self.columns():
            for name, inside in names(cell):
                with self.subTest(row=row[0], name=name):
                    found = [path for path in candidates(name, column) if path.exists()]
                    self.assertEqual(len(found), 1, f"{name} is no {column}")
                    seen += 1
                    for word in inside:
                        self.assertRegex(found[0].read_text(), rf"\b{re.escape(word)}\b", found[0])
        self.assertGreater(seen, 100)

    def test_every_row_says_how_it_is_shown(self):
        for row, column, cell in self.columns():
            with self.subTest(row=row[0], column=column):
                reason = re.match(r"(none|not yet): .{8,}", cell)
                self.assertTrue(names(cell) or reason, "names nothing, and says no reason")

    def test_every_rule_has_a_row(self):
        firsts = [row[0] for head, rows in self.tables if head[0] == "rule" for row in rows]
        self.assertEqual({rule for first in firsts for rule in re.findall(r"[A-Z]\d", first)}, RULES)

    def test_every_scenario_is_told_of_somewhere(self):
        """Its first line says what it shows: a rule, a row of the design, a key of the file."""
        for path in sorted((ROOT / "tests/scenario").rglob("*.scenario")):
            with self.subTest(path=path):
                self.assertTrue(path.read_text().startswith("# "))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
