"""A host as the lab sees it from outside: its power, its cables, its first process."""

import os
import select
import signal
import socket
import subprocess
import sys
import time

import cgroups
import network
import processes

BOOT_SECONDS = 10.0   # for a host to take its cables
DEATH_SECONDS = 20.0  # for a cut host's last process to be gone; its disks may have to answer first
_BOOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "boot_host.py")


class Host:
    def __init__(self, lab, number):
        self.lab, self.number, self.name = lab, number, f"h{number}"
        self.group = cgroups.host_group(lab["name"], self.name)
        self.cut = False       # main network
        self.hung = False
        self._shell = None     # unshare(1), the parent of the host's first process
        self.pid = None        # of the host's first process
        self._pidfd = None
        self.boots = 0
        self.shots = 0  # how often its BMC was told to switch it off
        self.cut_at_ms = None  # monotonic: when its power was last cut
        self.bmc_asked_at_ms = None  # and when its BMC was first asked for it since

    def powered(self):
        """The truth: whether the first process of the host exists. It ends after every other one of the host."""
        return self._pidfd is not None and not select.select([self._pidfd], [], [], 0)[0]

    def power_on(self):
        """Boots the host; nothing if it is on."""
        if self.powered():
            return
        self._forget()
        ours, theirs = socket.socketpair()
        ours.settimeout(BOOT_SECONDS)
        with ours, open(os.path.join(self.lab["state"], f"{self.name}.log"), "ab") as log:
            self._shell = subprocess.Popen(
                ["unshare", "--net", "--mount", "--pid", "--uts", "--ipc", "--cgroup", "--propagation", "unchanged",
                 "--fork", "--kill-child=KILL", sys.executable, _BOOT, self.lab["state"], str(self.number),
                 str(theirs.fileno())],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[theirs.fileno()], start_new_session=True,
                preexec_fn=lambda: cgroups.join(self.group))
            theirs.close()
            if ours.recv(16) != b"here":
                raise RuntimeError(f"{self.name} did not come up, see {self.name}.log")
            self.pid = processes.children(self._shell.pid)[0]
            self._pidfd = os.pidfd_open(self.pid)
            network.plug_in(self.name, self.number, self.pid, self.cut)
            ours.sendall(b"plugged")
        self.boots += 1

    def crash(self):
        """Power loss: its cables go first, so that no packet tells of its death; then everything at once."""
        if not self.powered():
            return
        self.cut_at_ms, self.bmc_asked_at_ms = int(time.monotonic() * 1000), None
        network.pull_cables(self.name)
        self._signal(signal.SIGKILL)
        if self.hung:
            cgroups.kill(self.group)
        if not select.select([self._pidfd], [], [], DEATH_SECONDS)[0]:
            raise RuntimeError(f"{self.name} has processes that do not die")
        self._forget()

    def shut_down(self, reboot=False):
        """Asks for a clean end; what it was asked for shows in how its first process ends (see ended)."""
        self._signal(signal.SIGINT if reboot else signal.SIGPWR)

    def ended(self, shell_pid):
        """Called for every child that has ended: True if this host is to boot again (it said so itself)."""
        if self._shell is None or self._shell.pid != shell_pid:
            return False
        wants_reboot = self._shell.returncode == -signal.SIGHUP
        self._forget()
        return wants_reboot

    def shell_pid(self):
        return self._shell.pid if self._shell else None

    def set_exit(self, status):
        self._shell.returncode = os.waitstatus_to_exitcode(status)

    def set_network(self, on):
        self.cut = not on
        if self.powered():
            network.switch_port(self.name, "main", on)

    def set_hung(self, hung):
        if not self.powered():
            raise ValueError(f"{self.name} is off")
        if not cgroups.can_freeze(self.group):
            self._stop_processes(hung)
        elif not hung:
            cgroups.thaw(self.group)
        elif not cgroups.freeze(self.group):
            raise RuntimeError(f"{self.name} does not freeze")
        self.hung = hung

    def set_storage(self, word):
        """Its path to the guests' disks: whole, hangs, fails."""
        numbers = {"whole": signal.SIGHUP, "hangs": signal.SIGUSR1, "fails": signal.SIGUSR2}
        if word not in numbers:
            raise ValueError(f"a storage path is {', '.join(numbers)}: not {word}")
        found = [pid for pid in processes.inside(processes.space(self.pid))
                 if processes.program(pid) == "haven-lab-path"]
        if not found:
            raise ValueError(f"{self.name} has no storage path of its own, or is off")
        for pid in found:
            processes.kill(processes.identity(pid), numbers[word])

    def _stop_processes(self, stop):
        """Where the machine has no freezer. Again until no process is left that a not yet stopped one had started."""
        space, known = processes.space(self.pid), set()
        while (found := set(processes.inside(space))) - known:
            for pid in found - known:
                try:
                    os.kill(pid, signal.SIGSTOP if stop else signal.SIGCONT)
                except ProcessLookupError:
                    pass
            known |= found

    def _signal(self, number):
        try:
            signal.pidfd_send_signal(self._pidfd, number)
        except (TypeError, ProcessLookupError):
            raise ValueError(f"{self.name} is off") from None

    def _forget(self):
        network.unplug(self.name)
        cgroups.thaw(self.group)
        self.hung = False
        if self._shell and self._shell.returncode is None:
            self._shell.wait()
        if self._pidfd is not None:
            os.close(self._pidfd)
        self._shell = self._pidfd = self.pid = None
