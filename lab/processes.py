"""Processes by identity: a pid alone may by now be somebody else's."""

import os
import select
import signal


def start_time(pid):
    """Ticks since boot at which this pid was started, or None if there is none (a zombie counts as none)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            fields = stat.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def identity(pid):
    return {"pid": pid, "start": start_time(pid)}


def lives(who):
    return bool(who) and who["start"] is not None and start_time(who["pid"]) == who["start"]


def kill(who, number=signal.SIGKILL):
    """Signals exactly that process, if it still is the one."""
    try:
        handle = os.pidfd_open(who["pid"])
    except OSError:
        return
    try:
        if lives(who):
            signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        pass
    finally:
        os.close(handle)


def wait(who, seconds):
    """True once that process has ended; False if it still lives after so many seconds."""
    try:
        handle = os.pidfd_open(who["pid"])
    except OSError:
        return True
    try:
        if not lives(who):
            return True
        return bool(select.select([handle], [], [], seconds)[0])
    finally:
        os.close(handle)


def space(pid):
    """The process namespace that a process lives in, as text; None if it is gone."""
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return None


def inside(wanted):
    """Pids of the processes in that namespace."""
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit() and space(entry) == wanted]


def program(pid):
    """Name of the program that it runs, or None."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return os.path.basename(file.read().split(b"\0")[0]).decode(errors="replace")
    except OSError:
        return None


def children(parent):
    """Pids of the direct children of a process, in the caller's process namespace."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", "rb") as stat:
                fields = stat.read().rpartition(b")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent and fields[0] != b"Z":
            found.append(int(entry))
    return found
