"""Part 1 of the demo: one host, embedded engine. A guest's QEMU is killed; its page is to answer again, in place."""

import os
import signal

import demo_common as common
import guests
import haven_client
import launcher
from outside import Outside

GUEST = "web1"
HOST = "h1"


def run(screen):
    """{"ok", "ms": {"started", "answering"}, "why"}; ms since the kill."""
    screen.say("Part 1: one host, embedded engine. A guest's QEMU is killed.")
    lab = launcher.up(f"demo{os.getpid()}a", single=True, owner=os.getpid(), guest_count=1)
    try:
        common.await_services(screen, lab)
        with Outside(lab) as outside:
            return _kill_and_watch(screen, lab, outside)
    finally:
        launcher.down(lab)


def _kill_and_watch(screen, lab, outside):
    haven_client.apply(lab, HOST)
    screen.say(f"havend protects {GUEST} (haven apply); waiting for its page")
    common.await_answers(screen, lab, outside, [GUEST])
    before = dict(outside.guests[GUEST])
    killed_ms = common.now_ms()
    _kill_emulator(lab)
    screen.say(f"killed the QEMU of {GUEST}")
    common.watch(screen, lab, outside, common.RECOVERY_SECONDS,
                 lambda: outside.guests[GUEST]["boot"] not in (None, before["boot"]))
    after = outside.guests[GUEST]
    again = after["boot"] not in (None, before["boot"])
    why = [] if again else [f"{GUEST} did not answer again within {common.RECOVERY_SECONDS:.0f} s"]
    if again and after["host"] != HOST:
        why.append(f"{GUEST} runs on {after['host']}")
    why += common.double_runs(lab, outside)
    ms = {"started": after["run_ms"] - killed_ms, "answering": after["answer_ms"] - killed_ms} if again else {}
    common.show_timeline(screen, "since the kill", ms)
    return {"ok": not why, "ms": ms, **({"why": why} if why else {})}


def _kill_emulator(lab):
    for pid, name in guests.emulators(lab, HOST).items():
        if name == GUEST:
            os.kill(pid, signal.SIGKILL)
