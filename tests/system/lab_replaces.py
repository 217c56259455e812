#!/usr/bin/python3
"""A guest replaced by another one that serves the same address, on real hosts: its page answers on, by the new one, and
at no moment do two machines answer for the address, whatever dies while the links change hands.

Who answers is asked by ARP from beside the switch (lab/address_watch.py): two guests with links up would both say so."""

import json
import os
import signal
import subprocess
import threading
import unittest
import uuid

import lab_case  # first: it finds the lab's modules
import guests
import haven_client
import inside
import layout
from outside import Outside

OLD, NEW = "web1", "web1-new"
NEW_NUMBER = 9
SETTLE_SECONDS = 120.0
WATCH = os.path.join(os.path.dirname(os.path.abspath(inside.__file__)), "address_watch.py")


class Answering:
    """Live in a `with` block: every set of machines that answered for the address."""

    def __init__(self, lab, address):
        self._command = inside.switch_command(lab, ["/usr/bin/python3", WATCH, address])
        self.rounds = []

    def __enter__(self):
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def _read(self):
        for line in self._process.stdout:
            self.rounds.append(json.loads(line)["macs"])

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait()
        self._reader.join()
        self._process.stdout.close()

    def now(self):
        return self.rounds[-1] if self.rounds else []


class Replaces(lab_case.ClusterCase):
    lab_options = {"hosts": 3, "guest_count": 1}

    def setUp(self):
        self.assertTrue(lab_case.eventually(
            lambda: all(haven_client.is_up(self.status(), host) for host in self.hosts()), SETTLE_SECONDS))
        self.old_mac, self.new_mac = layout.guest_mac(1), layout.guest_mac(NEW_NUMBER)
        self.answering = self.enterContext(Answering(self.lab, guests.address_of(OLD)))
        self.outside = self.enterContext(Outside(self.lab))
        self.outside.guests[NEW] = {"host": None, "pid": None, "boot": None, "run_ms": None, "answer_ms": None,
                                    "runs": {}}
        self.write_domain()
        self.assertTrue(self.follow(lambda: self.state(OLD) == "running" and self.answering.now() == [self.old_mac]),
                        self.told())

    def tearDown(self):
        doubles = [macs for macs in self.answering.rounds if len(macs) > 1]
        self.assertEqual(doubles, [], "two machines answered for one address")
        if self.state(NEW) is not None:
            self.replace("--back")
        self.assertTrue(self.follow(lambda: self.state(NEW) is None and self.answering.now() == [self.old_mac]),
                        self.told())

    def hosts(self):
        return [f"h{number}" for number in range(1, self.lab["hosts"] + 1)]

    def follow(self, holds, seconds=SETTLE_SECONDS):
        return self.outside.follow(holds, seconds)

    def status(self, asker=None):
        """By the first host that answers."""
        for host in [asker] if asker else self.hosts():
            try:
                return haven_client.status(self.lab, host)
            except haven_client.HavenError as error:
                trouble = error
        raise trouble

    def resource(self, name):
        try:
            return next((one for one in self.status()["resources"] if one["name"] == name), None)
        except haven_client.HavenError:
            return {"state": "unknown", "host": None, "replacement": None}  # no engine for a moment

    def state(self, name):
        one = self.resource(name)
        return one and one["state"]

    def phase(self):
        replacement = (self.resource(NEW) or {}).get("replacement")
        return replacement and replacement["phase"]

    def told(self):
        return self.resource(OLD), self.resource(NEW), self.answering.now()

    def write_domain(self):
        """The new guest's domain: another machine with another disk, for the same address."""
        text = guests.domain(self.lab, 1)
        for before, after in ((f"<name>{OLD}</name>", f"<name>{NEW}</name>"),
                              (guests.uuid_of(self.lab, 1), str(uuid.uuid5(uuid.NAMESPACE_OID, self.lab["name"] + NEW))),
                              (f"lab.name={OLD} ", f"lab.name={NEW} "),
                              (f"disks/{OLD}.raw", f"disks/{NEW}.raw"),
                              (f"console/{OLD}.log", f"console/{NEW}.log"),
                              (self.old_mac, self.new_mac)):
            self.assertIn(before, text)
            text = text.replace(before, after)
        with open(os.path.join(self.lab["state"], "shared/disks", NEW + ".raw"), "wb") as file:
            file.write(bytes(guests.DISK_BYTES))
        with open(os.path.join(self.lab["state"], "shared/guests", NEW + ".xml"), "w", encoding="ascii") as file:
            file.write(text)

    def replace(self, *words, by="h3"):
        return self.execute(by, "haven", "replace", OLD, *words, "--json", timeout=240.0)

    def begin(self, prove="20s", *words):
        """Twenty seconds are enough for an emulated guest to boot."""
        return self.replace("--with", f"{layout.SHARED}/guests/{NEW}.xml", "--prove", prove, "--settle", "10m", *words)

    def served(self, mac):
        self.assertTrue(self.follow(lambda: self.answering.now() == [mac]), self.told())

    def back(self, host):
        self.order("on", host)
        self.assertTrue(lab_case.eventually(lambda: self.services_answer(host), SETTLE_SECONDS))

    def test_it_is_replaced_and_taken_back(self):
        before = self.outside.guests[OLD]["boot"]
        done = self.begin()
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.served(self.new_mac)
        self.assertTrue(self.follow(lambda: self.outside.guests[OLD]["boot"] not in (None, before)),
                        "its page is the new one's")
        self.assertEqual(self.state(OLD), "running")
        done = self.replace("--back")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.served(self.old_mac)
        self.assertTrue(self.follow(lambda: self.outside.guests[OLD]["boot"] == before), "it ran all the time")

    def test_the_new_one_is_never_linked_while_it_proves_itself(self):
        done = self.begin("5m", "--no-wait")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertTrue(self.follow(lambda: self.state(NEW) == "running"), self.told())
        seen = len(self.answering.rounds)
        self.follow(lambda: False, 30.0)  # it has booted and announces itself, to nobody
        self.assertTrue(all(self.new_mac not in macs for macs in self.answering.rounds[max(0, seen - 1):]))
        self.assertEqual(self.replace("--back").returncode, 0)

    def test_the_host_of_the_old_one_loses_its_power_midway(self):
        host = self.resource(OLD)["host"]
        self.assertEqual(self.begin("20s", "--no-wait").returncode, 0)
        self.assertTrue(self.follow(lambda: self.phase() in ("handing", "settling"), 120.0), self.told())
        self.order("crash", host)
        try:
            self.assertTrue(self.follow(lambda: self.phase() == "settling"), self.told())
            self.served(self.new_mac)
        finally:
            self.back(host)

    def test_the_new_one_fails_over_with_its_links(self):
        self.assertEqual(self.begin().returncode, 0)
        host = self.resource(NEW)["host"]
        self.order("crash", host)
        try:
            self.assertTrue(self.follow(lambda: self.resource(NEW).get("host") not in (None, host) and
                                        self.state(NEW) == "running"), self.told())
            self.served(self.new_mac)
        finally:
            self.back(host)

    def test_a_havend_or_a_libvirtd_of_either_dies_midway(self):
        for program in ("havend", "libvirtd"):
            with self.subTest(program):
                both = {self.resource(OLD)["host"]}
                self.assertEqual(self.begin("20s", "--no-wait").returncode, 0)
                self.assertTrue(self.follow(lambda: self.state(NEW) == "running"), self.told())
                both.add(self.resource(NEW)["host"])
                self.assertTrue(self.follow(lambda: self.phase() in ("handing", "settling"), 120.0), self.told())
                for host in both:
                    self.kill(host, program)
                self.assertTrue(self.follow(lambda: self.phase() == "settling"), self.told())
                self.served(self.new_mac)
                self.assertEqual(self.replace("--back").returncode, 0)
                self.served(self.old_mac)

    def test_what_ends_without_links_comes_back_without_links(self):
        self.assertEqual(self.begin().returncode, 0)
        host = self.resource(OLD)["host"]
        pids = [pid for pid, name in guests.emulators(self.lab, host).items() if name == OLD]
        self.assertTrue(pids)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        self.assertTrue(self.follow(
            lambda: any(name == OLD and pid not in pids for pid, name in guests.emulators(self.lab, host).items())),
            self.told())
        self.follow(lambda: False, 30.0)  # it boots, and would answer
        self.assertEqual(self.answering.now(), [self.new_mac])


if __name__ == "__main__":
    unittest.main(verbosity=2)
