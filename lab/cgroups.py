"""One control group per lab and host, in every hierarchy the machine has (v1, v2 or both); none on a machine without.

They name what belongs to a lab, freeze a host (`hang`) and give each host a private view, as libvirt's LXC needs.
The `cpu` hierarchy alone is left out: niceness weighs daemons above guests, and must do so across all hosts."""

import os
import signal
import time

import mounts

FREEZE_SECONDS = 5.0
_CONTROLLERS = {"cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "net_cls", "net_prio",
                "perf_event", "hugetlb", "rdma", "misc"}


def _mounts():
    """(mount point, v1 controllers as a set or None for v2) of each hierarchy."""
    found = {}
    with open("/proc/self/mountinfo") as lines:
        for line in lines:
            left, _, right = line.partition(" - ")
            kind, _, options = right.split()[:3]
            point = left.split()[4]
            if kind == "cgroup2":
                found.setdefault("v2", (point, None))
            elif kind == "cgroup":
                names = {word for word in options.split(",") if word in _CONTROLLERS or word.startswith("name=")}
                found.setdefault(",".join(sorted(names)), (point, names))
    return [(point, names) for point, names in found.values() if names != {"cpu"}]


def mount_private_view(folder="/sys/fs/cgroup"):
    """Inside a host's cgroup namespace, below a fresh /sys: the same hierarchies, rooted at the host's own group."""
    hierarchies = _mounts()
    return lambda: _mount_view(folder, hierarchies)


def _mount_view(folder, hierarchies):
    if not any(names for _, names in hierarchies):
        if hierarchies:
            mounts.mount("cgroup2", folder, "cgroup2")
        return
    mounts.mount("tmpfs", folder, "tmpfs", options="mode=755")
    for point, names in hierarchies:
        target = os.path.join(folder, os.path.basename(point))
        os.mkdir(target)
        if names is None:
            mounts.mount("cgroup2", target, "cgroup2")
        else:
            words = sorted(names)
            named = any(word.startswith("name=") for word in words)
            mounts.mount("cgroup", target, "cgroup", options=",".join((["none"] if named else []) + words))
        if names and "cpuset" in names:
            _write(os.path.join(target, "cgroup.clone_children"), "1")


def lab_group(lab):
    return f"haven-lab-{lab}"


def host_group(lab, host):
    return f"haven-lab-{lab}/{host}"


def create(group):
    for point, names in _mounts():
        path = os.path.join(point, group)
        try:
            os.makedirs(path, exist_ok=True)
            if names and "cpuset" in names:
                _prepare_cpuset(point, group)
        except OSError:
            continue  # a read-only hierarchy: the lab does without it


def _prepare_cpuset(point, group):
    """A v1 cpuset admits nobody until it says which processors and memory it has."""
    path = point
    for part in group.split("/"):
        parent, path = path, os.path.join(path, part)
        for name in ("cpuset.cpus", "cpuset.mems"):
            with open(os.path.join(parent, name)) as file:
                value = file.read().strip()
            with open(os.path.join(path, name), "w") as file:
                file.write(value)


def join(group, pid=0):
    """Puts a process (0: the caller) into the group, wherever the group exists."""
    for point, _ in _mounts():
        try:
            with open(os.path.join(point, group, "cgroup.procs"), "w") as file:
                file.write(str(pid))
        except OSError:
            continue


def joining(group, command):
    """The argument list of a command that first joins the group. By then it is a program of its own: whoever starts it
    does not wait for it where the group is frozen."""
    files = [path for path in (os.path.join(point, group, "cgroup.procs") for point, _ in _mounts())
             if os.path.exists(path)]
    script = 'while [ "$1" != -- ]; do echo $$ > "$1"; shift; done; shift; exec "$@"'
    return ["/bin/sh", "-c", script, "join", *files, "--", *command]


def members(group):
    """Pids in the group and below, as the caller's process namespace numbers them."""
    found = set()
    for point, _ in _mounts():
        for folder, _, _ in os.walk(os.path.join(point, group)):
            try:
                with open(os.path.join(folder, "cgroup.procs")) as file:
                    found.update(int(line) for line in file if line.strip() != "0")
            except OSError:
                continue
    return found


def _freezer(group):
    """(file, word that freezes, word that thaws, file and word that tell it is frozen) or None."""
    mounts = _mounts()
    for point, names in mounts:
        path = os.path.join(point, group)
        if names is None and os.path.exists(os.path.join(path, "cgroup.freeze")):
            return os.path.join(path, "cgroup.freeze"), "1", "0", os.path.join(path, "cgroup.events"), "frozen 1"
    for point, names in mounts:
        path = os.path.join(point, group)
        if names and "freezer" in names and os.path.isdir(path):
            state = os.path.join(path, "freezer.state")
            return state, "FROZEN", "THAWED", state, "FROZEN"
    return None


def can_freeze(group):
    return _freezer(group) is not None


def freeze(group):
    """True once every process of the group stands still. For groups that can_freeze()."""
    file, on, _, told, word = _freezer(group)
    _write(file, on)
    deadline = time.monotonic() + FREEZE_SECONDS
    while time.monotonic() < deadline:
        with open(told) as state:
            if word in state.read():
                return True
        time.sleep(0.002)  # v1 has no event for it
    return False


def thaw(group):
    freezer = _freezer(group)
    if freezer is not None:
        _write(freezer[0], freezer[2])


def _write(path, text):
    try:
        with open(path, "w") as file:
            file.write(text)
    except OSError:
        pass


def kill(group):
    """SIGKILL to every member. Frozen ones die without having run another instruction."""
    for pid in members(group):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    thaw(group)


def remove(group, seconds=5.0):
    """Removes the group and all below it, once they are empty. True if nothing is left."""
    deadline = time.monotonic() + seconds
    while True:
        left = False
        for point, _ in _mounts():
            for folder, _, _ in os.walk(os.path.join(point, group), topdown=False):
                try:
                    os.rmdir(folder)
                except FileNotFoundError:
                    pass
                except OSError:
                    left = True
        if not left or time.monotonic() > deadline:
            return not left
        time.sleep(0.02)  # a dying process leaves its group without an event that all hierarchies have
