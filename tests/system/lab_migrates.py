#!/usr/bin/python3
"""Live migration between real hosts, and every way in which it breaks: one running copy and a true claim at the end.

That nothing ran twice, and nothing went on with a memory older than its disk, is the guest's own word
(lab/guest/lanes.hpp): it writes to its disk all the time, and sees who else does."""

import json
import os
import unittest

import lab_case  # first: it finds the lab's modules
import chaos_faults
import guests
import haven_client
import layout
import sequences
from outside import Outside

NAME = "web1"
SETTLE_SECONDS = 90.0
BANDWIDTH = "2MiB"  # so that there is a middle of it to break in


class Migrates(lab_case.ClusterCase):
    lab_options = {"hosts": 3, "guest_count": 1, "migration_bandwidth": BANDWIDTH}

    def setUp(self):
        self.outside = self.enterContext(Outside(self.lab))
        self.assertTrue(self.follow(lambda: all(haven_client.is_up(self.status(), host) for host in self.hosts())))
        self.source = self.settled()
        self.boot = self.outside.guests[NAME]["boot"]
        controller = haven_client.controller(self.status())
        others = [host for host in self.hosts() if host != self.source]
        # A party that is not the one that decides, where there is a choice.
        others.sort(key=lambda host: host == controller)
        self.destination, self.third = others

    def tearDown(self):
        self.assertEqual(sequences.double_runs(sequences.read(
            os.path.join(self.lab["state"], "shared/disks", NAME + ".raw"))), [])

    def hosts(self):
        return [f"h{number}" for number in range(1, self.lab["hosts"] + 1)]

    def follow(self, holds, seconds=SETTLE_SECONDS):
        return self.outside.follow(holds, seconds)

    def status(self):
        """By the first host that answers."""
        for host in self.hosts():
            try:
                return haven_client.status(self.lab, host)
            except haven_client.HavenError as error:
                trouble = error
        raise trouble

    def resource(self):
        try:
            return next(one for one in self.status()["resources"] if one["name"] == NAME)
        except haven_client.HavenError:
            return {"state": "unknown"}  # no engine for a moment

    def copies(self):
        """{host: emulators of the guest}; one that forks for a moment has a child of its name."""
        found = {}
        for host in self.hosts():
            pids = [pid for pid, name in guests.emulators(self.lab, host).items() if name == NAME]
            if pids:
                found[host] = pids
        return found

    def settled(self):
        """The host where it runs, once the cluster says so, its page answers and there is no other copy."""
        def holds():
            one = self.resource()
            where = one.get("host")
            return (one["state"] == "running" and not one.get("moving_to") and list(self.copies()) == [where] and
                    NAME in self.outside.answering())
        self.assertTrue(self.follow(holds), (self.resource(), self.copies(), self.outside.guests[NAME]))
        return self.resource()["host"]

    def migrate(self, *words):
        return self.execute(self.third, "haven", "migrate", NAME, *words, "--json", timeout=120.0)

    def begin(self):
        """Returns in the middle of it: libvirt sends, and the destination's emulator is there."""
        done = self.migrate(self.destination, "--no-wait")
        self.assertEqual(done.returncode, 0, done.stderr)

        def sends():
            job = self.execute(self.source, "virsh", "domjobinfo", NAME).stdout
            return self.destination in self.copies() and "Memory processed" in job
        self.assertTrue(lab_case.eventually(sends), self.resource())

    def stays(self):
        self.assertTrue(self.follow(lambda: not self.resource().get("moving_to", "?")), self.resource())
        self.assertEqual(self.settled(), self.source)
        self.assertEqual(self.outside.guests[NAME]["boot"], self.boot, "it was restarted:\n" + self.told())

    def kinds(self):
        return [entry["kind"] for entry in haven_client.journal(self.lab, self.third) if entry.get("resource") == NAME]

    def told(self):
        """The last of the journal, for whoever has to find out why."""
        entries = haven_client.journal(self.lab, self.third)[-15:]
        return "\n".join(" ".join(str(value) for value in entry.values() if value) for entry in entries)

    def back(self, host):
        self.order("on", host)
        self.assertTrue(lab_case.eventually(lambda: self.services_answer(host), SETTLE_SECONDS))

    def test_it_moves_and_never_notices(self):
        done = self.migrate(self.destination)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertTrue(json.loads(done.stdout.strip().splitlines()[-1])["ok"])
        self.assertEqual(self.settled(), self.destination)
        self.assertEqual(self.outside.guests[NAME]["boot"], self.boot, self.told())
        self.assertIn("migrate", self.kinds())

    def test_its_host_shuts_down_and_it_never_notices(self):
        self.order("shutdown", self.source)
        try:
            self.assertTrue(self.follow(lambda: self.resource().get("host") not in (None, self.source)))
            self.assertNotEqual(self.settled(), self.source)
            self.assertEqual(self.outside.guests[NAME]["boot"], self.boot, self.told())
            self.assertNotIn("fenced", [entry["kind"] for entry in haven_client.journal(self.lab, self.third)
                                        if entry.get("host") == self.source])
        finally:
            lab_case.eventually(lambda: not chaos_faults.service_pids(self.lab, self.source, "havend"), 90.0)
            self.back(self.source)

    def test_everybody_sees_how_far_it_is(self):
        self.begin()
        seen = {host: [] for host in self.hosts()}

        def everybody_saw():
            for host in self.hosts():
                moving = next(one.get("moving") for one in haven_client.status(self.lab, host)["resources"]
                              if one["name"] == NAME)
                if moving:
                    seen[host].append(moving)
            return all(len({one["left_bytes"] for one in told}) > 1 for told in seen.values())
        self.assertTrue(lab_case.eventually(everybody_saw, 60.0), seen)
        for told in seen.values():
            for one in told:
                self.assertTrue(0 <= one["percent"] <= 99 and one["left_bytes"] > 0 and one["elapsed_ms"] > 0, one)
        self.assertGreater(seen[self.third][-1]["elapsed_ms"], seen[self.third][0]["elapsed_ms"])
        words = self.execute(self.third, "haven", "status", "--all").stdout
        self.assertRegex(words, rf"moving to {self.destination}: \d+ %, \d+ MiB left, \d+ s")
        self.assertEqual(self.migrate("--abort").returncode, 0)
        self.stays()
        self.assertTrue(lab_case.eventually(lambda: not self.resource().get("moving")), self.resource())

    def test_the_operator_calls_it_off(self):
        self.begin()
        self.assertEqual(self.migrate("--abort").returncode, 0)
        self.stays()

    def test_the_destination_loses_its_power(self):
        self.begin()
        self.order("crash", self.destination)
        try:
            self.stays()
        finally:
            self.back(self.destination)

    def test_the_source_loses_its_power(self):
        self.begin()
        self.order("crash", self.source)
        try:
            self.assertTrue(self.follow(lambda: self.resource().get("host") != self.source))
            self.assertNotEqual(self.settled(), self.source)
            self.assertNotEqual(self.outside.guests[NAME]["boot"], self.boot, "what came in was not whole")
        finally:
            self.back(self.source)

    def test_the_way_between_them_is_cut(self):
        self.begin()
        way = (f"ip saddr {layout.host_address(int(self.source[1:]))} tcp dport {{ 16509, 49152-49215 }} drop")
        self.output(self.destination, "nft", "add table inet way\nadd chain inet way heard "
                    "{ type filter hook input priority 0; policy accept; }\nadd rule inet way heard " + way)
        try:
            self.stays()
        finally:
            self.output(self.destination, "nft", "delete table inet way")

    def test_a_havend_or_a_libvirtd_of_either_dies(self):
        for program in ("havend", "libvirtd"):
            for host in (self.source, self.destination):
                with self.subTest(program=program, host=host):
                    self.begin()
                    self.kill(host, program)
                    # Who was killed may have lost what it was told: it stays, goes on there, or is started there anew.
                    where = self.settled()
                    self.assertIn(where, (self.source, self.destination))
                    self.assertTrue(lab_case.eventually(lambda: self.services_answer(host)))
                    self.source = where
                    self.destination = next(one for one in self.hosts() if one not in (where, self.third))

    def test_who_decides_dies(self):
        controller = haven_client.controller(self.status())
        self.begin()
        self.kill(controller, "havend")
        self.assertIn(self.settled(), (self.source, self.destination))
        self.assertEqual(self.outside.guests[NAME]["boot"], self.boot, self.told())


if __name__ == "__main__":
    # A guest whose kernel hangs after an emulated move spoils all that follow.
    unittest.main(verbosity=2, failfast=True)
