"""Part 2 of the demo: three hosts, etcd, six guests. The power of the host that runs the controller and guests is cut;
the guests are to answer again from the survivors. Then the host is powered on and is to take nothing."""

import dataclasses
import os
import time

import demo_common as common
import haven_client
import launcher
from chassis import ask
from outside import Outside

HOSTS = 3
GUESTS = 6
REJOIN_SECONDS = 60.0
QUIET_SECONDS = 5.0  # after its return, during which the host must take nothing
JOIN_SECONDS = 30.0


def run(screen, stay=False):
    """The "cluster" object of the demo's JSON. With `stay` the lab is left up (its name is in "lab")."""
    screen.say(f"Part 2: {HOSTS} hosts, etcd, {GUESTS} guests. The host that runs the controller loses its power.")
    lab = launcher.up(f"demo{os.getpid()}", hosts=HOSTS, owner=os.getpid(), guest_count=GUESTS)
    kept = False
    try:
        common.await_services(screen, lab)
        with Outside(lab) as outside:
            result = _fail_over(screen, lab, outside)
        if stay:
            launcher.keep(lab)
            kept = True
        return {**result, **({"lab": lab["name"]} if stay else {})}
    finally:
        if not kept:
            launcher.down(lab)


def _fail_over(screen, lab, outside):
    haven_client.apply(lab, "h1")
    screen.say("the cluster file is applied; waiting for the pages of " + ", ".join(lab["guests"]))
    common.await_answers(screen, lab, outside, lab["guests"])
    cut = cut_power(screen, lab, outside)
    common.show_timeline(screen, "since the cut", cut.ms)
    for name in sorted(cut.lost, key=lambda name: outside.guests[name]["run_ms"] or 0):
        guest = outside.guests[name]
        if guest["host"] and not cut.missing:
            screen.say(f"  {name}: started on {guest['host']} at {guest['run_ms'] - cut.at_ms} ms, "
                       f"answers at {guest['answer_ms'] - cut.at_ms} ms")
    why = [f"{', '.join(cut.missing)} did not answer again"] if cut.missing else []
    why += bring_back(screen, lab, outside, cut.victim)
    return _judge(lab, outside, cut.ms, why)


@dataclasses.dataclass
class Cut:
    """What a cut of the controller's host did, in ms since the cut; of several guests the slowest counts."""

    victim: str
    lost: list     # guests that ran there
    missing: list  # those of them that did not answer again
    at_ms: int     # monotonic
    ms: dict


def cut_power(screen, lab, outside, controller=True):
    """Cuts the power of the host that runs the controller and guests, or of another one with guests, and waits for
    these to answer again."""
    victim = _victim(screen, lab, outside, controller)
    lost = outside.on(victim)
    old_boots = {name: guest["boot"] for name, guest in outside.guests.items()}
    screen.say(f"cutting the power of {victim}: it runs {'the controller and ' if controller else ''}"
               f"{', '.join(lost)}")
    wall_ms, before_ms = time.time() * 1000, common.now_ms()
    cut_ms = ask(lab["state"], {"do": "crash", "host": victim})["cut_at_ms"]
    wall_ms += cut_ms - before_ms
    absent = lambda: [name for name in lost if outside.guests[name]["boot"] in (None, old_boots[name])]
    common.watch(screen, lab, outside, common.RECOVERY_SECONDS, lambda: not absent())
    missing = absent()
    ms = _timeline(lab, outside, victim, [name for name in lost if name not in missing], cut_ms, wall_ms)
    return Cut(victim, lost, missing, cut_ms, ms)


def _survivor(lab, victim):
    return next(f"h{number}" for number in range(1, lab["hosts"] + 1) if f"h{number}" != victim)


def _victim(screen, lab, outside, controller):
    """The controller's host, or the first other one; if no guest runs there, one is moved to it first."""
    deadline = time.monotonic() + JOIN_SECONDS
    while (victim := haven_client.controller(haven_client.status(lab, "h1"))) is None:
        if time.monotonic() > deadline:
            raise common.DemoFailed("haven status names no controller")
        outside.wait(common.LOOK_SECONDS)
    if not controller:
        victim = _survivor(lab, victim)
    if not outside.on(victim):
        mover = lab["guests"][-1]
        screen.say(f"moving {mover} to {victim}")
        haven_client.relocate(lab, victim, mover, victim)
        if not common.watch(screen, lab, outside, common.RECOVERY_SECONDS,
                            lambda: mover in outside.on(victim) and mover in outside.answering()):
            raise common.DemoFailed(f"{mover} did not move to {victim}")
    return victim


def _timeline(lab, outside, victim, back, cut_ms, wall_ms):
    """Suspicion, proof and the order to start as Haven's journal has them, the rest as seen from outside. What was not
    seen is None."""
    entries = haven_client.journal(lab, _survivor(lab, victim))
    told = lambda kinds: haven_client.first_entry(entries, kinds, victim, wall_ms)
    ordered = lambda: max((entry["at_ms"] for entry in entries if entry["kind"] == "recover"
                           and entry.get("from") == victim and entry["at_ms"] >= wall_ms), default=None)
    since = lambda at, zero: None if at is None else round(at - zero)
    asked = ask(lab["state"], {"do": "power?", "host": victim})["bmc_asked_at_ms"]
    slowest = lambda key: max((outside.guests[name][key] for name in back), default=None)
    return {"suspected": since(told({"intent"}), wall_ms), "fence_begun": since(asked, cut_ms),
            "proved": since(told({"fenced", "proved"}), wall_ms), "ordered": since(ordered(), wall_ms),
            "started": since(slowest("run_ms"), cut_ms), "answering": since(slowest("answer_ms"), cut_ms)}


def bring_back(screen, lab, outside, victim):
    """Powers the host on and waits until Haven counts it again; sentences about what it then did wrong."""
    if _rejoined(lab, victim):
        return [f"Haven counted {victim} as up while its power was off"]
    screen.say(f"powering {victim} on again")
    ask(lab["state"], {"do": "on", "host": victim})
    placed = {name: guest["host"] for name, guest in outside.guests.items()}
    deadline = time.monotonic() + REJOIN_SECONDS
    while not _rejoined(lab, victim):
        if time.monotonic() > deadline:
            return [f"{victim} did not rejoin within {REJOIN_SECONDS:.0f} s"]
        common.watch(screen, lab, outside, common.LOOK_SECONDS, lambda: False)
    screen.say(f"{victim} has rejoined; watching that it takes nothing")
    common.watch(screen, lab, outside, QUIET_SECONDS, lambda: False)
    return [f"{name} moved from {placed[name]} to {guest['host']} when {victim} returned"
            for name, guest in outside.guests.items() if guest["host"] != placed[name]]


def _rejoined(lab, victim):
    try:
        return haven_client.is_up(haven_client.status(lab, _survivor(lab, victim)), victim)
    except haven_client.HavenError:
        return False


def _judge(lab, outside, ms, why):
    doubles = common.double_runs(lab, outside)
    answered = len(outside.answering())
    if answered < len(lab["guests"]):
        why.append(f"{len(lab['guests']) - answered} guests do not answer at the end")
    why = why + doubles
    return {"ok": not why, "guests": len(lab["guests"]), "answered": answered, "double_runs": len(doubles), "ms": ms,
            **({"why": why} if why else {})}
