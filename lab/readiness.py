"""What answers in a lab, asked from outside the hosts' own programs."""

import concurrent.futures
import json
import subprocess
import time

import host_files
import inside
import layout
import processes
from chassis import ask

READY_SECONDS = 60.0
_ASK_SECONDS = 5.0
_LEARN_SECONDS = 30.0


def _answers(lab, host, command, seconds=_ASK_SECONDS):
    try:
        return inside.run(lab, host, command, timeout=seconds).returncode == 0
    except (subprocess.TimeoutExpired, inside.HostOff):
        return False


def services(lab, host):
    """{name: bool} for every service that this host is to have."""
    number = int(host[1:])
    found = {"libvirtd": _answers(lab, host, ["virsh", "-q", "list"])}
    if lab["engine"] == "etcd" and number in host_files.etcd_members(lab["hosts"]):
        endpoint = f"--endpoints=http://{layout.host_address(number)}:2379"
        found["etcd"] = _answers(lab, host, ["env", "ETCDCTL_API=3", "etcdctl", "--dial-timeout=2s", endpoint,
                                             "endpoint", "health"])
    if "havend" in lab["programs"]:
        found["havend"] = _havend_answers(lab, host)
    return found


def _havend_answers(lab, host):
    """It listens, and has read its engine; what it thinks of the cluster is another matter."""
    try:
        shown = inside.run(lab, host, ["haven", "status", "--json"], timeout=_ASK_SECONDS).stdout
        return json.loads(shown.strip().splitlines()[-1])["engine"] is True
    except (subprocess.TimeoutExpired, inside.HostOff, IndexError, KeyError, TypeError, ValueError):
        return False


def bmc(lab, host):
    """What the host's BMC says: "on", "off", or "silent"."""
    number = int(host[1:])
    command = inside.switch_command(lab, ["ipmitool", "-I", "lanplus", "-H", layout.bmc_address(number), "-U",
                                          layout.BMC_USER, "-E", "-C", "3", "-N", "1", "-R", "2", "chassis", "power",
                                          "status"])
    try:
        shown = subprocess.run(command, capture_output=True, text=True, timeout=_ASK_SECONDS, check=False,
                               stdin=subprocess.DEVNULL,
                               env={"PATH": layout.HOST_PATH, "IPMI_PASSWORD": host_files.lab_password(lab, number)})
    except subprocess.TimeoutExpired:
        return "silent"
    return next((word for word in ("on", "off") if shown.stdout.strip().endswith(f"is {word}")), "silent")


def silent_parts(lab, host, state):
    """What of this host does not answer, as words."""
    if not state["on"]:
        return [f"{host} (off)"]
    silent = [f"{host} {name}" for name, good in services(lab, host).items() if not good]
    return silent + ([f"{host} bmc"] if bmc(lab, host) != "on" else [])


def learn_emulator(lab, host):
    """Has libvirtd ask the emulator what it can do, which takes a second and would else delay the first start."""
    return _answers(lab, host, ["virsh", "-q", "domcapabilities", "--virttype", "qemu", "--emulatorbin",
                                layout.EMULATOR], _LEARN_SECONDS)


def wait(lab, seconds=READY_SECONDS):
    """Waits until every host's services answer; returns what still does not, as words."""
    deadline = time.monotonic() + seconds
    hosts = [f"h{number}" for number in range(1, lab["hosts"] + 1)]
    with concurrent.futures.ThreadPoolExecutor(len(hosts)) as threads:
        while True:
            states = ask(lab["state"], {"do": "status"})["hosts"]
            silent = sum(threads.map(lambda host: silent_parts(lab, host, states[host]), hosts), [])
            if not silent:
                learnt = threads.map(lambda host: learn_emulator(lab, host), hosts)
                return [f"{host} emulator" for host, good in zip(hosts, learnt) if not good]
            if time.monotonic() > deadline or not processes.lives(lab["pid"]):
                return silent
            time.sleep(0.1)  # several programs in several hosts: no one event tells
