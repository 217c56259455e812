"""Haven as its operator sees it: the `haven` command in a host, and what its JSON says. Nothing else of the lab knows
how that looks."""

import json
import subprocess

import inside
import layout

COMMAND_SECONDS = 15.0


class HavenError(Exception):
    """What `haven` said, or that it did not answer."""


def call(lab, host, *words, timeout=COMMAND_SECONDS, good=(0,)):
    """Runs `haven WORDS --json` in a host; the object on its last line. Raises HavenError unless it exits as `good`."""
    try:
        done = inside.run(lab, host, ["haven", *words, "--json"], timeout=timeout)
    except subprocess.TimeoutExpired:
        raise HavenError(f"haven {words[0]} on {host}: no answer in {timeout:.0f} s") from None
    except inside.HostOff as error:
        raise HavenError(str(error)) from None
    lines = done.stdout.strip().splitlines()
    if done.returncode not in good:
        said = (done.stderr.strip() or (lines[-1] if lines else "nothing")).splitlines()[-1]
        raise HavenError(f"haven {words[0]} on {host}: exit {done.returncode}: {said}")
    try:
        return json.loads(lines[-1])
    except (IndexError, ValueError):
        raise HavenError(f"haven {words[0]} on {host}: no JSON on its last line") from None


def apply(lab, host, file=layout.CLUSTER_FILE):
    return call(lab, host, "apply", file, "--yes", timeout=60.0)


def status(lab, host):
    answer = call(lab, host, "status", good=(0, 1))  # 1: something is wrong, and the answer says what
    if "error" in answer:
        raise HavenError(f"haven status on {host}: {answer['error']}")
    return answer


def controller(answer):
    """Name of the host whose havend decides, or None."""
    return answer.get("controller") or None


def hosts(answer):
    """{host: its state in Haven's words}."""
    return {host["name"]: host["state"] for host in answer["hosts"]}


def is_up(answer, host):
    """Whether Haven counts this host among those it can use."""
    return hosts(answer).get(host) == "up"


def resources(answer):
    """{resource: (its state in Haven's words, the host where it runs or None)}."""
    return {one["name"]: (one["state"], one.get("host")) for one in answer["resources"]}


def relocate(lab, host, resource, to):
    return call(lab, host, "relocate", resource, to)


def journal(lab, host):
    """Entries, oldest first, each with `at_ms` (wall clock), `kind` and where they apply `resource`, `host`, `from`."""
    return call(lab, host, "journal")["entries"]


def first_entry(entries, kinds, host, since_ms):
    """`at_ms` of the first entry of one of these kinds about this host, not before since_ms; or None."""
    times = [entry["at_ms"] for entry in entries
             if entry["kind"] in kinds and entry.get("host") == host and entry["at_ms"] >= since_ms]
    return min(times, default=None)
