"""The lab itself: the first process of its namespaces, so that whatever ends it ends all of it. Holds the switch, the
BMCs and the hosts, and obeys one-line requests on the socket lab.sock. Called by the launcher: server.py STATE."""

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
import traceback

import bmc
import layout
import mounts
import network
import processes
from host import Host

REQUEST_BYTES = 65536
CLIENT_SECONDS = 2.0


class Server:
    def __init__(self, lab):
        self.lab = lab
        self.hosts = {f"h{n}": Host(lab, n) for n in range(1, lab["hosts"] + 1)}
        self.bmcs = {}
        self.ending = False

    def run(self):
        mounts.make_private()
        mounts.mount("proc", "/proc", "proc", mounts.NOSUID | mounts.NODEV | mounts.NOEXEC)
        mounts.set_host_name(f"lab-{self.lab['name']}"[:63])
        wake, woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(woken)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        network.create_switch([host.number for host in self.hosts.values()])
        if self.lab.get("fence_agent"):
            network.ip(f"addr add {layout.FENCE_LINE}/32 dev bmc")
            here = os.path.dirname(os.path.abspath(__file__))
            subprocess.Popen([sys.executable, os.path.join(here, "fence_line.py"), self.lab["state"]],
                             stdin=subprocess.DEVNULL)
        for host in self.hosts.values():
            self.bmcs[host.name] = bmc.start(self.lab, host.number)
            host.power_on()
        listener = self._listen()
        with selectors.DefaultSelector() as waits:
            waits.register(listener, selectors.EVENT_READ)
            waits.register(wake, selectors.EVENT_READ)
            while not self.ending:
                for key, _ in waits.select():
                    if key.fd == wake:
                        os.read(wake, 4096)
                        self._reap()
                    else:
                        self._serve(listener)

    def _on_signal(self, number, _):
        self.ending = self.ending or number == signal.SIGTERM

    def _listen(self):
        listener = socket.socket(socket.AF_UNIX)
        folder = os.open(self.lab["state"], os.O_PATH | os.O_DIRECTORY)
        listener.bind(f"/proc/self/fd/{folder}/lab.sock")
        os.close(folder)
        listener.listen(64)
        return listener

    def _reap(self):
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for host in self.hosts.values():
                if host.shell_pid() == pid:
                    host.set_exit(status)
                    if host.ended(pid) and not self.ending:
                        host.power_on()
            for name, process in self.bmcs.items():
                if process.pid == pid:
                    self.bmcs[name] = bmc.start(self.lab, self.hosts[name].number)

    def _serve(self, listener):
        client, _ = listener.accept()
        with client:
            client.settimeout(CLIENT_SECONDS)
            try:
                request = json.loads(self._read(client))
                answer = self._obey(request)
            except (ValueError, KeyError, RuntimeError, OSError, subprocess.CalledProcessError) as error:
                traceback.print_exc()
                answer = {"error": str(error) or type(error).__name__}
            try:
                client.sendall(json.dumps(answer).encode())
            except OSError:
                pass  # it went away; what it asked for is done all the same
        self._reap()

    @staticmethod
    def _read(client):
        line = b""
        while not line.endswith(b"\n") and len(line) < REQUEST_BYTES:
            part = client.recv(4096)
            if not part:
                break
            line += part
        return line

    def _obey(self, request):
        verb = request["do"]
        if verb == "down":
            self.ending = True
            return {}
        if verb == "status":
            return {"hosts": {name: self._describe(host) for name, host in self.hosts.items()}}
        host = self.hosts.get(request["host"])
        if host is None:
            raise ValueError(f"no host {request['host']}: there are {', '.join(self.hosts)}")
        if request.get("from") == "bmc" and host.bmc_asked_at_ms is None:
            host.bmc_asked_at_ms = int(time.monotonic() * 1000)
        if request.get("from") == "bmc" and verb == "crash":
            host.shots += 1
        orders = {"power?": lambda: None, "on": host.power_on, "crash": host.crash, "shutdown": host.shut_down,
                  "reboot": lambda: host.shut_down(reboot=True),
                  "cut": lambda: host.set_network(False), "heal": lambda: host.set_network(True),
                  "storage": lambda: host.set_storage(request["state"]),
                  "hang": lambda: host.set_hung(True), "resume": lambda: host.set_hung(False)}
        if verb not in orders:
            raise ValueError(f"the lab does not know {verb}")
        orders[verb]()
        return self._describe(host)

    def _describe(self, host):
        return {"on": host.powered(), "cut": host.cut, "hung": host.hung, "pid": host.pid, "boots": host.boots,
                "space": processes.space(host.pid), "cut_at_ms": host.cut_at_ms,
                "bmc_asked_at_ms": host.bmc_asked_at_ms, "shots": host.shots}


def main():
    with open(os.path.join(sys.argv[1], "lab.json")) as file:
        lab = json.load(file)
    Server(lab).run()


main()
