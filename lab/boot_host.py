"""The first moments of a host, as the first process of its namespaces: mounts its own view of the machine, takes its
cables and becomes haven-lab-init. Called by the lab: boot_host.py STATE NUMBER CONTROL_FD."""

import json
import os
import socket
import subprocess
import sys

import account
import cgroups
import layout
import mounts
import network

RUN_MIB = 64  # small enough to be filled by a test
DISKS = "/run/haven-lab-disks"  # where a host that reaches them through a path of its own has them


def take_cables(control):
    """The lab plugs them in once it knows that this process exists."""
    control.sendall(b"here")
    if control.recv(16) != b"plugged":
        sys.exit("the lab did not plug in this host's cables")


def mount_kernel_views():
    view = cgroups.mount_private_view()
    mounts.mount("proc", "/proc", "proc", mounts.NOSUID | mounts.NODEV | mounts.NOEXEC)
    mounts.mount("sysfs", "/sys", "sysfs", mounts.NOSUID | mounts.NODEV | mounts.NOEXEC)
    if os.path.isdir("/sys/fs/cgroup"):
        view()
    mounts.mount("devpts", "/dev/pts", "devpts", options="newinstance,gid=5,mode=620,ptmxmode=666")
    mounts.mount("tmpfs", "/dev/shm", "tmpfs", mounts.NOSUID | mounts.NODEV)


def mount_disks(state, number):
    """Sources are held open first: each mount may hide the place where the next one comes from."""
    os.makedirs(layout.SLOTS, exist_ok=True)
    wanted = {"/etc": f"{state}/h{number}/etc", "/var": f"{state}/h{number}/var", layout.SHARED: f"{state}/shared",
              "/opt": f"{state}/opt"}
    held = {target: os.open(source, os.O_PATH | os.O_DIRECTORY) for target, source in wanted.items()}
    slots = os.open(layout.SLOTS, os.O_PATH | os.O_DIRECTORY)
    for target, folder in held.items():
        mounts.bind(f"/proc/self/fd/{folder}", target)
    mounts.mount("tmpfs", "/run", "tmpfs", mounts.NOSUID | mounts.NODEV, f"mode=755,size={RUN_MIB}m")
    mounts.mount("tmpfs", "/tmp", "tmpfs", mounts.NOSUID | mounts.NODEV, "mode=1777")
    for folder in ("/run/lock", "/run/libvirt", "/run/haven", layout.SLOTS):
        os.makedirs(folder)
    mounts.bind(f"/proc/self/fd/{slots}", layout.SLOTS)
    if os.path.exists(layout.FENCE_AGENT):
        mounts.bind(layout.FENCE_AGENT, layout.COVERED_AGENT)


def lay_storage_path(folder):
    """The disks are reached through a path that can be lost. It belongs to this host: it hangs and dies with it."""
    os.makedirs(DISKS)
    mounts.bind(f"/proc/self/fd/{folder}", DISKS)
    path = subprocess.Popen([layout.STORAGE_PATH, DISKS, f"{layout.SHARED}/disks"], stdout=subprocess.PIPE, cwd="/",
                            stdin=subprocess.DEVNULL, text=True)
    if path.stdout.readline() != "ready\n":
        sys.exit("the path to the storage does not come up")


def main():
    state, number, control = sys.argv[1], int(sys.argv[2]), socket.socket(fileno=int(sys.argv[3]))
    mounts.make_private()
    take_cables(control)
    control.close()
    mount_kernel_views()
    mounts.set_host_name(f"h{number}")
    with open(f"{state}/lab.json") as file:
        lab = json.load(file)
    if lab["own_cpus"]:
        account.cover(os.open(account.path(state, number), os.O_PATH | os.O_DIRECTORY))
    disks = os.open(f"{state}/shared/disks", os.O_PATH | os.O_DIRECTORY)
    mount_disks(state, number)
    if lab["storage_paths"]:
        lay_storage_path(disks)
    network.configure_host(number)
    os.chdir("/")
    os.execve(layout.INIT, [layout.INIT, "/etc/haven-lab/init.toml"],
              {"PATH": layout.HOST_PATH, "HOME": "/root", "LANG": "C.UTF-8", "TERM": "linux"})


main()
