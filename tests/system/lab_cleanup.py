#!/usr/bin/python3
"""Whatever ends a lab, nothing of it is left; and two labs never meet."""

import os
import signal
import subprocess
import sys
import unittest

import lab_case  # first: it finds the lab's modules
import cgroups
import inside
import launcher
import layout
import processes


def namespaces(pid):
    return {os.readlink(f"/proc/{pid}/ns/{kind}") for kind in ("net", "pid", "mnt")}


def traces(lab, spaces):
    """What is left of a lab, as words."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                words = file.read().decode(errors="replace")
            if f"/{lab['name']}\0" in words or namespaces(entry) & spaces:
                found.append(f"process {entry}: {words[:80]}")
        except OSError:
            continue
    for point, _ in cgroups._mounts():
        if os.path.exists(os.path.join(point, cgroups.lab_group(lab["name"]))):
            found.append(f"cgroup in {point}")
    if os.path.exists(lab["state"]):
        found.append(lab["state"])
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    found += [line for line in links.splitlines() if "-main" in line or "-bmc" in line]
    return found


def fill(lab):
    """A guest that runs, and a host that hangs."""
    inside.run(lab, "h1", ["virsh", "-q", "create", f"{layout.SHARED}/guests/web1.xml"], timeout=60)
    lab_case.ask(lab["state"], {"do": "hang", "host": "h2"})
    first = lab["first"]["pid"]
    spaces = namespaces(first)
    for pid in cgroups.members(cgroups.lab_group(lab["name"])):
        spaces |= namespaces(pid)
    return spaces - namespaces(os.getpid())


class Cleanup(unittest.TestCase):
    def leaves_nothing(self, end):
        lab = lab_case.make_lab(hosts=2, guest_count=1)
        spaces = fill(lab)
        self.assertTrue(traces(lab, spaces), "this test sees nothing")
        end(lab)
        lab_case.eventually(lambda: not traces(lab, spaces), 30)
        self.assertEqual(traces(lab, spaces), [])

    def test_after_down(self):
        self.leaves_nothing(launcher.down)

    def test_after_the_labs_process_was_killed(self):
        self.leaves_nothing(lambda lab: processes.kill(lab["pid"]))

    def test_after_its_first_process_was_killed(self):
        self.leaves_nothing(lambda lab: processes.kill(lab["first"]))

    def test_after_its_owner_was_killed(self):
        script = ("import sys, os, signal; sys.path.insert(0, sys.argv[1]); import launcher\n"
                  "lab = launcher.up(sys.argv[2], hosts=1, owner=os.getpid(), guest_count=0)\n"
                  "print(lab['first']['pid'], flush=True); signal.pause()\n")
        name = f"test{os.getpid()}-owned"
        owner = subprocess.Popen([sys.executable, "-c", script, os.path.dirname(launcher.__file__), name],
                                 stdout=subprocess.PIPE, text=True)
        try:
            spaces = namespaces(int(owner.stdout.readline())) - namespaces(os.getpid())
            owner.kill()
            owner.wait()
            lab = {"name": name, "state": layout.state_folder(name)}
            self.assertTrue(lab_case.eventually(lambda: not traces(lab, spaces), 30), traces(lab, spaces))
        finally:
            owner.kill()
            owner.wait()

    def test_two_labs_at_once_do_not_meet(self):
        first = lab_case.make_lab(hosts=2, guest_count=0)
        second = lab_case.make_lab(hosts=2, guest_count=0)
        try:
            lab_case.ask(first["state"], {"do": "crash", "host": "h1"})
            states = lab_case.ask(second["state"], {"do": "status"})["hosts"]
            self.assertEqual([host["on"] for host in states.values()], [True, True])
            launcher.down(first)
            self.assertEqual(lab_case.readiness.wait(second, 10), [])
        finally:
            launcher.down(first)
            launcher.down(second)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    unittest.main(verbosity=2)
