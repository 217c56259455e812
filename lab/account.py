"""What each host's kernel would count. All hosts of a lab share the machine's kernel, whose figures say the same of each
of them. A lab made with `own_cpus` gives every host a /proc/stat with so many CPUs and a /proc/meminfo of its own, in
which its guests' processes are what is used; what the kernel says of pressure is covered, for it is of the machine.
havend and libvirt read them as any other."""

import os
import threading
import time

import guests
import mounts

FOLDER = "account"
_NO_PRESSURE = "".join(f"{kind} avg10=0.00 avg60=0.00 avg300=0.00 total=0\n" for kind in ("some", "full"))
_COVERED = ("stat", "meminfo", "pressure/cpu", "pressure/memory")
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_KIB = os.sysconf("SC_PAGESIZE") // 1024
_ACCOUNT_SECONDS = 0.5


def create(lab, number):
    folder = path(lab["state"], number)
    os.makedirs(os.path.join(folder, "pressure"))
    texts = {"stat": _stat(lab["own_cpus"], 0, 0), "meminfo": _meminfo(0)}
    for name in _COVERED:
        with open(os.path.join(folder, name), "w") as file:
            file.write(texts.get(name, _NO_PRESSURE))


def cover(folder):
    """Within a host, by its first process; `folder` is an open one."""
    for name in _COVERED:
        mounts.bind(f"/proc/self/fd/{folder}/{name}", "/proc/" + name)


def path(state, number):
    return os.path.join(state, f"h{number}", FOLDER)


# Both as the kernel writes them, every number as wide as any, for they are overwritten in place.
def _stat(cpus, busy, idle):
    line = lambda name, part: f"{name} {busy // part:020d} 0 0 {idle // part:020d} 0 0 0 0 0 0\n"
    with open("/proc/stat") as file:
        began = next(line for line in file if line.startswith("btime "))
    return line("cpu", 1) + "".join(line(f"cpu{n}", cpus) for n in range(cpus)) + began


def _meminfo(used_kib):
    total = guests.OWN_MEMORY_GIB << 20
    free = max(total - used_kib, 0)
    return "".join(f"{name}: {kib:12d} kB\n" for name, kib in (
        ("MemTotal", total), ("MemFree", free), ("MemAvailable", free), ("Buffers", 0), ("Cached", 0),
        ("SwapTotal", 0), ("SwapFree", 0)))


def _used(pid):
    """(ticks of processor time, KiB resident), or None if it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return int(fields[11]) + int(fields[12]), int(fields[21]) * _PAGE_KIB


class Account:
    """Keeps every host's while the `with` block lasts."""

    def __init__(self, lab):
        self._lab = lab
        self._ending = threading.Event()
        self._ticks = {}  # pid: as last seen
        self._busy = {number: 0 for number in range(1, lab["hosts"] + 1)}
        self._idle = dict(self._busy)
        self._at = time.monotonic()

    def __enter__(self):
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ending.set()
        self._thread.join()

    def _run(self):
        while not self._ending.wait(_ACCOUNT_SECONDS):
            self._look()

    def _look(self):
        now = time.monotonic()
        had = int((now - self._at) * _TICKS) * self._lab["own_cpus"]
        self._at = now
        seen = {}
        for number in self._busy:
            ticks = resident = 0
            for pid in guests.emulators(self._lab, f"h{number}"):
                used = _used(pid)
                if used is None:
                    continue
                seen[pid] = used[0]
                ticks += used[0] - self._ticks.get(pid, used[0])
                resident += used[1]
            self._busy[number] += min(ticks, had)
            self._idle[number] += had - min(ticks, had)
            self._write(number, "stat", _stat(self._lab["own_cpus"], self._busy[number], self._idle[number]))
            self._write(number, "meminfo", _meminfo(resident))
        self._ticks = seen

    def _write(self, number, name, text):
        with open(os.path.join(path(self._lab["state"], number), name), "r+") as file:
            file.write(text)
