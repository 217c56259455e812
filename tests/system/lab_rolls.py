#!/usr/bin/python3
"""A roll over all hosts while the guests' pages are asked for all the time: every host is emptied, worked on and given
back, and nobody outside notices."""

import json
import unittest

import lab_case  # first: it finds the lab's modules
import inside
from outside import Outside

ROLL_SECONDS = 240.0


class Rolls(lab_case.ClusterCase):
    lab_options = {"hosts": 3, "guest_count": 3}

    def names(self):
        return set(self.lab["guests"])

    def test_a_roll_empties_every_host_and_no_page_falls_silent(self):
        with Outside(self.lab) as outside:
            self.assertTrue(outside.follow(lambda: set(outside.answering()) == self.names(), 90.0))
            before = {name: guest["boot"] for name, guest in outside.guests.items()}
            homes = {name: host for name, (_, host) in self.resources().items()}
            # What the command finds where it works: the guests of a host that is being worked on.
            seen = "virsh -c qemu+tcp://{address}/system -q list --name"
            done = inside.run(self.lab, "h1", ["haven", "roll", "--command", seen, "--json"], timeout=ROLL_SECONDS)
            while outside.wait(1.0):
                pass
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            answer = json.loads(done.stdout.strip().splitlines()[-1])
            self.assertEqual(sorted(answer["done"]), ["h1", "h2", "h3"], answer)
            self.assertEqual([line for line in done.stderr.splitlines() if "web" in line], [], "nothing ran there")
            self.assertEqual({name: guest["boot"] for name, guest in outside.guests.items()}, before)
            self.assertEqual(outside.silences, [], "every page answered all the time")
            self.assertEqual({name: host for name, (_, host) in self.resources().items()}, homes, "all are back")


if __name__ == "__main__":
    unittest.main(verbosity=2)
