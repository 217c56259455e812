#!/usr/bin/python3
"""A host alone becomes the first of a cluster: its engine moves from the file to etcd, and its guest never notices."""

import os
import signal
import unittest

import lab_case  # first: it finds the lab's modules
import guests
import haven_client
from outside import Outside

ANSWER_SECONDS = 90.0


class MovesItsEngine(lab_case.LabCase):
    lab_options = {"single": True, "guest_count": 1}

    def emulator(self):
        """The oldest of its name: a child that it forks for a moment has the same command line."""
        return min(pid for pid, name in guests.emulators(self.lab, "h1").items() if name == "web1")

    def answers(self, outside, boot=None):
        found = outside.guests["web1"]["boot"]
        return "web1" in outside.answering() and found is not None and found != boot

    def test_the_guest_runs_on_and_is_kept_running(self):
        with Outside(self.lab) as outside:
            haven_client.apply(self.lab, "h1")
            self.assertTrue(outside.follow(lambda: self.answers(outside), ANSWER_SECONDS))
            before, boot = self.emulator(), outside.guests["web1"]["boot"]
            moved = haven_client.call(self.lab, "h1", "cluster", "init", timeout=180.0)
            self.assertEqual([(m["name"], m["voter"], m["healthy"]) for m in moved["members"]], [("h1", True, True)])
            self.assertTrue(lab_case.eventually(
                lambda: haven_client.resources(haven_client.status(self.lab, "h1")) == {"web1": ("running", "h1")}, 60))
            self.assertEqual(self.emulator(), before)
            self.assertEqual(outside.guests["web1"]["boot"], boot)
            # Kept running by the new engine as it was by the old one.
            os.kill(before, signal.SIGKILL)
            self.assertTrue(outside.follow(lambda: self.answers(outside, boot), ANSWER_SECONDS))
            self.assertEqual(outside.doubles, [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
