"""Waits for a lab to end, in whatever way, and clears what the kernel does not: its control groups and its folder.
Ends the lab when its owner ends. Called by the launcher: watcher.py STATE and the identities (pid, start) of the lab's
process, of the first process inside it and of the owner (0 0: none)."""

import os
import select
import shutil
import sys

import cgroups
import processes

LAST_SECONDS = 30.0
KEPT = "kept"  # a file in the lab's folder: it outlives its owner


def clear(state):
    group = cgroups.lab_group(os.path.basename(state))
    cgroups.kill(group)
    cgroups.remove(group)
    shutil.rmtree(state, ignore_errors=True)
    try:
        os.rmdir(os.path.dirname(state))
    except OSError:
        pass  # other labs are there


def await_end(*those):
    """Returns when one of the processes is gone."""
    handles = [os.pidfd_open(who["pid"]) for who in those if processes.lives(who)]
    if len(handles) == len(those):
        select.select(handles, [], [])
    for handle in handles:
        os.close(handle)


def main():
    state, *numbers = sys.argv[1:]
    lab, first, owner = ({"pid": int(numbers[i]), "start": int(numbers[i + 1])} for i in (0, 2, 4))
    if owner["pid"]:
        await_end(lab, first, owner)
    if not owner["pid"] or os.path.exists(os.path.join(state, KEPT)):
        await_end(lab, first)
    for who in (lab, first):
        processes.kill(who)
    cgroups.kill(cgroups.lab_group(os.path.basename(state)))  # also what hangs
    processes.wait(first, LAST_SECONDS)  # it is gone when all others of the lab are
    clear(state)


if __name__ == "__main__":
    main()
