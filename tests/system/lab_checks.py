#!/usr/bin/python3
"""Guests whose pages are checked, on real parts: one that stands still is started anew by its host, and no neighbour
notices."""

import os
import signal
import unittest

import lab_case  # first: it finds the lab's modules
import guests
import haven_client
from outside import Outside

ANSWER_SECONDS = 90.0
# Three failures each two seconds, a shutdown that nobody hears for a minute, and a start.
HEALED_SECONDS = 150.0
WELL_SECONDS = 60.0

CHECKS = """
[[vm.check]]
kind = "http"
url = "http://{address}/"
interval = "2s"
timeout = "1s"
[[vm.repair]]
kind = "restart"
[[vm.repair]]
kind = "failover"
"""


class Checks(lab_case.LabCase):
    lab_options = {"hosts": 3, "guest_count": 3, "vm_lines": CHECKS}

    def setUp(self):
        self.outside = self.enterContext(Outside(self.lab))
        haven_client.apply(self.lab, "h1")
        all_answer = lambda: set(self.outside.answering()) == set(self.lab["guests"])
        self.assertTrue(self.outside.follow(all_answer, ANSWER_SECONDS))
        self.assertTrue(self.outside.follow(lambda: set(self.health().values()) == {"well"}, WELL_SECONDS), self.health())

    def health(self):
        try:
            return {one["name"]: one["health"] for one in haven_client.status(self.lab, "h3")["resources"]}
        except haven_client.HavenError:
            return {}

    def repairs(self):
        return [(entry["resource"], entry["level"]) for entry in haven_client.journal(self.lab, "h3")
                if entry["kind"] == "repair"]

    def test_a_guest_that_stands_still_is_started_anew(self):
        before = {name: dict(guest) for name, guest in self.outside.guests.items()}
        emulators = guests.emulators(self.lab, before["web1"]["host"])
        os.kill(next(pid for pid, name in emulators.items() if name == "web1"), signal.SIGSTOP)
        answers_again = lambda: (self.outside.guests["web1"]["boot"] not in (None, before["web1"]["boot"]))
        self.assertTrue(self.outside.follow(answers_again, HEALED_SECONDS), self.repairs())
        self.assertEqual(self.outside.guests["web1"]["host"], before["web1"]["host"])
        self.assertEqual(self.repairs(), [("web1", "1")])
        self.assertTrue(self.outside.follow(lambda: self.health().get("web1") == "well", WELL_SECONDS), self.health())
        for neighbour in ("web2", "web3"):
            self.assertEqual(self.outside.guests[neighbour]["boot"], before[neighbour]["boot"])
        self.assertEqual(self.outside.doubles, [])
        fences = [entry for entry in haven_client.journal(self.lab, "h3") if entry["kind"] in ("intent", "fenced")]
        self.assertEqual(fences, [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
