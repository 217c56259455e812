"""The demo's second half: everything is installed and built. See ../demo."""

import argparse
import json
import signal
import sys

import demo_cluster
import demo_common
import demo_single
import guest_image
import haven_client
import launcher
from screen import Screen

ONE_LINE = (launcher.LabError, guest_image.GuestImageError, demo_common.DemoFailed, haven_client.HavenError)


def parse(words):
    parser = argparse.ArgumentParser(
        prog="./demo", description="Shows on this one machine that a VM comes back when its QEMU or its host dies. "
        "Exit 0: every guest answered again and none ever ran twice, judged from outside.")
    parser.add_argument("--json", action="store_true", help="print one object on the last line")
    parser.add_argument("--stay", action="store_true", help="leave the three hosts up afterwards, to look and poke")
    parser.add_argument("--part", choices=("single", "cluster"), help="only this part")
    return parser.parse_args(words)


def hints(name):
    return f"""
The lab stays up. Look and poke:
  lab/lab --name {name} status
  lab/lab --name {name} exec h1 haven status      (also: haven journal, haven --help)
  lab/lab --name {name} crash h2                  its power is cut; `power h2 on` brings it back
  lab/lab --name {name} cut h1                    its network; `heal h1`
  lab/lab --name {name} hang h3                   frozen; `resume h3`
  lab/lab --name {name} virsh h1 list
  lab/lab --name {name} down                      the end: nothing is left"""


def interrupted(*_):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the clearing away is not to be interrupted in its turn
    raise KeyboardInterrupt


def main():
    options = parse(sys.argv[1:])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    screen = Screen(sys.stdout)
    result = {}
    try:
        launcher.check_machine()
        launcher.check_haven()
        if options.part != "cluster":
            result["single"] = demo_single.run(screen)
        if options.part != "single":
            result["cluster"] = demo_cluster.run(screen, options.stay)
    except ONE_LINE as error:
        print(f"demo: {error}", file=sys.stderr)
        if options.json:
            print(json.dumps({**result, "error": str(error)}))
        return 1
    except KeyboardInterrupt:
        print("demo: interrupted; nothing is left behind", file=sys.stderr)
        return 130
    good = all(part["ok"] for part in result.values())
    for name, part in result.items():
        for sentence in part.get("why", []):
            screen.say(f"{name}: {sentence}")
    screen.say("every guest answers again; none ever ran twice" if good else "the demo FAILED")
    if "lab" in result.get("cluster", {}):
        print(hints(result["cluster"]["lab"]))
    if options.json:
        print(json.dumps(result))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
