"""Watches a lab's guests from outside: from beside the switch, where no host and nothing of Haven's is. One JSON object
a line on its standard output, with the time in ms of the machine's monotonic clock:
  {"t": ..., "kind": "run" | "halt", "guest": ..., "host": ..., "pid": ...}      a QEMU process appeared, is gone
  {"t": ..., "kind": "answer" | "silent", "guest": ..., "boot": ...}             its web page answers, or no longer does
  {"t": ..., "kind": "double", "guest": ..., "hosts": [...]}                     a QEMU process more of one guest, not come in
                                                                                by migration: whether such a one runs too soon
                                                                                the guest's disk tells (guest/lanes.hpp)
Called in the lab's namespaces: observer.py STATE; ends with the lab, or when its standard input does."""

import json
import os
import socket
import sys
import threading
import time

import guests
import layout
import processes
from chassis import ask

LOOK_SECONDS = 0.03    # between two looks at the processes
ASK_SECONDS = 0.1      # between two requests to a page
CONNECT_SECONDS = 0.25
ANSWER_SECONDS = 0.5   # a page that takes longer is silent
SETTLED_SECONDS = 2.0  # from a process's birth to its last exec
SILENT_AFTER = 3       # requests in a row

_speaking = threading.Lock()


def say(kind, guest, **more):
    with _speaking:
        try:
            print(json.dumps({"t": int(time.monotonic() * 1000), "kind": kind, "guest": guest, **more}), flush=True)
        except BrokenPipeError:
            os._exit(0)


class Processes:
    """QEMU processes in any host of the lab."""

    def __init__(self, state):
        self._state = state
        self._running = {}  # pid: (guest, host)
        self._plain = {}    # pid: when it was first seen to be no guest; it becomes none after SETTLED_SECONDS

    def look(self):
        pids = {int(entry) for entry in os.listdir("/proc") if entry.isdigit()}
        for pid in [pid for pid in self._running if pid not in pids or guests.guest_of(pid) is None]:
            guest, host = self._running.pop(pid)
            say("halt", guest, host=host, pid=pid)
        now = time.monotonic()
        self._plain = {pid: seen for pid, seen in self._plain.items() if pid in pids}
        for pid in pids - self._running.keys():
            if now - self._plain.get(pid, now) > SETTLED_SECONDS:
                continue
            guest = guests.guest_of(pid)
            if guest is None:
                self._plain.setdefault(pid, now)
                continue
            self._plain.pop(pid, None)
            if _runs_emulator(pid):
                self._began(pid, guest)

    def _began(self, pid, guest):
        host = self._host_of(pid)
        others = [where for name, where in self._running.values() if name == guest]
        self._running[pid] = (guest, host)
        say("run", guest, host=host, pid=pid)
        if others and not _came_in(pid):
            say("double", guest, hosts=[*others, host])

    def _host_of(self, pid):
        space = processes.space(pid)
        hosts = ask(self._state, {"do": "status"})["hosts"]
        return next((name for name, host in hosts.items() if space and host["space"] == space), "?")


def _runs_emulator(pid):
    """False while the start still waits for its slot, the emulator not being there yet."""
    try:
        # The name alone: seen from another namespace, or from within a chroot, the folder may read otherwise.
        program = os.readlink(f"/proc/{pid}/exe")
        # What stands in for it bears its name, and forks once before it becomes the emulator.
        stands_in = program.endswith("/lab/" + os.path.basename(layout.EMULATOR))
        return os.path.basename(program).startswith("qemu-system-") and not stands_in
    except OSError:
        return False


def _came_in(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return b"-incoming" in file.read().split(b"\0")
    except OSError:
        return False


def boot_that_answers(address):
    """The boot id on the guest's page, or None."""
    try:
        with socket.create_connection((address, 80), CONNECT_SECONDS) as connection:
            connection.settimeout(ANSWER_SECONDS)
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            page = b""
            while part := connection.recv(4096):
                page += part
    except OSError:
        return None
    words = page.rpartition(b"\r\n\r\n")[2].decode(errors="replace").split()
    return words[2] if len(words) > 3 and words[1] == "boot" else None


def watch_page(guest):
    address, boot, misses = guests.address_of(guest), None, 0
    while True:
        now = boot_that_answers(address)
        misses = 0 if now else misses + 1
        if now and now != boot:
            say("answer", guest, boot=now)
            boot = now
        elif boot and misses == SILENT_AFTER:
            say("silent", guest, boot=boot)
            boot = None
        time.sleep(ASK_SECONDS)


def end_with_input():
    sys.stdin.read()
    os._exit(0)


def main():
    threading.Thread(target=end_with_input, daemon=True).start()
    state = sys.argv[1]
    with open(os.path.join(state, "lab.json")) as file:
        names = json.load(file)["guests"]
    for guest in names:
        threading.Thread(target=watch_page, args=(guest,), daemon=True).start()
    processes = Processes(state)
    while True:
        processes.look()
        time.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    main()
