#!/usr/bin/python3
"""All hosts lose their power, and one comes up a good while after the others: nobody is fenced for booting slowly, and
every guest runs again, once."""

import sys
import time
import unittest

from lab_case import eventually, launcher, make_lab

import demo_common
import haven_client
from chassis import ask
from outside import Outside
from screen import Screen

HOSTS = ("h1", "h2", "h3")
# Several leases: without the hold the late one would be accused long before.
LATE_SECONDS = 20
BACK_SECONDS = 120


class PowerLossOfAll(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        screen = Screen(sys.stderr)
        lab = make_lab(hosts=len(HOSTS), guest_count=3)
        try:
            with Outside(lab) as outside:
                haven_client.apply(lab, "h1")
                demo_common.await_answers(screen, lab, outside, lab["guests"])
                before = {name: guest["boot"] for name, guest in outside.guests.items()}
                known = len(haven_client.journal(lab, "h1"))
                for host in HOSTS:
                    ask(lab["state"], {"do": "crash", "host": host})
                for host in HOSTS[:-1]:
                    ask(lab["state"], {"do": "on", "host": host})
                late = time.monotonic() + LATE_SECONDS
                demo_common.watch(screen, lab, outside, LATE_SECONDS, lambda: time.monotonic() > late)
                ask(lab["state"], {"do": "on", "host": HOSTS[-1]})
                absent = lambda: [name for name in lab["guests"]
                                  if outside.guests[name]["boot"] in (None, before[name])]
                demo_common.watch(screen, lab, outside, BACK_SECONDS, lambda: not absent())
                cls.missing = absent()
                cls.up = eventually(lambda: all(haven_client.is_up(haven_client.status(lab, "h1"), host)
                                                for host in HOSTS), 30.0)
                cls.journal = haven_client.journal(lab, "h1")[known:]
                cls.doubles = demo_common.double_runs(lab, outside)
        finally:
            launcher.down(lab)

    def test_every_guest_came_back_once(self):
        self.assertEqual(self.missing, [])
        self.assertEqual(self.doubles, [])

    def test_nobody_was_accused(self):
        self.assertEqual([entry for entry in self.journal if entry["kind"] in ("intent", "fenced")], [])

    def test_every_host_is_one_of_the_cluster_again(self):
        self.assertTrue(self.up)


if __name__ == "__main__":
    unittest.main(verbosity=2)
