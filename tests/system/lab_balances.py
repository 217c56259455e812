#!/usr/bin/python3
"""Load that climbs on one host is evened out within a minute, and then nothing moves any more: real guests that work,
counted by libvirt, on hosts that count their own (lab/account.py)."""

import unittest

import lab_case  # first: it finds the lab's modules
import guests
import haven_client
from account import Account
from outside import Outside

BUSY = ("web1", "web2")  # both on h1
WORK_PERCENT = 45
ANSWER_SECONDS = 90.0
# A load has to stand for half a minute before it is believed (load_window.hpp), and is looked at every ten seconds.
MOVED_SECONDS = 60.0
RESTING_SECONDS = 45.0


class Balances(lab_case.ClusterCase):
    lab_options = {"hosts": 3, "guest_count": 3, "own_cpus": 1, "cluster_keys": {"balance": "auto"}}

    def moves_for_balance(self):
        return [entry for entry in haven_client.journal(self.lab, "h3")
                if entry["kind"] == "migrate" and "balance: " in entry["why"]]

    def bring_together(self, outside):
        for name in BUSY:
            if self.resources()[name][1] != "h1":
                self.output("h1", "haven", "migrate", name, "h1")
            self.assertTrue(outside.follow(lambda: self.resources()[name] == ("running", "h1"), ANSWER_SECONDS))

    def set_to_work(self, name):
        ask = "import sys, urllib.request as r; r.urlopen(sys.argv[1], timeout=5)"
        self.output("h3", "/usr/bin/python3", "-c", ask, f"http://{guests.address_of(name)}/busy/{WORK_PERCENT}")

    def test_climbing_load_is_evened_out_once_and_no_page_falls_silent(self):
        with Outside(self.lab) as outside, Account(self.lab):
            names = set(self.lab["guests"])
            self.assertTrue(outside.follow(lambda: set(outside.answering()) == names, ANSWER_SECONDS))
            self.bring_together(outside)
            boots = {name: guest["boot"] for name, guest in outside.guests.items()}
            self.assertEqual(self.moves_for_balance(), [], "nobody had anything to do")
            for name in BUSY:
                self.set_to_work(name)
            apart = lambda: len({self.resources()[name][1] for name in BUSY}) == 2
            self.assertTrue(outside.follow(apart, MOVED_SECONDS), (self.resources(), self.status()))
            self.assertFalse(outside.follow(lambda: len(self.moves_for_balance()) > 1, RESTING_SECONDS))
            self.assertEqual([entry["resource"] in BUSY for entry in self.moves_for_balance()], [True])
            self.assertEqual({name: guest["boot"] for name, guest in outside.guests.items()}, boots)
            self.assertEqual(outside.silences, [], "every page answered all the time")


if __name__ == "__main__":
    unittest.main(verbosity=2)
