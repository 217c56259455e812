#!/usr/bin/python3
"""Heartbeats between real hosts: what is no reason to fence anybody, and a killed havend (S3, S6)."""

import unittest

import lab_case  # first: it finds the lab's modules
import haven_client

PORT = 7421


class Heartbeats(lab_case.ClusterCase):
    lab_options = {"hosts": 3, "guest_count": 0}

    def setUp(self):
        all_up = lambda: all(haven_client.is_up(self.status("h1"), f"h{n}") for n in (1, 2, 3))
        self.assertTrue(lab_case.eventually(all_up))
        self.assertTrue(lab_case.eventually(lambda: not self.alarms("h1") and not self.alarms("h3")))

    def status(self, host):
        """As far as it answers: one that has just begun knows no hosts yet."""
        try:
            answer = haven_client.status(self.lab, host)
        except haven_client.HavenError:
            answer = {}
        return {"hosts": [], "alarms": [], **answer}

    def alarms(self, host):
        return [alarm["key"] for alarm in self.status(host)["alarms"] if alarm["key"].startswith("heartbeat/")]

    def fences(self):
        return [entry for entry in haven_client.journal(self.lab, "h1") if entry["kind"] in ("fenced", "proved")]

    def test_a_firewall_that_drops_all_heartbeats_fences_nobody(self):
        self.output("h2", "nft", "add", "table", "inet", "deaf")
        try:
            self.output("h2", "nft", "add chain inet deaf in { type filter hook input priority 0; }")
            self.output("h2", "nft", f"add rule inet deaf in udp dport {PORT} drop")
            self.assertTrue(lab_case.eventually(lambda: "heartbeat/silent/h2" in self.alarms("h1")))
            self.assertTrue(lab_case.eventually(lambda: "heartbeat/silent/h1" in self.alarms("h2")))
        finally:
            self.output("h2", "nft", "delete", "table", "inet", "deaf")
        self.assertTrue(lab_case.eventually(lambda: not self.alarms("h1")))
        self.assertEqual(self.fences(), [])

    def test_a_killed_havend_is_not_taken_for_a_dead_host(self):
        before = len(haven_client.journal(self.lab, "h1"))
        for _ in range(3):
            self.output("h3", "pkill", "-KILL", "-x", "havend")
            self.assertTrue(lab_case.eventually(lambda: haven_client.is_up(self.status("h3"), "h3")))
        later = haven_client.journal(self.lab, "h1")[before:]
        self.assertEqual([entry for entry in later if entry["kind"] in ("intent", "fenced")], [])

    def test_the_keys_roll_over_without_a_silence(self):
        old = self.output("h1", "cat", "/etc/haven/heartbeat.key")
        new = old[::-1]
        for lines in (f"{old}\n{new}\n", f"{new}\n"):
            for host in ("h1", "h2", "h3"):
                self.output(host, "sh", "-c", "umask 077; cat > /etc/haven/new.key && mv /etc/haven/new.key "
                            "/etc/haven/heartbeat.key", input=lines)
            # One that begins with the new file alone is heard: the others have read theirs.
            self.output("h2", "pkill", "-KILL", "-x", "havend")
            self.assertTrue(lab_case.eventually(lambda: haven_client.is_up(self.status("h2"), "h2")))
            self.assertTrue(lab_case.eventually(lambda: not self.alarms("h1") and not self.alarms("h2")))
        self.assertEqual(self.fences(), [])


if __name__ == "__main__":
    unittest.main(argv=["lab_heartbeats.py", "-v"])
