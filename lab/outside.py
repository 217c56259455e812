"""The observer's report, folded: which QEMU runs where, which page answers, and when that last changed."""

import json
import os
import queue
import subprocess
import threading
import time

import inside

_OBSERVER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "observer.py")


class Outside:
    """Live for as long as the `with` block. Feed it by wait()."""

    def __init__(self, lab):
        # `host` and `pid` are the youngest's of its `runs`: while it moves live there are two.
        self.guests = {name: {"host": None, "pid": None, "boot": None, "run_ms": None, "answer_ms": None, "runs": {}}
                       for name in lab["guests"]}
        self.doubles = []     # {"guest", "hosts", "t"}
        self.silences = []    # {"guest", "t"}: a page that had answered fell silent
        self.ended = False    # the observer itself is gone
        self._events = queue.Queue()
        self._lab = lab

    def __enter__(self):
        self._process = subprocess.Popen(
            inside.switch_command(self._lab, ["/usr/bin/python3", _OBSERVER, self._lab["state"]]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_):
        self._process.stdin.close()  # nsenter's child would not hear of a signal to nsenter
        self._process.wait()
        self._reader.join()
        self._process.stdout.close()

    def _read(self):
        for line in self._process.stdout:
            self._events.put(json.loads(line))
        self._events.put(None)

    def wait(self, seconds):
        """Takes in what happens within so many seconds, returning at the first change; the changes."""
        changes = []
        try:
            changes.append(self._events.get(timeout=seconds))
            while True:
                changes.append(self._events.get_nowait())
        except queue.Empty:
            pass
        for change in changes:
            self._fold(change)
        return changes

    def _fold(self, event):
        if event is None:
            self.ended = True
            return
        guest, kind = self.guests[event["guest"]], event["kind"]
        if kind == "run":
            guest["runs"][event["pid"]] = event["host"]
            guest.update(host=event["host"], pid=event["pid"], run_ms=event["t"])
        elif kind == "halt":
            guest["runs"].pop(event["pid"], None)
            pid, host = next(reversed(guest["runs"].items()), (None, None))
            guest.update(host=host, pid=pid)
        elif kind == "answer":
            guest.update(boot=event["boot"], answer_ms=event["t"])
        elif kind == "silent":
            guest.update(boot=None)
            self.silences.append(event)
        elif kind == "double":
            self.doubles.append(event)

    def follow(self, holds, seconds=40.0):
        """Whether holds() comes true within so many seconds, taking in what happens meanwhile."""
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline:
                return False
            self.wait(0.2)
        return True

    def answering(self):
        return [name for name, guest in self.guests.items() if guest["boot"] and guest["host"]]

    def on(self, host):
        """Guests whose QEMU runs on that host."""
        return [name for name, guest in self.guests.items() if guest["host"] == host]
