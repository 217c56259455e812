"""What answers in a lab, asked from outside the hosts' own programs."""

import subprocess
import time

import host_files
import inside
import layout
import processes
from chassis import ask

READY_SECONDS = 60.0
_ASK_SECONDS = 5.0


def _answers(lab, host, command):
    try:
        return inside.run(lab, host, command, timeout=_ASK_SECONDS).returncode == 0
    except (subprocess.TimeoutExpired, inside.HostOff):
        return False


def services(lab, host):
    """{name: bool} for every service that this host is to have."""
    number = int(host[1:])
    found = {"libvirtd": _answers(lab, host, ["virsh", "-q", "list"])}
    if lab["engine"] == "etcd" and number in host_files.etcd_members(lab["hosts"]):
        found["etcd"] = _answers(lab, host, ["env", "ETCDCTL_API=3", "etcdctl", "--dial-timeout=2s",
                                             f"--endpoints=http://{layout.host_address(number)}:2379", "endpoint", "health"])
    if "havend" in lab["programs"]:
        found["havend"] = _answers(lab, host, ["haven", "status", "--json"]) or _runs(lab, host, "havend")
    return found


def _runs(lab, host, service):
    try:
        listed = inside.run(lab, host, ["haven-lab-init", "ctl", "list"], timeout=_ASK_SECONDS).stdout
    except (subprocess.TimeoutExpired, inside.HostOff):
        return False
    return any(line.split()[0] == service and line.split()[1] != "0" for line in listed.splitlines())


def bmc(lab, host):
    """What the host's BMC says: "on", "off", or "silent"."""
    number = int(host[1:])
    command = inside.switch_command(lab, ["ipmitool", "-I", "lanplus", "-H", layout.bmc_address(number), "-U",
                                          layout.BMC_USER, "-E", "-C", "3", "-N", "1", "-R", "2", "chassis", "power", "status"])
    try:
        shown = subprocess.run(command, capture_output=True, text=True, timeout=_ASK_SECONDS, check=False,
                               stdin=subprocess.DEVNULL,
                               env={"PATH": layout.HOST_PATH, "IPMI_PASSWORD": host_files.lab_password(lab, number)})
    except subprocess.TimeoutExpired:
        return "silent"
    return next((word for word in ("on", "off") if shown.stdout.strip().endswith(f"is {word}")), "silent")


def wait(lab, seconds=READY_SECONDS):
    """Waits until every host's services answer; returns what still does not, as words."""
    deadline = time.monotonic() + seconds
    while True:
        silent = []
        for host, state in ask(lab["state"], {"do": "status"})["hosts"].items():
            if not state["on"]:
                silent.append(f"{host} (off)")
                continue
            silent += [f"{host} {name}" for name, good in services(lab, host).items() if not good]
            silent += [f"{host} bmc"] if bmc(lab, host) != "on" else []
        if not silent or time.monotonic() > deadline or not processes.lives(lab["pid"]):
            return silent
        time.sleep(0.1)  # several programs in several hosts: no one event tells
