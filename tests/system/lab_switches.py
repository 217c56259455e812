#!/usr/bin/python3
"""The operator's switches on real hosts: a frozen host that dies is left alone, and Haven is taken off a host whose
guests run on."""

import time
import unittest

import lab_case  # first: it finds the lab's modules
import guests
import haven_client

LONG_ENOUGH = 15.0  # any failover of these hosts is over by then
START_SECONDS = 60.0


class Switches(lab_case.ClusterCase):
    lab_options = {"hosts": 3, "guest_count": 2}

    def setUp(self):
        self.assertTrue(lab_case.eventually(lambda: all(state == "running" for state, _ in self.resources().values()),
                                            START_SECONDS), self.resources())

    def kinds(self, asker, host):
        return [entry["kind"] for entry in haven_client.journal(self.lab, asker) if entry.get("host") == host]

    def test_a_frozen_host_that_loses_its_power_is_left_alone_until_it_is_let_go(self):
        victim = self.resources()["web1"][1]
        asker = next(host for host in ("h1", "h2", "h3") if host != victim)
        self.output(asker, "haven", "freeze", "on", victim)
        self.order("crash", victim)
        try:
            self.assertTrue(lab_case.eventually(
                lambda: any(alarm["key"] == f"frozen/{victim}" for alarm in self.status(asker)["alarms"])))
            time.sleep(LONG_ENOUGH)  # that nothing happens has no event
            self.assertNotIn("intent", self.kinds(asker, victim))
            self.assertEqual(self.resources(asker)["web1"][1], victim)
            self.output(asker, "haven", "freeze", "off", victim)
            self.assertTrue(lab_case.eventually(
                lambda: self.resources(asker)["web1"][0] == "running" and self.resources(asker)["web1"][1] != victim,
                START_SECONDS))
            self.assertIn("fenced", self.kinds(asker, victim))
        finally:
            self.execute(asker, "haven", "freeze", "off", victim)
            self.order("on", victim)
        self.assertTrue(lab_case.eventually(lambda: self.services_answer(victim)))

    def test_haven_is_taken_off_a_host_and_its_guests_run_on(self):
        host = self.resources()["web2"][1]
        asker = next(other for other in ("h1", "h2", "h3") if other != host)
        number = int("web2"[3:])
        self.assertNotEqual(self.execute(host, "haven", "disarm", "--yes").returncode, 0, "havend runs")
        before = self.output(host, "pgrep", "-f", guests.uuid_of(self.lab, number))
        self.output(host, "bash", "-c", "kill -TERM $(pgrep -x havend)")
        self.assertTrue(lab_case.eventually(lambda: self.execute(host, "pgrep", "-x", "havend").returncode != 0))
        try:
            said = self.execute(host, "haven", "disarm", "--yes")
            self.assertIn("its guests run on", said.stdout)
            for path in ("/etc/libvirt/hooks/qemu", "/run/haven/protected", "/var/lib/haven/protected"):
                self.assertNotEqual(self.execute(host, "test", "-e", path).returncode, 0, path)
            time.sleep(LONG_ENOUGH)  # that nothing happens has no event
            self.assertEqual(self.output(host, "pgrep", "-f", guests.uuid_of(self.lab, number)), before)
            self.assertNotIn("intent", self.kinds(asker, host))
            self.assertEqual(self.resources(asker)["web2"], ("running", host), "as last seen; nobody else starts it")
            self.assertIn(f"away/{host}", [alarm["key"] for alarm in self.status(asker)["alarms"]])
        finally:
            # Armed again, it adopts what runs.
            for driver in ("qemu", "lxc"):
                self.execute(host, "ln", "-sf", self.lab_hook(host), f"/etc/libvirt/hooks/{driver}")
            self.start_havend(host)
        self.assertTrue(lab_case.eventually(lambda: self.resources(asker)["web2"] == ("running", host)
                                            and not self.status(asker)["alarms"], START_SECONDS),
                        self.status(asker)["alarms"])
        self.assertEqual(self.output(host, "pgrep", "-f", guests.uuid_of(self.lab, number)), before)

    def lab_hook(self, host):
        return self.output(host, "bash", "-c", "command -v haven-hook")

    def start_havend(self, host):
        init = self.output(host, "bash", "-c", "command -v haven-lab-init || readlink /proc/1/exe")
        self.output(host, init, "ctl", "start", "havend")


if __name__ == "__main__":
    unittest.main(verbosity=2)
