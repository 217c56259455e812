"""Ways into a lab: commands in a host, or beside the switch, where the outside observer stands."""

import os
import subprocess

import cgroups
import layout
from chassis import ask


class HostOff(Exception):
    """One clear line."""


def _environment():
    return ["env", "-i", f"PATH={layout.HOST_PATH}", "HOME=/root", "LANG=C.UTF-8",
            f"TERM={os.environ.get('TERM', 'dumb')}"]


def host_command(lab, host, command):
    """The argument list that runs `command` in a host, from the machine's own namespaces."""
    state = ask(lab["state"], {"do": "power?", "host": host})
    if "error" in state:
        raise HostOff(state["error"])
    if not state["on"]:
        raise HostOff(f"{host} is off (lab/lab power {host} on)")
    group = cgroups.host_group(lab["name"], host)  # what hangs or cuts the host then does so to the command too
    return cgroups.joining(group, ["nsenter", "-t", str(lab["first"]["pid"]), "-m", "-p", "-r", "--wd", "--",
                                   "nsenter", "-t", str(state["pid"]), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "--wd",
                                   "--", *_environment(), *command])


def run(lab, host, command, timeout=30.0, **options):
    """Runs a command in a host; a CompletedProcess with its text. Raises subprocess.TimeoutExpired."""
    return subprocess.run(host_command(lab, host, command), text=True, capture_output=True, timeout=timeout,
                          stdin=None if "input" in options else subprocess.DEVNULL, check=False, **options)


def switch_command(lab, command):
    """The argument list that runs `command` in the lab's own namespaces: on both its networks, in no host."""
    return ["nsenter", "-t", str(lab["first"]["pid"]), "-m", "-n", "-p", "-r", "--wd", "--", *command]
