#!/usr/bin/python3
"""What the simulator foretells, the lab does: the power of the host that runs the controller and guests is cut and
returns, once with real parts, once in `haven simulate` from the same placement; then the two journals are compared,
per resource in order, and across resources where the protocol orders them."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

from lab_case import launcher, layout, make_lab

import demo_cluster
import demo_common
import haven_client
import readiness
from chassis import ask
from outside import Outside
from screen import Screen

CUT_SECONDS = 20
RETURN_SECONDS = 120
# Decisions; what else a journal holds (places at the start, alarms) depends on the moment and not on the decision.
DECISIONS = ("intent", "fenced", "proved", "withdrawn", "recover", "restart", "relocate", "stop", "place-failed",
             "failed")


def decisions(entries):
    """[(kind, resource or host, host, from)] in order."""
    found = []
    for entry in entries:
        kind = entry["kind"].replace("_", "-")
        if kind in DECISIONS:
            found.append((kind, entry.get("resource") or entry.get("host"), entry.get("host"),
                          entry.get("from") or None))
    return found


def per_subject(found):
    subjects = {}
    for kind, subject, host, source in found:
        subjects.setdefault(subject, []).append((kind, host, source))
    return subjects


class DecidesAlike(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        screen = Screen(sys.stderr)
        lab = make_lab(hosts=demo_cluster.HOSTS, guest_count=demo_cluster.GUESTS)
        try:
            with Outside(lab) as outside:
                haven_client.apply(lab, "h1")
                demo_common.await_answers(screen, lab, outside, lab["guests"])
                cls.before = {name: host for name, (_, host) in
                              haven_client.resources(haven_client.status(lab, "h1")).items()}
                known = len(haven_client.journal(lab, "h1"))
                cut = demo_cluster.cut_power(screen, lab, outside)
                cls.missing, cls.victim = cut.missing, cut.victim
                ask(lab["state"], {"do": "on", "host": cut.victim})
                readiness.wait(lab)
                survivor = next(host for host in ("h1", "h2", "h3") if host != cut.victim)
                demo_common.watch(screen, lab, outside, 60.0,
                                  lambda: haven_client.is_up(haven_client.status(lab, survivor), cut.victim))
                cls.lab_journal = haven_client.journal(lab, survivor)[known:]
            with tempfile.TemporaryDirectory() as folder:
                cls.simulated = cls.simulate(lab, folder)
        finally:
            launcher.down(lab)

    @classmethod
    def simulate(cls, lab, folder):
        with open(lab["state"] + "/h1" + layout.CLUSTER_FILE) as file:
            text = file.read().replace(layout.SHARED, lab["state"] + "/shared")
        cluster, scenario = os.path.join(folder, "cluster.toml"), os.path.join(folder, "demo.scenario")
        with open(cluster, "w") as file:
            file.write(text)
        with open(scenario, "w") as file:
            for name, host in cls.before.items():
                print(f"run {name} on {host}", file=file)
            print(f"at {CUT_SECONDS}s power {cls.victim} off", file=file)
            print(f"at {RETURN_SECONDS}s power {cls.victim} on", file=file)
            print(f"expect fenced {cls.victim}\nexpect fences 1\nend 300s", file=file)
        haven = layout.built(layout.HAVEN_PROGRAMS["haven"])
        done = subprocess.run([haven, "simulate", cluster, scenario, "--json"], capture_output=True, text=True,
                              timeout=60)
        if done.returncode != 0:
            raise AssertionError(f"haven simulate: exit {done.returncode}: {done.stdout[-2000:]} {done.stderr[-2000:]}")
        return json.loads(done.stdout.strip().splitlines()[-1])

    def test_every_guest_came_back(self):
        self.assertEqual(self.missing, [])

    def test_each_resource_and_host_saw_the_same_decisions_in_the_same_order(self):
        real, foretold = decisions(self.lab_journal), decisions(self.simulated["events"])
        self.assertTrue(any(kind == "recover" for kind, *_ in foretold), foretold)
        self.assertEqual(per_subject(real), per_subject(foretold))

    def test_nothing_recovers_before_its_proof_in_either(self):
        for found in (decisions(self.lab_journal), decisions(self.simulated["events"])):
            kinds = [kind for kind, *_ in found]
            self.assertLess(kinds.index("intent"), kinds.index("fenced"))
            self.assertLess(kinds.index("fenced"), kinds.index("recover"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
