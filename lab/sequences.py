"""What the guests wrote on their disks (lab/guest/lanes.hpp says how), judged from outside: did one run twice?"""

import mmap
import os
import re

LANES = 64
LANE_BYTES = 4096
_LINE = re.compile(rb"haven-lane guest=(\S+) boot=(\d+) id=(\S+) before=(\d+) sequence=(\d+) overlaps=(\d+)\n")


def read(path):
    """The lanes of a disk by boot number: {boot: {"id", "before", "sequence", "overlaps"}}. Read past the page cache,
    as the guests write past it."""
    buffer = mmap.mmap(-1, LANES * LANE_BYTES)
    disk = os.open(path, os.O_RDONLY | os.O_DIRECT)
    try:
        os.preadv(disk, [buffer], 0)
    finally:
        os.close(disk)
    return parse(bytes(buffer))


def parse(data):
    lanes = {}
    for at in range(0, len(data), LANE_BYTES):
        match = _LINE.match(data, at)
        if match:
            _, boot, boot_id, before, sequence, overlaps = match.groups()
            lanes[int(boot)] = {"id": boot_id.decode(), "before": int(before), "sequence": int(sequence),
                                "overlaps": int(overlaps)}
    return lanes


def double_runs(lanes):
    """Sentences, one for each boot that another boot ran beside; none if the guest never ran twice."""
    found = []
    for boot, lane in sorted(lanes.items()):
        if lane["overlaps"]:
            found.append(f"boot {boot} saw another boot, or a copy of itself, write {lane['overlaps']} times")
        before = lanes.get(boot - 1)
        if before and before["sequence"] > lane["before"]:
            found.append(f"boot {boot - 1} wrote up to {before['sequence']} though boot {boot} began at "
                         f"{lane['before']}")
    return found
