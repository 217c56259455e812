"""What the lab's own tests share. They start real labs: root, Debian 12 and a build are needed."""

import os
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../lab"))

import chaos_faults  # noqa: E402
import haven_client  # noqa: E402
import inside  # noqa: E402
import launcher  # noqa: E402
import layout  # noqa: E402
import processes  # noqa: E402
import readiness  # noqa: E402
from chassis import ask  # noqa: E402

_count = 0


def make_lab(**options):
    """A lab that answers, ending with this process at the latest."""
    global _count
    _count += 1
    lab = launcher.up(f"test{os.getpid()}-{_count}", owner=os.getpid(), **options)
    silent = readiness.wait(lab)
    if silent:
        launcher.down(lab)
        raise AssertionError(f"these do not answer: {silent}")
    return lab


def eventually(holds, seconds=20.0):
    """Whether holds() comes true in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


class LabCase(unittest.TestCase):
    """One lab for all tests of the class; each leaves its hosts on, whole and without guests."""

    lab_options = {}

    @classmethod
    def setUpClass(cls):
        cls.lab = make_lab(**cls.lab_options)

    @classmethod
    def tearDownClass(cls):
        launcher.down(cls.lab)

    def order(self, verb, host):
        answer = ask(self.lab["state"], {"do": verb, "host": host})
        self.assertNotIn("error", answer)
        return answer

    def execute(self, host, *command, **options):
        return inside.run(self.lab, host, list(command), **options)

    def output(self, host, *command, **options):
        done = self.execute(host, *command, **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def kill(self, host, program):
        """Ends a service of the host, havend or libvirtd, at once."""
        pids = chaos_faults.service_pids(self.lab, host, program)
        self.assertTrue(pids)
        for pid in pids:
            processes.kill(pid)

    def services_answer(self, host):
        return all(readiness.services(self.lab, host).values())

    def fence(self, asker, action, number):
        """Debian's own agent, as Haven calls it; its exit code."""
        options = {"action": action, "ip": layout.bmc_address(number), "username": layout.BMC_USER, "lanplus": "1",
                   "password": self.output(asker, "cat", f"/etc/haven/h{number}.pw"), "cipher": "3", "power_wait": "0",
                   "login_timeout": "2"}
        return self.execute(asker, "fence_ipmilan",
                            input="".join(f"{key}={value}\n" for key, value in options.items())).returncode


class ClusterCase(LabCase):
    """A lab whose hosts are one cluster, with its file applied."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        haven_client.apply(cls.lab, "h1")

    def status(self, asker="h1"):
        return haven_client.status(self.lab, asker)

    def resources(self, asker="h1"):
        """{resource: (state, host)}"""
        return haven_client.resources(haven_client.status(self.lab, asker))
