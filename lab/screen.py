"""What the demo shows: a table that stays in place on a terminal, plain lines elsewhere."""

import sys
import time


class Screen:
    def __init__(self, out=sys.stdout):
        self._out = out
        self._live = out.isatty()
        self._drawn = 0
        self._last = None
        self._began = time.monotonic()

    def say(self, text):
        """A line that stays."""
        self._erase()
        print(text, file=self._out, flush=True)
        self._last = None

    def table(self, lines):
        """The current picture. Off a terminal it is printed as one line, whenever it has changed."""
        if lines == self._last:
            return
        self._last = lines
        if not self._live:
            print(f"[{time.monotonic() - self._began:6.1f} s] " + " | ".join(" ".join(line.split()) for line in lines),
                  file=self._out, flush=True)
            return
        self._erase()
        print("\n".join(lines), file=self._out, flush=True)
        self._drawn = len(lines)

    def _erase(self):
        if self._live and self._drawn:
            self._out.write(f"\x1b[{self._drawn}A\x1b[J")
        self._drawn = 0


def guest_lines(lab, outside, hosts):
    """One line of hosts and one for each guest. `hosts`: {name: word}."""
    lines = ["hosts   " + "   ".join(f"{name} {word}" for name, word in hosts.items())]
    for name, guest in outside.guests.items():
        page = "answers" if guest["boot"] else "boots" if guest["host"] else "-"
        lines.append(f"  {name:6} on {guest['host'] or '-':4} {page}")
    return lines
