"""One round of chaos: faults that overlap, then peace, then judgement from outside. What a round does follows from its
seed and number alone; what Haven makes of it does not, so every step is told with its time."""

import random
import time

import chaos_faults as faults
import demo_common as common
import haven_client
from chassis import ask

FAULTS = (1, 3)             # how many in one round
BEGIN_SECONDS = 8.0         # within which they begin
LAST_SECONDS = (0.5, 20.0)  # how long each lasts
PEACE_SECONDS = 150.0       # for everything to run again; covers a fence, a boot of a guest, growing delays
CHANGE_CHANCE = 0.5         # of an operator's change in a round, and of a live migration


class Round:
    def __init__(self, lab, outside, say, seed, number):
        self.lab, self.outside, self._say = lab, outside, say
        self.draw = random.Random(f"{seed}/{number}")
        self._began = time.monotonic()
        self._cut_by_us = set()   # hosts that are off by this round's own doing
        self._was_on, self._shots = {}, {}
        self._reboots = set()     # hosts that were told to reboot: off and on again by themselves
        self.fenced = []          # hosts that somebody else switched off
        self.wrong = []           # sentences
        self.words = []           # what was done
        self.afflicted = set()
        self.stopped = None       # the guest that is to be down, once the cluster has acknowledged it
        self.unsure = None        # the guest of which nobody knows whether it was

    def say(self, text):
        self._say(f"  {time.monotonic() - self._began:6.1f} s  {text}")

    # ---- the course ----

    def run(self):
        """Sentences about what went wrong; none: the round is good."""
        self._look()
        for at, words, action in self._plan():
            self._until(self._began + at)
            self._do(words, action)
        self._judge(self._peace())
        return self.wrong

    def _plan(self):
        steps = []
        for _ in range(self.draw.randint(*FAULTS)):
            fault = self.draw.choice(faults.FAULTS)(self.lab, self.draw)
            self.words.append(fault.words)
            self.afflicted |= fault.afflicted
            begins = self.draw.uniform(0, BEGIN_SECONDS)
            ends = begins + self.draw.uniform(*LAST_SECONDS)
            steps.append((begins, fault.words, fault.begin))
            steps.append((ends, "over: " + fault.words, fault.end))
        if self.draw.random() < CHANGE_CHANCE:
            guest, host = self.draw.choice(self.lab["guests"]), self.draw.choice(faults.hosts_of(self.lab))
            steps.append((self.draw.uniform(0, BEGIN_SECONDS), f"haven stop {guest} on {host}",
                          lambda: self._stop(guest, host)))
        if self.draw.random() < CHANGE_CHANCE:
            guest, (to, host) = self.draw.choice(self.lab["guests"]), self.draw.sample(faults.hosts_of(self.lab), 2)
            steps.append((self.draw.uniform(0, BEGIN_SECONDS), f"haven migrate {guest} {to} on {host}",
                          lambda: self._migrate(guest, to, host)))
        return sorted(steps, key=lambda step: step[0])

    def _do(self, words, action):
        if words.startswith("power of "):
            self._cut_by_us.add(words.split()[2])
        if words.startswith("clean reboot of "):
            self._reboots.add(words.split()[3])
        try:
            action()
            self.say(words)
        except faults.NotNow as error:
            self.say(f"{words}: not now ({error})")

    def _stop(self, guest, host):
        try:
            haven_client.call(self.lab, host, "stop", guest)
            self.stopped = guest
        except haven_client.HavenError as error:
            self.unsure = guest
            raise faults.NotNow(f"not acknowledged: {error}") from None

    def _migrate(self, guest, to, host):
        """Whatever becomes of it: it runs once, here or there."""
        try:
            haven_client.call(self.lab, host, "migrate", guest, to, "--no-wait")
        except haven_client.HavenError as error:
            raise faults.NotNow(f"not acknowledged: {error}") from None

    # ---- watching ----

    def _until(self, at):
        while (left := at - time.monotonic()) > 0:
            self.outside.wait(min(left, common.LOOK_SECONDS))
            self._look()

    def _look(self):
        """Who is on. A host that went off by nobody's doing of ours was fenced, or switched itself off."""
        for name, host in ask(self.lab["state"], {"do": "status"})["hosts"].items():
            shot = host["shots"] > self._shots.get(name, host["shots"])
            fell = self._was_on.get(name) and not host["on"] and name not in self._cut_by_us | self._reboots
            if shot or fell:
                self.fenced.append(name)
                self.say(f"{name} is switched off")
                if name not in self.afflicted:
                    self.wrong.append(f"{name} was fenced, and nothing was wrong with it")
            self._was_on[name], self._shots[name] = host["on"] and not shot, host["shots"]

    def _peace(self):
        """What is still missing when it must not be any more. A host that is counted as suspected for a moment after an
        outage of the engine, and is left alone, is no fault: nothing missing once is peace."""
        for host in faults.hosts_of(self.lab):
            if not ask(self.lab["state"], {"do": "power?", "host": host})["on"]:
                self._do(f"power of {host} on", lambda host=host: faults.order(self.lab, "on", host))
        self._cut_by_us.clear()
        deadline = time.monotonic() + PEACE_SECONDS
        while (missing := self._missing()) and time.monotonic() < deadline:
            self.outside.wait(common.LOOK_SECONDS)
            self._look()
            self._switch_on_the_fenced()
        return missing

    def _switch_on_the_fenced(self):
        """Haven leaves a fenced host off (after_fence): the person comes and switches it on."""
        for host, on in self._was_on.items():
            if not on:
                self._do(f"power of {host} on", lambda host=host: faults.order(self.lab, "on", host))

    def _wanted(self):
        return set(self.lab["guests"]) - {self.stopped, self.unsure}

    def _missing(self):
        answering = set(self.outside.answering())
        found = [f"{name} does not answer" for name in sorted(self._wanted() - answering)]
        if self.stopped in answering:
            found.append(f"{self.stopped} runs, though the cluster acknowledged that it is to stop")
        return found or self._not_up()

    def _not_up(self):
        for host in faults.hosts_of(self.lab):
            try:
                answer = haven_client.status(self.lab, host)
            except haven_client.HavenError as error:
                return [str(error)]
            if not answer["engine"]:  # what it says is what it knew
                return [f"{host} does not reach its engine"]
            states = haven_client.hosts(answer)
            away = sorted(name for name, state in states.items() if state != "up")
            if away:
                return [f"{host} counts {', '.join(away)} as {', '.join(states[name] for name in away)}"]
        return []

    # ---- judgement ----

    def _judge(self, missing):
        self.wrong += missing
        self.wrong += common.double_runs(self.lab, self.outside)
        for guest in (self.stopped, self.unsure):
            if guest:
                self._start_again(guest)
        for host in faults.hosts_of(self.lab):
            self._order("clear", host)  # what one round did to it is no reason to quarantine it in another

    def _start_again(self, guest):
        """For the next round. What the cluster acknowledged is known by now; this is to be acknowledged as well."""
        self._order("start", guest)

    def _order(self, verb, name):
        try:
            haven_client.call(self.lab, faults.hosts_of(self.lab)[0], verb, name)
        except haven_client.HavenError as error:
            self.wrong.append(f"haven {verb} {name}: {error}")
