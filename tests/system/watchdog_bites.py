"""The watchdog adapter on a kernel that really resets: a whole host as a QEMU guest, with softdog (PROTOCOL P1, P3, P6).

Each story is told on the guest's console, line by line with the guest's own time; a reset ends QEMU."""

import os
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../lab"))

import guest_image  # noqa: E402

PROGRAM = os.path.join(os.environ.get("HAVEN_BUILD", "build/release"), "tests/system/watchdog_guest")
BITES_AFTER_MS = 2000
# Of an emulated processor on a busy machine, beside the watchdog's own time.
SLACK_MS = 1500


class WatchdogBites(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="haven-watchdog-")
        cls.kernel, cls.initramfs = guest_image.build_for(PROGRAM, ("softdog",), cls.folder.name)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def story(self, name):
        """What was said, as pairs of the guest's milliseconds and words."""
        command = ["qemu-system-x86_64", "-accel", "tcg", "-m", "192", "-nodefaults", "-display", "none", "-no-reboot",
                   "-serial", "stdio", "-kernel", self.kernel, "-initrd", self.initramfs,
                   "-append", f"{guest_image.COMMAND_LINE} story={name}"]
        told = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                              timeout=240)
        lines = [(int(at), words.strip()) for at, words in re.findall(r"@(\d+) ([^\r\n]*)", told.stdout)]
        self.assertTrue(lines, told.stdout + told.stderr)
        return lines

    def assert_bitten(self, lines, since):
        words = [line[1] for line in lines]
        self.assertIn(since, words)
        self.assertNotIn("powers itself off", words, "it was to be reset")
        at = lines[words.index(since)][0]
        self.assertLessEqual(lines[-1][0], at + BITES_AFTER_MS + SLACK_MS, "it lived longer than its watchdog allows")

    def test_it_bites_once_the_permit_is_over_and_not_before(self):
        self.assert_bitten(self.story("permit"), "the permit is over")

    def test_it_bites_when_whoever_pets_it_is_killed(self):
        self.assert_bitten(self.story("petter"), "the petter is dead")

    def test_disarmed_it_does_not_bite(self):
        self.assertEqual(self.story("disarmed")[-1][1], "powers itself off")

    def test_its_descriptor_outlives_the_one_who_armed_it(self):
        lines = self.story("handed")
        self.assertIn("handed over", [line[1] for line in lines])
        self.assertEqual(lines[-1][1], "powers itself off")

    def test_a_soft_one_is_refused_and_so_is_a_host_that_may_fall_asleep(self):
        said = [line[1] for line in self.story("refused")]
        self.assertTrue(any(line.startswith("awake: this host may be put to sleep: systemctl mask") for line in said), said)
        self.assertTrue(any("watchdog_accept_soft = true" in line for line in said), said)
        self.assertEqual(said[-1], "powers itself off", "what was refused was not left running")


if __name__ == "__main__":
    unittest.main(verbosity=2)
