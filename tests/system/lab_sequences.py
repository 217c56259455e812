#!/usr/bin/python3
"""What counts as a double run on a guest's disk."""

import unittest

import lab_case  # noqa: F401  (finds the lab's modules)
import sequences


def lane(before, sequence, overlaps=0):
    return {"id": "x", "before": before, "sequence": sequence, "overlaps": overlaps}


class Sequences(unittest.TestCase):
    def test_orderly_boots_are_no_double_run(self):
        self.assertEqual(sequences.double_runs({1: lane(0, 10), 2: lane(10, 30), 3: lane(30, 31)}), [])

    def test_a_predecessor_that_wrote_on_is_one(self):
        found = sequences.double_runs({1: lane(0, 12), 2: lane(10, 30)})
        self.assertEqual(found, ["boot 1 wrote up to 12 though boot 2 began at 10"])

    def test_what_a_guest_itself_saw_is_one(self):
        self.assertEqual(len(sequences.double_runs({1: lane(0, 10, overlaps=3)})), 1)

    def test_a_lane_reads_back_and_noise_is_none(self):
        line = b"haven-lane guest=web1 boot=2 id=abc before=5 sequence=9 overlaps=1\n"
        data = bytearray(b"\xff" * sequences.LANE_BYTES) + line.ljust(sequences.LANE_BYTES, b"\0")
        self.assertEqual(sequences.parse(bytes(data)), {2: {"id": "abc", "before": 5, "sequence": 9, "overlaps": 1}})


if __name__ == "__main__":
    unittest.main(verbosity=2)
