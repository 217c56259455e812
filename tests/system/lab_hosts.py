#!/usr/bin/python3
"""The lab's hosts behave as machines do."""

import subprocess
import time
import unittest

import lab_case  # first: it finds the lab's modules
import haven_client
import inside
import layout
import readiness

ETCDCTL = ("env", "ETCDCTL_API=3", "etcdctl")


class Hosts(lab_case.LabCase):
    lab_options = {"hosts": 3, "guest_count": 0}

    def test_a_power_cut_takes_run_and_keeps_the_disk(self):
        before = self.output("h2", "cat", "/etc/machine-id", "/etc/libvirt/libvirtd.conf")
        self.output("h1", *ETCDCTL, "put", "kept", "yes")
        self.output("h2", "touch", "/run/dies-with-the-boot", "/var/lib/haven/survives")
        self.assertFalse(self.order("crash", "h2")["on"])
        self.assertTrue(self.order("on", "h2")["on"])
        self.assertTrue(lab_case.eventually(lambda: self.services_answer("h2")))
        self.assertEqual(self.output("h2", "cat", "/etc/machine-id", "/etc/libvirt/libvirtd.conf"), before)
        self.assertNotEqual(self.execute("h2", "test", "-e", "/run/dies-with-the-boot").returncode, 0)
        self.output("h2", "test", "-e", "/var/lib/haven/survives")
        own = f"--endpoints=http://{layout.host_address(2)}:2379"
        self.assertEqual(self.output("h2", *ETCDCTL, own, "get", "--print-value-only", "kept"), "yes")

    def test_a_power_cut_sends_no_word_to_its_peers(self):
        listener = ("python3", "-c", "import socket\ns = socket.create_server(('', 7777))\ns.accept()[0].recv(1)")
        talker = ("python3", "-c", "import socket\ns = socket.create_connection(('10.91.0.2', 7777), 2)\n"
                  "s.settimeout(2)\nprint('joined', flush=True)\nprint(repr(s.recv(1)))")
        served = subprocess.Popen(inside.host_command(self.lab, "h2", listener))
        talking = None
        try:
            reaches = lambda: self.execute("h2", "bash", "-c", "ss -ltn | grep -q :7777").returncode == 0
            self.assertTrue(lab_case.eventually(reaches))
            talking = subprocess.Popen(inside.host_command(self.lab, "h1", talker), stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True)
            self.assertEqual(talking.stdout.readline(), "joined\n")
            self.order("crash", "h2")
            out, error = talking.communicate(timeout=20)
            self.assertIn("TimeoutError", error, "a FIN or RST came out of a dead host")
            self.assertEqual(out, "")
        finally:
            served.kill()
            served.wait()
            if talking:
                talking.kill()
                talking.wait()
            self.order("on", "h2")
            lab_case.eventually(lambda: self.services_answer("h2"))

    def test_the_fence_agent_sees_and_cuts_the_power(self):
        self.assertEqual(self.fence("h1", "status", 3), 0)
        began = time.monotonic()
        self.assertEqual(self.fence("h1", "off", 3), 0)
        self.assertEqual(self.fence("h1", "status", 3), 2)
        self.assertLess(time.monotonic() - began, 5)
        self.assertFalse(self.order("power?", "h3")["on"])
        self.assertEqual(self.fence("h1", "off", 3), 0, "off again is no error")
        self.assertEqual(self.fence("h1", "on", 3), 0)
        self.assertTrue(lab_case.eventually(lambda: self.services_answer("h3")))

    def test_a_cut_network_leaves_the_bmcs_reachable(self):
        reach = ("bash", "-c", f"echo > /dev/tcp/{layout.host_address(2)}/2379")
        self.output("h1", *reach, timeout=10)
        self.order("cut", "h1")
        try:
            self.assertNotEqual(self.execute("h1", "timeout", "2", *reach).returncode, 0)
            self.assertEqual(self.fence("h1", "status", 2), 0)
        finally:
            self.order("heal", "h1")
        self.assertTrue(lab_case.eventually(lambda: self.execute("h1", "timeout", "2", *reach).returncode == 0))
        self.assertTrue(lab_case.eventually(lambda: self.services_answer("h1")))

    def test_a_hung_host_stands_still_has_power_and_can_be_fenced(self):
        self.order("hang", "h3")
        self.assertEqual(readiness.bmc(self.lab, "h3"), "on")
        with self.assertRaises(subprocess.TimeoutExpired):
            self.execute("h3", "true", timeout=1)
        self.order("resume", "h3")
        self.assertTrue(lab_case.eventually(lambda: self.services_answer("h3")))
        self.order("hang", "h3")
        self.assertEqual(self.fence("h1", "off", 3), 0)
        self.assertEqual(self.fence("h1", "status", 3), 2)
        self.order("on", "h3")
        self.assertTrue(lab_case.eventually(lambda: self.services_answer("h3")))

    def test_a_killed_libvirtd_is_back_at_once_and_a_stopped_one_is_not(self):
        def line():
            return self.output("h1", "haven-lab-init", "ctl", "list").splitlines()[0].split()

        _, pid, restarts = line()
        began = time.monotonic()
        self.output("h1", "haven-lab-init", "ctl", "kill", "libvirtd")
        self.assertTrue(lab_case.eventually(lambda: line()[1] not in ("0", pid)))
        self.assertLess(time.monotonic() - began, 1.5)
        self.assertEqual(int(line()[2]), int(restarts) + 1)
        self.output("h1", "haven-lab-init", "ctl", "stop", "libvirtd")
        self.assertTrue(lab_case.eventually(lambda: line()[1] == "0"))
        time.sleep(0.5)  # nothing is to happen
        self.assertEqual(line()[1], "0")
        self.output("h1", "haven-lab-init", "ctl", "start", "libvirtd")
        self.assertTrue(lab_case.eventually(lambda: self.services_answer("h1")))


class CleanEnds(lab_case.LabCase):
    """In a cluster that Haven knows, so that havend has something to leave."""

    lab_options = {"hosts": 3, "guest_count": 0}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if "havend" in cls.lab["programs"]:
            haven_client.apply(cls.lab, "h1")

    def test_a_reboot_comes_back_and_a_shutdown_stays_off(self):
        boots = self.order("power?", "h2")["boots"]
        self.order("reboot", "h2")
        self.assertTrue(lab_case.eventually(lambda: self.order("power?", "h2")["boots"] == boots + 1))
        self.assertTrue(lab_case.eventually(lambda: self.services_answer("h2")))
        self.order("shutdown", "h2")
        self.assertTrue(lab_case.eventually(lambda: not self.order("power?", "h2")["on"]))
        self.assertEqual(readiness.bmc(self.lab, "h2"), "off")
        self.order("on", "h2")
        self.assertTrue(lab_case.eventually(lambda: self.services_answer("h2")))


if __name__ == "__main__":
    unittest.main(verbosity=2)
