#!/usr/bin/python3
"""The lab's guests run, answer and tell the truth; a double run is seen from outside."""

import contextlib
import fcntl
import os
import subprocess
import unittest

import lab_case  # first: it finds the lab's modules
import demo_common
import guests
import inside
import layout
import sequences
from outside import Outside


class Guests(lab_case.LabCase):
    lab_options = {"hosts": 2, "guest_count": 4}

    def tearDown(self):
        for host in ("h1", "h2"):
            for name in guests.running(self.lab, host):
                self.execute(host, "virsh", "-q", "destroy", name)

    def create(self, host, name):
        self.output(host, "virsh", "-q", "create", f"{layout.SHARED}/guests/{name}.xml", timeout=90)

    def lanes(self, name):
        return sequences.read(os.path.join(self.lab["state"], "shared/disks", name + ".raw"))

    def test_a_guest_answers_moves_and_answers_again(self):
        with Outside(self.lab) as outside:
            self.create("h1", "web1")
            self.assertTrue(outside.follow(lambda: "web1" in outside.answering()))
            self.assertEqual(outside.guests["web1"]["host"], "h1")
            first = outside.guests["web1"]["boot"]
            self.output("h1", "virsh", "-q", "destroy", "web1")
            self.create("h2", "web1")
            self.assertTrue(outside.follow(lambda: outside.guests["web1"]["boot"] not in (None, first)))
            self.assertEqual(outside.guests["web1"]["host"], "h2")
            self.assertEqual(outside.doubles, [])
        self.assertGreaterEqual(len(self.lanes("web1")), 2)
        self.assertEqual(sequences.double_runs(self.lanes("web1")), [])

    def test_a_guest_obeys_its_power_button(self):
        with Outside(self.lab) as outside:
            self.create("h1", "web2")
            self.assertTrue(outside.follow(lambda: "web2" in outside.answering()))
            self.output("h1", "virsh", "-q", "shutdown", "web2")
            self.assertTrue(outside.follow(lambda: outside.guests["web2"]["host"] is None, 20))

    def test_a_double_run_is_seen_on_the_disk_and_among_the_processes(self):
        with Outside(self.lab) as outside:
            for host in ("h1", "h2"):
                before = len(self.lanes("web3"))
                self.create(host, "web3")
                self.assertTrue(outside.follow(lambda: len(self.lanes("web3")) == before + 1))
            self.assertTrue(outside.follow(lambda: sequences.double_runs(self.lanes("web3"))))
            self.assertEqual([event["guest"] for event in outside.doubles], ["web3"])
            found = demo_common.double_runs({**self.lab, "guests": ["web3"]}, outside)
            self.assertGreaterEqual(len(found), 2, found)

    def test_a_memory_that_is_older_than_its_disk_is_seen_on_the_disk(self):
        kept = layout.SHARED + "/web4.memory"
        with Outside(self.lab) as outside:
            self.create("h1", "web4")
            self.assertTrue(outside.follow(lambda: "web4" in outside.answering()))
            self.output("h1", "virsh", "-q", "save", "web4", kept, timeout=60)
            for _ in range(2):
                before = max(lane["sequence"] for lane in self.lanes("web4").values())
                self.assertEqual(sequences.double_runs(self.lanes("web4")), [])
                self.output("h1", "virsh", "-q", "restore", kept, timeout=60)
                self.assertTrue(outside.follow(lambda: sequences.double_runs(self.lanes("web4")) or
                                               self.lanes("web4")[max(self.lanes("web4"))]["sequence"] > before + 3))
                self.output("h1", "virsh", "-q", "destroy", "web4")
        self.assertNotEqual(sequences.double_runs(self.lanes("web4")), [])

    def test_a_start_waits_for_a_free_slot(self):
        with contextlib.ExitStack() as held:
            for number in range(4):
                path = os.path.join(layout.SLOTS, f"slot.{number}")
                slot = held.enter_context(open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "w"))
                fcntl.flock(slot, fcntl.LOCK_EX)
            started = subprocess.Popen(inside.host_command(
                self.lab, "h1", ["virsh", "-q", "create", f"{layout.SHARED}/guests/web4.xml"]))
            with self.assertRaises(subprocess.TimeoutExpired):
                started.wait(timeout=3)
        self.assertEqual(started.wait(timeout=60), 0)
        self.assertEqual(guests.running(self.lab, "h1"), ["web4"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
