"""Makes a lab, finds labs, ends them."""

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import time

import account
import cgroups
import guest_image
import guests
import host_files
import layout
import processes
import watcher
from chassis import ask

UP_SECONDS = 60.0
_HERE = os.path.dirname(os.path.abspath(__file__))
_TOOLS = ("ip", "unshare", "nsenter", "libvirtd", "virsh", "qemu-system-x86_64", "ipmi_sim", "fence_ipmilan",
          "ipmitool", "etcd", "etcdctl", "modprobe", "strip")


_children = []  # labs and watchers outlive the calls that start them


class LabError(Exception):
    """Something that the operator can mend; its text is one clear line."""


def check_machine():
    if os.geteuid() != 0:
        raise LabError("run this as root: the lab makes network and process namespaces")
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        raise LabError(f"missing: {', '.join(missing)}; run packaging/install-dependencies")
    probe = subprocess.run(["unshare", "--net", "--mount", "--pid", "--uts", "--ipc", "--propagation", "unchanged",
                            "--fork", "true"], capture_output=True, text=True, check=False)
    if probe.returncode != 0:
        raise LabError(f"this machine does not let root make namespaces: {probe.stderr.strip()}")
    absent = [name for name, place in layout.LAB_PROGRAMS.items() if layout.built(place) is None]
    if absent:
        raise LabError(f"not built in {layout.build_folder()}: {', '.join(absent)}; build first (cmake --preset "
                       "release && cmake --build --preset release) or set HAVEN_BUILD")


def check_haven():
    absent = [name for name, place in layout.HAVEN_PROGRAMS.items() if layout.built(place) is None]
    if absent:
        raise LabError(f"not built in {layout.build_folder()}: {', '.join(absent)}")


def describe(name, hosts, single, storage_paths=False, cluster_keys=None, fence_agent=None,
             migration_bandwidth=None, own_cpus=None, vm_lines=""):
    """What a lab is; kept in its folder as lab.json. `storage_paths`: each host's path to the guests' disks can be lost
    (lab/path), for which the disks are slower."""
    return {"cluster_keys": cluster_keys or {}, "fence_agent": fence_agent,
            "migration_bandwidth": migration_bandwidth, "own_cpus": own_cpus, "vm_lines": vm_lines, "name": name,
            "state": layout.state_folder(name), "hosts": 1 if single else hosts,
            "engine": "embedded" if single else "etcd", "secret": secrets.token_hex(16),
            "storage_paths": storage_paths,
            "programs": [name for name, place in layout.HAVEN_PROGRAMS.items() if layout.built(place)]}


def up(name=None, hosts=3, single=False, owner=None, guest_count=6, storage_paths=False, cluster_keys=None,
       fence_agent=None, migration_bandwidth=None, own_cpus=None, vm_lines=""):
    """Brings a lab up and returns its description, once its processes run (see readiness.py for what they serve).
    `cluster_keys` stand in the cluster file's first table; `fence_agent`: a program that takes fence_ipmilan's place
    (see fence_line.py for what it may talk to); `migration_bandwidth`: of one live migration in a second, as "4MiB";
    `own_cpus`: how many each host has, counted apart from the others' (account.py); `vm_lines`: more of each guest's
    table in the cluster file, with {address}."""
    check_machine()
    sweep()
    name = name or f"lab{os.getpid()}"
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,30}", name):
        raise LabError(f"a lab's name is of a-z, 0-9 and -, at most 31: not {name}")
    if not 1 <= hosts <= 32:
        raise LabError("a lab has 1 to 32 hosts")
    image = guest_image.build()
    lab = describe(name, hosts, single, storage_paths, cluster_keys, fence_agent, migration_bandwidth, own_cpus,
                   vm_lines)
    os.makedirs(layout.LABS, exist_ok=True)
    try:
        os.mkdir(lab["state"], 0o700)
    except FileExistsError:
        raise LabError(f"there is a lab named {name} already") from None
    process = None
    try:
        _fill(lab, image, guest_count)
        process = _start(lab)
        _watch(lab, process, owner)
        _await_socket(lab, process)
    except BaseException:
        log = _last_line(os.path.join(lab["state"], "lab.log"))
        if process:
            process.kill()
        watcher.clear(lab["state"])
        if log and sys.exc_info()[0] is LabError:
            raise LabError(f"{sys.exc_info()[1]}: {log}") from None
        raise
    return lab


def _fill(lab, image, guest_count):
    state = lab["state"]
    for folder in ("shared/guests", "shared/disks", "shared/boot", "shared/console", "opt/haven/bin", "opt/haven/lab"):
        os.makedirs(os.path.join(state, folder))
    for name, place in layout.HAVEN_PROGRAMS.items():
        if name in lab["programs"]:
            shutil.copy2(layout.built(place), os.path.join(state, "opt/haven/bin", name))
    for name, target in (("haven-lab-init", layout.INIT), ("haven-lab-emulator", layout.EMULATOR),
                         ("haven-lab-path", layout.STORAGE_PATH)):
        shutil.copy2(layout.built(layout.LAB_PROGRAMS[name]), state + target)
    if lab["fence_agent"]:
        shutil.copy(lab["fence_agent"], state + layout.FENCE_AGENT)
    for path in image:
        shutil.copy2(path, os.path.join(state, "shared/boot"))
    for number in range(1, lab["hosts"] + 1):
        host_files.create(lab, number)
        if lab["own_cpus"]:
            account.create(lab, number)
        cgroups.create(cgroups.host_group(lab["name"], f"h{number}"))
    guests.create(lab, guest_count)
    _save(lab)


def _save(lab):
    path = os.path.join(lab["state"], "lab.json")
    with open(os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(lab, file, indent=1)
    os.rename(path + ".new", path)


def _start(lab):
    with open(os.path.join(lab["state"], "lab.log"), "ab") as log:
        process = subprocess.Popen(
            ["unshare", "--net", "--mount", "--pid", "--uts", "--ipc", "--propagation", "unchanged", "--fork",
             "--kill-child=KILL", "/usr/bin/python3", os.path.join(_HERE, "server.py"), lab["state"]],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/",
            preexec_fn=lambda: cgroups.join(cgroups.lab_group(lab["name"])))
    _children.append(process)
    return process


def _watch(lab, process, owner):
    deadline = time.monotonic() + UP_SECONDS
    while not (first := processes.children(process.pid)):
        if process.poll() is not None or time.monotonic() > deadline:
            raise LabError("the lab did not start")
        time.sleep(0.005)  # between fork and the child there is no event for a third party
    lab["pid"], lab["first"] = processes.identity(process.pid), processes.identity(first[0])
    owner = processes.identity(owner) if owner else {"pid": 0, "start": 0}
    numbers = [str(who[key]) for who in (lab["pid"], lab["first"], owner) for key in ("pid", "start")]
    _save(lab)
    _children.append(subprocess.Popen(
        ["/usr/bin/python3", os.path.join(_HERE, "watcher.py"), lab["state"], *numbers], cwd="/",
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True))


def _await_socket(lab, process):
    deadline = time.monotonic() + UP_SECONDS
    while True:
        try:
            return ask(lab["state"], {"do": "status"})
        except OSError:
            if process.poll() is not None:
                raise LabError("the lab ended while it started") from None
            if time.monotonic() > deadline:
                raise LabError("the lab does not answer") from None
            time.sleep(0.02)


def _last_line(path):
    try:
        with open(path, errors="replace") as file:
            return ([""] + file.read().strip().splitlines())[-1]
    except OSError:
        return ""


def labs():
    """Descriptions of the labs that live."""
    found = []
    for name in sorted(os.listdir(layout.LABS)) if os.path.isdir(layout.LABS) else []:
        try:
            with open(os.path.join(layout.LABS, name, "lab.json")) as file:
                lab = json.load(file)
        except (OSError, ValueError):
            continue
        if processes.lives(lab.get("pid")):
            found.append(lab)
    return found


def find(name=None):
    """The lab of that name; without a name the only one there is."""
    living = labs()
    if name is None and len(living) == 1:
        return living[0]
    for lab in living:
        if lab["name"] == name:
            return lab
    if name is None and living:
        raise LabError("several labs are up, say --name: " + ", ".join(lab["name"] for lab in living))
    raise LabError(f"there is no lab named {name}" if name else "no lab is up (lab/lab up)")


def sweep():
    """Clears what labs left whose every keeper was killed."""
    for name in os.listdir(layout.LABS) if os.path.isdir(layout.LABS) else []:
        state = os.path.join(layout.LABS, name)
        if time.time() - os.stat(state).st_mtime < UP_SECONDS or any(lab["name"] == name for lab in labs()):
            continue
        watcher.clear(state)


def keep(lab):
    """The lab is to outlive its owner."""
    with open(os.path.join(lab["state"], watcher.KEPT), "w"):
        pass


def down(lab, seconds=40.0):
    """Ends a lab; returns once nothing of it is left. True if so."""
    processes.kill(lab["pid"])
    processes.wait(lab["first"], seconds)
    deadline = time.monotonic() + seconds
    while os.path.exists(lab["state"]) and time.monotonic() < deadline:
        time.sleep(0.02)  # the watcher removes the folder last
    return not os.path.exists(lab["state"])
