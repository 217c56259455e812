"""The watchdog adapter on kernels that really reset: a whole host as a QEMU guest, with a watchdog in software
(softdog) or in hardware (i6300esb) (PROTOCOL P1, P3, P6).

Each story is told on the guest's console, line by line with the guest's own time; a reset ends QEMU, which says why."""

import ctypes
import json
import os
import re
import signal
import socket
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../lab"))

import guest_image  # noqa: E402

PROGRAM = os.path.join(os.environ.get("HAVEN_BUILD", "build/release"), "tests/system/watchdog_guest")
# A sign of life comes five times a second or, on a busy machine, less often; the watchdogs bite after two seconds.
MOST_SIGNS_OF_LIFE = 14
PATIENCE_S = 240


def in_memory(data):
    """Nothing to clean up: it ends with whoever holds it."""
    fd = os.memfd_create("haven-watchdog")
    with os.fdopen(os.dup(fd), "wb") as file:
        file.write(data)
    return fd


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Story:
    """What was said, and QEMU's events."""

    def __init__(self, console, events):
        self.console, self.events = console, events
        self.words = [words.strip() for words in re.findall(r"@\d+ ([^\r\n]*)", console)]

    def reasons(self):
        return [event["data"]["reason"] for event in self.events if event["event"] == "SHUTDOWN"]

    def bites_of_hardware(self):
        return [event["data"]["action"] for event in self.events if event["event"] == "WATCHDOG"]


class Watchdogs:
    """The stories that end alike with every watchdog."""

    @classmethod
    def setUpClass(cls):
        cls.parts = [in_memory(part) for part in guest_image.build_for(PROGRAM, cls.modules, cls.flavour)]

    @classmethod
    def tearDownClass(cls):
        for part in cls.parts:
            os.close(part)

    def story(self, name):
        kernel, initramfs = self.parts
        ours, qmp = socket.socketpair()
        self.addCleanup(ours.close)
        ours.sendall(b'{"execute": "qmp_capabilities"}\n')
        command = ["qemu-system-x86_64", "-accel", "tcg", "-m", "192", "-nodefaults", "-display", "none", "-no-reboot",
                   "-serial", "stdio", "-chardev", f"socket,id=qmp,fd={qmp.fileno()}",
                   "-mon", "chardev=qmp,mode=control",
                   "-kernel", f"/proc/self/fd/{kernel}", "-initrd", f"/proc/self/fd/{initramfs}", *self.devices,
                   "-append", f"{guest_image.COMMAND_LINE} story={name} {self.accepts}"]
        with qmp:
            try:
                told = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                      errors="replace", timeout=PATIENCE_S, pass_fds=[kernel, initramfs, qmp.fileno()],
                                      preexec_fn=die_with_parent)
            except subprocess.TimeoutExpired as still:
                console = (still.stdout or b"").decode(errors="replace")
                self.fail(f"neither reset nor powered off within {PATIENCE_S} s:\n{console}")
        with ours.makefile() as answers:
            events = [answer for answer in map(json.loads, answers) if "event" in answer]
        found = Story(told.stdout, events)
        self.assertTrue(found.words, told.stdout + told.stderr)
        return found

    def assert_bitten(self, story, since):
        self.assertIn(since, story.words)
        self.assertEqual(story.reasons(), ["guest-reset"], story.words)
        self.assert_bitten_by_it(story)
        after = story.words[story.words.index(since) + 1:]
        self.assertEqual(after, ["lives"] * len(after))
        self.assertLessEqual(len(after), MOST_SIGNS_OF_LIFE,
                             f"it lived longer than its watchdog allows:\n{story.console}")

    def assert_powered_off(self, story):
        self.assertEqual(story.words[-1], "powers itself off", story.words)
        self.assertEqual(story.reasons(), ["guest-shutdown"])

    def running(self, story):
        return [words for words in story.words if words.startswith("running: ")]

    def test_it_bites_once_the_permit_is_over_and_not_before(self):
        story = self.story("permit")
        self.assert_bitten(story, "the permit is over")
        self.assertEqual(self.running(story), ["running: " + self.identity], "the one that was armed, and no other")

    def test_it_bites_when_whoever_pets_it_is_killed(self):
        self.assert_bitten(self.story("petter"), "the petter is dead")

    def test_disarmed_it_does_not_bite(self):
        story = self.story("disarmed")
        self.assertIn("disarmed", story.words)
        self.assertEqual(self.running(story), [])
        self.assert_powered_off(story)

    def test_its_descriptor_outlives_the_one_who_armed_it(self):
        story = self.story("handed")
        self.assertIn("handed over", story.words)
        self.assert_powered_off(story)


class Softdog(Watchdogs, unittest.TestCase):
    flavour, modules, devices = guest_image.CLOUD, ("softdog",), ()
    accepts, identity = "accept_soft", "Software Watchdog"

    def assert_bitten_by_it(self, story):
        self.assertIn("softdog: Initiating system reboot", story.console)

    def test_it_is_refused_unless_accepted_and_so_are_a_held_one_and_a_host_that_may_fall_asleep(self):
        story = self.story("refused")
        [awake] = [words for words in story.words if words.startswith("awake: ")]
        self.assertTrue(awake.startswith("awake: this host may be put to sleep: systemctl mask sleep.target"), awake)
        [soft] = [words for words in story.words if words.startswith("soft: ")]
        self.assertIn("watchdog_accept_soft = true", soft)
        [held] = [words for words in story.words if words.startswith("held: ")]
        self.assertIn("/dev/watchdog0: held by init (pid 1)", held)
        self.assertEqual(self.running(story), [], "what was refused is left as it was")
        self.assert_powered_off(story)


class I6300esb(Watchdogs, unittest.TestCase):
    # The soft one comes first, is not accepted, and is passed over.
    flavour, modules, devices = guest_image.GENERIC, ("softdog", "i6300esb"), ("-device", "i6300esb")
    accepts, identity = "", "i6300ESB timer"

    def assert_bitten_by_it(self, story):
        self.assertEqual(story.bites_of_hardware(), ["reset"])

    def test_it_bites_when_the_kernel_hangs(self):
        story = self.story("hung")
        self.assertEqual(story.words[-1], "the kernel hangs")
        self.assertEqual(story.reasons(), ["guest-reset"])
        self.assert_bitten_by_it(story)


if __name__ == "__main__":
    unittest.main(verbosity=2)
