"""What can be done to a lab: each fault is drawn from a seeded source, begins, and ends. `afflicted` names the hosts that
Haven may fence for it; a fence of any other host is needless."""

import dataclasses
import os
import signal
import typing

import guests
import inside
import layout
import processes
from chassis import ask

COMMAND_SECONDS = 10.0


class NotNow(Exception):
    """The fault cannot be done at this moment: its host is off, its process is gone."""


@dataclasses.dataclass
class Fault:
    words: str
    afflicted: frozenset
    begin: typing.Callable
    end: typing.Callable = lambda: None


def hosts_of(lab):
    return [f"h{number}" for number in range(1, lab["hosts"] + 1)]


def order(lab, verb, host):
    answer = ask(lab["state"], {"do": verb, "host": host})
    if "error" in answer:
        raise NotNow(answer["error"])


def in_host(lab, host, command):
    try:
        done = inside.run(lab, host, command, timeout=COMMAND_SECONDS)
    except inside.HostOff as error:
        raise NotNow(str(error)) from None
    if done.returncode != 0:
        raise NotNow(f"{host}: {' '.join(command)}: {done.stderr.strip()}")


def _space_of_host(lab, host):
    return ask(lab["state"], {"do": "power?", "host": host})["space"]


def _pids(space, matches):
    found = []
    for pid in processes.inside(space) if space else []:
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue
        if matches(words):
            found.append(processes.identity(pid))
    return found


def service_pids(lab, host, program):
    """Of the service's processes in that host, whatever they are doing."""
    return _pids(_space_of_host(lab, host), lambda words: os.path.basename(words[0]) == program.encode())


def _bmc_pids(lab, host):
    return _pids(processes.space(lab["first"]["pid"]),
                 lambda words: os.path.basename(words[0]) == b"ipmi_sim" and any(
                     word.endswith(f"/bmc/{host}/lan.conf".encode()) for word in words))


class _Stopped:
    """SIGSTOP now, SIGCONT at the end, to exactly the processes that were found at the beginning."""

    def __init__(self, find):
        self._find, self._pids = find, []

    def begin(self):
        self._pids = self._find()
        if not self._pids:
            raise NotNow("no such process")
        for who in self._pids:
            processes.kill(who, signal.SIGSTOP)

    def end(self):
        for who in self._pids:
            processes.kill(who, signal.SIGCONT)


def _kill(find):
    pids = find()
    if not pids:
        raise NotNow("no such process")
    for who in pids:
        processes.kill(who)


# ---- hosts ----

def power(lab, draw):
    host = draw.choice(hosts_of(lab))
    return Fault(f"power of {host} off", frozenset({host}), lambda: order(lab, "crash", host),
                 lambda: order(lab, "on", host))


def hang(lab, draw):
    host = draw.choice(hosts_of(lab))
    return Fault(f"{host} hangs", frozenset({host}), lambda: order(lab, "hang", host),
                 lambda: order(lab, "resume", host))


def reboot(lab, draw):
    host = draw.choice(hosts_of(lab))
    return Fault(f"clean reboot of {host}", frozenset(), lambda: order(lab, "reboot", host))


def storage(lab, draw):
    """A blink stops nobody; what lasts longer may have its host fenced."""
    host, how = draw.choice(hosts_of(lab)), draw.choice(["hangs", "fails"])
    return Fault(f"the storage path of {host} {how}", frozenset({host}),
                 lambda: set_storage(lab, host, how), lambda: set_storage(lab, host, "whole"))


def set_storage(lab, host, state):
    answer = ask(lab["state"], {"do": "storage", "host": host, "state": state})
    if "error" in answer:
        raise NotNow(answer["error"])


# ---- network ----

def cut(lab, draw):
    host = draw.choice(hosts_of(lab))
    return Fault(f"{host} loses its network", frozenset({host}), lambda: order(lab, "cut", host),
                 lambda: order(lab, "heal", host))


def _drop(lab, host, others):
    """`host` hears nothing of the others; guests are bridged and are not touched."""
    rules = "".join(f"add rule inet chaos heard ip saddr {layout.host_address(int(other[1:]))} drop\n"
                    for other in others)
    text = ("add table inet chaos\n"
            "add chain inet chaos heard { type filter hook input priority 0; policy accept; }\n" + rules)
    in_host(lab, host, ["nft", text])


def _hear_again(lab, host):
    in_host(lab, host, ["nft", "delete table inet chaos"])


def one_way(lab, draw):
    deaf, unheard = draw.sample(hosts_of(lab), 2)
    return Fault(f"{deaf} does not hear {unheard}", frozenset(), lambda: _drop(lab, deaf, [unheard]),
                 lambda: _hear_again(lab, deaf))


def deaf(lab, draw):
    host = draw.choice(hosts_of(lab))
    others = [other for other in hosts_of(lab) if other != host]
    return Fault(f"{host} hears nobody", frozenset({host}), lambda: _drop(lab, host, others),
                 lambda: _hear_again(lab, host))


def parted(lab, draw):
    pair = sorted(draw.sample(hosts_of(lab), 2))

    def begin():
        _drop(lab, pair[0], [pair[1]])
        _drop(lab, pair[1], [pair[0]])

    def end():
        for host in pair:
            try:
                _hear_again(lab, host)
            except NotNow:
                pass  # it was fenced or rebooted meanwhile: its rules went with it

    return Fault(f"{pair[0]} and {pair[1]} do not hear each other", frozenset(pair), begin, end)


# ---- processes ----

def kill_guest(lab, draw):
    name = draw.choice(lab["guests"])

    def begin():
        found = [processes.identity(pid) for host in hosts_of(lab)
                 for pid, guest in guests.emulators(lab, host).items() if guest == name]
        _kill(lambda: found)

    return Fault(f"the QEMU of {name} is killed", frozenset(), begin)


def kill_service(lab, draw):
    host, program = draw.choice(hosts_of(lab)), draw.choice(["havend", "libvirtd", "etcd"])
    return Fault(f"{program} on {host} is killed", frozenset(), lambda: _kill(lambda: service_pids(lab, host, program)))


def stop_brain(lab, draw):
    host = draw.choice(hosts_of(lab))
    stopped = _Stopped(lambda: service_pids(lab, host, "havend"))
    return Fault(f"havend on {host} hangs", frozenset({host}), stopped.begin, stopped.end)


def stop_libvirt(lab, draw):
    host = draw.choice(hosts_of(lab))
    stopped = _Stopped(lambda: service_pids(lab, host, "libvirtd"))
    return Fault(f"libvirtd on {host} hangs", frozenset(), stopped.begin, stopped.end)


def stop_member(lab, draw):
    host = draw.choice(hosts_of(lab))
    stopped = _Stopped(lambda: service_pids(lab, host, "etcd"))
    return Fault(f"etcd on {host} hangs", frozenset(), stopped.begin, stopped.end)


def stop_engine(lab, _):
    stopped = _Stopped(lambda: [who for host in hosts_of(lab) for who in service_pids(lab, host, "etcd")])
    return Fault("etcd hangs everywhere", frozenset(), stopped.begin, stopped.end)


def stop_bmc(lab, draw):
    host = draw.choice(hosts_of(lab))
    stopped = _Stopped(lambda: _bmc_pids(lab, host))
    return Fault(f"the BMC of {host} is dead", frozenset(), stopped.begin, stopped.end)


def fill_run(lab, draw):
    """Notes under /run can no longer be written."""
    host = draw.choice(hosts_of(lab))

    def begin():
        try:
            in_host(lab, host, ["dd", "if=/dev/zero", "of=/run/full", "bs=64K"])
        except NotNow as error:
            if "No space left" not in str(error):
                raise

    return Fault(f"/run of {host} is full", frozenset({host}), begin,
                 lambda: in_host(lab, host, ["rm", "-f", "/run/full"]))


FAULTS = (power, power, hang, storage, cut, one_way, deaf, parted, reboot, kill_guest, kill_service, kill_service,
          stop_brain, stop_libvirt, stop_member, stop_engine, stop_bmc, fill_run)
