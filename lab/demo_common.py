"""What both parts of the demo share: waiting while showing, and judging from outside."""

import os
import time

import processes
import readiness
import screen as screens
import sequences
from chassis import ask

START_SECONDS = 120.0     # for all guests to answer after apply
RECOVERY_SECONDS = 120.0  # for all guests to answer after the fault
LOOK_SECONDS = 0.25


class DemoFailed(Exception):
    """One clear line."""


def now_ms():
    return int(time.monotonic() * 1000)


def await_services(screen, lab):
    silent = readiness.wait(lab)
    if silent:
        raise DemoFailed(f"these do not answer: {', '.join(silent)}")
    screen.say(f"lab {lab['name']}: {lab['hosts']} host{'s' if lab['hosts'] > 1 else ''} up")


def host_words(lab):
    states = ask(lab["state"], {"do": "status"})["hosts"]
    return {name: "OFF" if not one["on"] else "cut" if one["cut"] else "hung" if one["hung"] else "on"
            for name, one in states.items()}


def watch(screen, lab, outside, seconds, over):
    """Shows the lab until over() is true or the time is up; whether it is true."""
    deadline = time.monotonic() + seconds
    while not over():
        if time.monotonic() > deadline:
            return False
        if outside.ended or not processes.lives(lab["pid"]):
            raise DemoFailed("the lab ended under the demo")
        outside.wait(LOOK_SECONDS)
        screen.table(screens.guest_lines(lab, outside, host_words(lab)))
    screen.table(screens.guest_lines(lab, outside, host_words(lab)))
    return True


def await_answers(screen, lab, outside, names):
    if not watch(screen, lab, outside, START_SECONDS, lambda: set(names) <= set(outside.answering())):
        missing = sorted(set(names) - set(outside.answering()))
        raise DemoFailed(f"{', '.join(missing)}: no answer within {START_SECONDS:.0f} s after apply")


def double_runs(lab, outside):
    """Sentences, one for each sign that a guest ever ran twice: two QEMU processes at once, or two boots that wrote to
    its disk side by side."""
    found = [f"{event['guest']} had two QEMU processes at once, on {' and '.join(event['hosts'])}"
             for event in outside.doubles]
    for name in lab["guests"]:
        lanes = sequences.read(os.path.join(lab["state"], "shared/disks", name + ".raw"))
        if not lanes:
            found.append(f"{name} wrote nothing to its disk")
        found += [f"{name}: {sentence}" for sentence in sequences.double_runs(lanes)]
    return found


def show_timeline(screen, since, ms):
    if ms:
        screen.say(f"timeline, ms {since}: " + "   ".join(f"{name.replace('_', ' ')} {value}"
                                                          for name, value in ms.items() if value is not None))
