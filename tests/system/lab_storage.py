#!/usr/bin/python3
"""A host's path to the guests' disks is lost, on real parts: QEMU stops its guests, Haven sees why, and does what its
rules say and no more (C7, B1)."""

import os
import unittest

import lab_case  # first: it finds the lab's modules
import haven_client
import sequences
from chassis import ask
from outside import Outside

HOSTS = ("h1", "h2", "h3")
SEEN_SECONDS = 30.0
FENCED_SECONDS = 90.0  # 30 s of patience, then a fence
ANSWER_SECONDS = 90.0


class Storage(lab_case.LabCase):
    lab_options = {"hosts": 3, "guest_count": 3, "storage_paths": True}

    def setUp(self):
        self.outside = self.enterContext(Outside(self.lab))
        haven_client.apply(self.lab, "h1")
        all_answer = lambda: set(self.outside.answering()) == set(self.lab["guests"])
        self.assertTrue(self.outside.follow(all_answer, ANSWER_SECONDS))

    def path(self, host, state):
        answer = ask(self.lab["state"], {"do": "storage", "host": host, "state": state})
        self.assertNotIn("error", answer)

    def states(self, asked="h3"):
        try:
            return {name: state for name, (state, _) in
                    haven_client.resources(haven_client.status(self.lab, asked)).items()}
        except haven_client.HavenError:
            return {}

    def fences(self, asked="h3"):
        return [entry for entry in haven_client.journal(self.lab, asked) if entry["kind"] in ("intent", "fenced")]

    def lost_on(self, hosts, how):
        """Until Haven says so of all that runs there."""
        for host in hosts:
            self.path(host, how)
        there = [name for host in hosts for name in self.outside.on(host)]
        says = lambda: all(self.states(asked).get(name) == "paused" for name in there) if how == "fails" else all(
            any(host in line for line in self.alarms(asked)) for host in hosts)
        asked = "h3"
        self.assertTrue(self.outside.follow(says, SEEN_SECONDS), self.states())

    def alarms(self, asked):
        try:
            return [str(alarm) for alarm in haven_client.status(self.lab, asked)["alarms"]
                    if "cannot be read" in str(alarm)]
        except haven_client.HavenError:
            return []

    def whole_again(self, hosts):
        for host in hosts:
            self.path(host, "whole")
        runs = lambda: set(self.states().values()) == {"running"} and not self.alarms("h3")
        self.assertTrue(self.outside.follow(runs, SEEN_SECONDS), self.states())

    def test_1_a_blink_stops_nobody_for_long(self):
        host = self.outside.guests["web1"]["host"]
        self.lost_on([host], "fails")
        self.whole_again([host])
        self.assertEqual(self.fences(), [])
        self.assertEqual(self.outside.guests["web1"]["host"], host)

    def test_2_a_path_that_hangs_is_lost_as_well(self):
        host = self.outside.guests["web1"]["host"]
        self.lost_on([host], "hangs")
        self.whole_again([host])
        self.assertEqual(self.fences(), [])

    def test_3_lost_for_everybody_nobody_is_fenced(self):
        self.lost_on(HOSTS, "fails")
        pauses = {name: guest["host"] for name, guest in self.outside.guests.items()}
        self.assertFalse(self.outside.follow(self.fences, 35), "somebody was accused")
        self.whole_again(HOSTS)
        self.assertEqual({name: guest["host"] for name, guest in self.outside.guests.items()}, pauses)

    def test_4_lost_for_good_its_host_is_fenced_and_its_guests_run_elsewhere(self):
        host = self.outside.guests["web1"]["host"]
        other = next(name for name in HOSTS if name != host)
        self.path(host, "fails")
        off = lambda: not ask(self.lab["state"], {"do": "power?", "host": host})["on"]
        self.assertTrue(self.outside.follow(off, FENCED_SECONDS))
        back = lambda: self.outside.guests["web1"]["host"] not in (None, host) and "web1" in self.outside.answering()
        self.assertTrue(self.outside.follow(back, ANSWER_SECONDS),
                        (self.states(other), self.outside.guests, haven_client.journal(self.lab, other)[-12:]))
        self.assertEqual([entry["host"] for entry in self.fences(other) if entry["kind"] == "fenced"], [host])
        self.assertEqual(self.outside.doubles, [])
        for name in self.lab["guests"]:
            lanes = sequences.read(os.path.join(self.lab["state"], "shared/disks", name + ".raw"))
            self.assertEqual(sequences.double_runs(lanes), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
