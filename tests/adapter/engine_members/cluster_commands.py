"""`haven cluster …` on real havends with real etcd members, each on a loopback address of its own. No libvirt is needed:
what is tested is who joins, who leaves, and what of the engine's content lasts."""

import ctypes
import fcntl
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import unittest

BUILD = os.environ["HAVEN_BUILD"]
HAVEN = os.path.join(BUILD, "src/cli/haven")
HAVEND = os.path.join(BUILD, "src/daemon/havend")
PATIENCE = 120.0


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def address(number):
    pid = os.getpid()
    return f"127.{200 + number}.{pid >> 8 & 255}.{pid % 254 + 1}"


def eventually(holds, seconds=PATIENCE):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = holds()
        if found:
            return found
        time.sleep(0.1)
    return holds()


class Machine:
    """A machine with a havend of its own."""

    def __init__(self, folder, name, number):
        self.name, self.address = name, address(number)
        self.folder = os.path.join(folder, f"{name}-{number}")
        self.process = None
        for part in ("run", "state"):
            os.makedirs(os.path.join(self.folder, part))
        with open(self.path("run/machine"), "w", encoding="ascii") as file:
            file.write(f"machine-{name}\ndmi-{name}\n")
        with open(self.path("havend.toml"), "w", encoding="ascii") as file:
            file.write(f'# {name}\'s own\nhost = "{name}"\nrun_dir = "{self.path("run")}"\n'
                       f'state_dir = "{self.path("state")}"\nlisten = "{self.address}:7420"\n'
                       f'heartbeat_key = "{self.path("heartbeat.key")}"\n')
        self.start()

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self):
        with open(self.path("log"), "ab") as log:
            # In a namespace of its own: what it may do to its machine, up to a reboot, ends there.
            self.process = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", HAVEND, "--config",
                                             self.path("havend.toml")], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, preexec_fn=die_with_parent)
        if not eventually(lambda: self.haven("cluster", "status")[0] != 1 or self.status()):
            raise AssertionError(self.log())

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
            with open(self.path("run/havend.lock"), "wb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)  # held to the end of the last of its processes

    def reboot(self):
        """After kill(): another boot of the same machine."""
        os.remove(self.path("run/incarnation"))
        shutil.rmtree(self.path("run/released"), ignore_errors=True)
        with open(self.path("run/incarnation"), "w", encoding="ascii") as file:
            with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as boot:
                file.write(os.urandom(16).hex() + "\n" + boot.read())
        self.start()

    def log(self):
        with open(self.path("log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def haven(self, *words, text=""):
        """Exit code and the object on the last line."""
        done = subprocess.run([HAVEN, "--socket", self.path("run/api.sock"), "--json", *words], input=text,
                              capture_output=True, text=True, timeout=300, check=False)
        lines = done.stdout.strip().splitlines()
        return done.returncode, json.loads(lines[-1]) if lines else {"stderr": done.stderr}

    def does(self, *words, text=""):
        code, answer = self.haven(*words, text=text)
        if code != 0:
            raise AssertionError(f"{self.name}: haven {' '.join(words)}: {code} {answer}\n{self.log()[-3000:]}")
        return answer

    def status(self):
        answer = self.haven("cluster", "status")[1]
        return answer if "managed" in answer else None

    def voters(self):
        found = self.status() or {"members": []}
        return sorted(m["name"] for m in found["members"] if m["voter"] and m["healthy"])

    def news(self):
        """What the journal tells of the engine: (what, whom, why), oldest first."""
        code, answer = self.haven("journal")
        entries = answer["entries"] if code == 0 else []
        return [(e["level"], e["host"], e["why"]) for e in entries if e["kind"] == "engine"]

    def config(self):
        with open(self.path("havend.toml"), encoding="ascii") as file:
            return file.read()


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix=f"haven-cluster-{os.getpid()}-")
        self.machines = []

    def tearDown(self):
        for machine in self.machines:
            machine.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def machine(self, name, number):
        made = Machine(self.folder, name, number)
        self.machines.append(made)
        return made

    def cluster_file(self, hosts, more=""):
        path = os.path.join(self.folder, "cluster.toml")
        with open(path, "w", encoding="ascii") as file:
            file.write(f'[cluster]\nname = "prod"\n{more}\n')
            for host in hosts:
                file.write(f'[[host]]\nname = "{host.name}"\naddress = "{host.address}"\ncpu = 4\nmemory = "4GiB"\n')
        return path

    def invitation(self, host):
        return host.does("cluster", "invite")["file"]

    def first(self, more=""):
        """h1, first of its cluster; h2's machine beside it."""
        h1, h2 = self.machine("h1", 1), self.machine("h2", 2)
        h1.does("cluster", "init", "--name", "prod", "--address", h1.address)
        h1.does("apply", self.cluster_file([h1, h2], more), "--yes")
        return h1, h2

    def three(self):
        h1, h2 = self.first('witness = "w"')
        h2.does("cluster", "join", h1.address, "--secret-file", self.invitation(h1))
        w = self.machine("w", 3)
        with open(self.invitation(h1), encoding="ascii") as secret:
            w.does("cluster", "witness", h1.address, "--secret-file", "-", text=secret.read())
        self.assertTrue(eventually(lambda: h1.voters() == ["h1", "h2", "w"]), h1.status())
        return h1, h2, w


class Joining(Case):
    def test_two_hosts_and_a_witness_join_and_leave(self):
        h1, h2, w = self.three()
        key = h1.path("heartbeat.key")
        self.assertEqual(stat.S_IMODE(os.stat(key).st_mode), 0o600)
        with open(key, "rb") as ours, open(h2.path("heartbeat.key"), "rb") as theirs:
            self.assertEqual(ours.read(), theirs.read())
        self.assertTrue(h2.config().startswith('engine = "etcd"\n# h2\'s own'))
        self.assertTrue(eventually(lambda: [h["state"] for h in h2.haven("status")[1]["hosts"]] == ["up", "up"]),
                        h2.haven("status"))
        self.assertTrue(w.status()["witness"])
        self.assertTrue(eventually(lambda: "it hears h1 and h2" in w.haven("status")[1]["error"]["what"]),
                        w.log()[-3000:])
        told = ["init h1", "joined h2", "joined w", "learner h2", "learner w", "voter h2", "voter w"]
        self.assertTrue(eventually(lambda: sorted(f"{what} {whom}" for what, whom, _ in h2.news()) == told), h2.news())
        why = {f"{what} {whom}": why for what, whom, why in h2.news()}
        self.assertIn("haven cluster init, by root", why["init h1"])
        self.assertEqual(why["joined h2"], f"h2 has joined from {h2.address}, invited by root")
        self.assertEqual(why["joined w"], f"w has joined as the witness from {w.address}, invited by root")
        w.does("cluster", "leave", "--yes")
        self.assertEqual(h1.voters(), ["h1", "h2"])
        self.assertTrue(eventually(lambda: h1.news()[-1][:2] == ("removed", "w")), h1.news())
        self.assertEqual(h1.news()[-2], ("leaves", "w", "w leaves: haven cluster leave, by root"))
        self.assertFalse(w.status()["managed"])
        self.assertFalse(os.path.exists(w.path("heartbeat.key")))
        h2.does("cluster", "leave", "--yes")
        self.assertEqual(h1.voters(), ["h1"])
        self.assertIn('engine = "embedded"', h2.config())
        code, answer = h1.haven("cluster", "leave", "--yes")
        self.assertEqual(code, 1)
        self.assertIn("only member", answer["error"]["what"])

    def test_what_may_not_join_changes_nothing(self):
        h1, h2 = self.first()
        before = h2.config()
        secret = self.invitation(h1)
        with open(secret, encoding="ascii") as file:
            carried = file.read()
        refusals = []

        def refuse(machine, code, *words, text=""):
            got, answer = machine.haven(*words, text=text)
            self.assertEqual(got, code, answer)
            refusals.append(answer["error"]["what"])

        refuse(h2, 2, "cluster", "join", h1.address, "--secret-file", "-", text="hello\n")
        forged = "haven-join-0123456789abcdef-" + "0" * 64
        refuse(h2, 1, "cluster", "join", h1.address, "--secret-file", "-", text=forged)
        stranger = self.machine("h9", 4)
        refuse(stranger, 1, "cluster", "join", h1.address, "--secret-file", secret)
        refuse(stranger, 1, "cluster", "witness", h1.address, "--secret-file", secret)
        refuse(h2, 1, "cluster", "join", address(40), "--secret-file", secret)
        refuse(h2, 2, "cluster", "join", h1.address)
        refuse(h1, 1, "cluster", "init", "--name", "prod")
        self.assertEqual(h2.config(), before)
        self.assertFalse(h2.status()["managed"])
        h2.does("cluster", "join", h1.address, "--secret-file", secret)
        with open(h1.path("log"), encoding="utf-8", errors="replace") as log:
            self.assertNotIn("haven-join-", log.read())
        refuse(h2, 1, "cluster", "join", h1.address, "--secret-file", secret)
        refuse(self.machine("h2", 5), 1, "cluster", "join", h1.address, "--secret-file", "-", text=carried)
        for words in ("no join secret", "not known here", "h9 is no host of the cluster file", "names no witness",
                      "does not answer", "secret-file", "has joined cluster prod already"):
            self.assertTrue(any(words in refusal for refusal in refusals), (words, refusals))


class Recovering(Case):
    def test_one_copy_goes_on_once_everybody_else_is_called_off(self):
        h1, h2, w = self.three()
        code, answer = h1.haven("cluster", "recover")
        self.assertEqual(code, 1)
        self.assertIn("nothing to recover", answer["error"]["what"])
        h2.kill()
        w.kill()
        self.assertTrue(eventually(lambda: h1.status() and h1.status()["trouble"]))
        code, answer = h1.haven("cluster", "recover")
        self.assertEqual(code, 1)
        self.assertIn("does not answer, so nobody knows what it runs", answer["error"]["what"])
        code, answer = h1.haven("cluster", "recover", "--lost", "h2", text="h1\n")
        self.assertEqual(code, 2)
        h1.does("cluster", "recover", "--lost", "h2", "--lost", "w", text="h2\nw\n")
        self.assertTrue(eventually(lambda: h1.voters() == ["h1"]), h1.status())
        self.assertEqual(h1.status()["epoch"], 1)
        self.assertTrue(eventually(lambda: h1.haven("status")[1].get("controller") == "h1"), h1.haven("status"))
        self.assertEqual([(s["name"], s["left"]) for s in h1.status()["joined"]],
                         [("h1", False), ("h2", True), ("w", True)])
        self.assertEqual(h1.news()[-1], ("recovered", "h1",
                                         "the engine goes on from h1's copy, where it alone votes, in epoch 1; called "
                                         "lost: h2, w: haven cluster recover, by root"))
        fenced = [(e["host"], e["level"]) for e in h1.haven("journal")[1]["entries"] if e["kind"] == "fenced"]
        self.assertEqual(fenced, [("h2", "operator"), ("w", "operator")])
        # It comes back as a member of the past, finds that it is none any more, and joins again.
        h2.reboot()
        self.assertTrue(eventually(lambda: h2.status()["epoch"] == 1 and not h2.status()["member"]), h2.status())
        h2.does("cluster", "join", h1.address, "--secret-file", self.invitation(h1))
        self.assertTrue(eventually(lambda: [h["state"] for h in h1.haven("status")[1]["hosts"]] == ["up", "up"]),
                        h1.haven("status"))


class Copies(Case):
    def test_a_backup_is_restored_into_an_empty_engine_only(self):
        h1, _ = self.first()
        backup = os.path.join(self.folder, "backup")
        kept = h1.does("cluster", "backup", backup)
        self.assertEqual(stat.S_IMODE(os.stat(backup).st_mode), 0o600)
        with open(backup, encoding="ascii") as file:
            self.assertIn(kept["sha256"], file.readline())
        code, answer = h1.haven("cluster", "restore", backup)
        self.assertEqual(code, 1)
        self.assertIn("not empty", answer["error"]["what"])
        h1.kill()
        fresh = self.machine("h1", 6)
        fresh.does("cluster", "init", "--name", "prod", "--address", fresh.address)
        with open(backup, encoding="ascii") as file:
            text = file.read()
        damaged = os.path.join(self.folder, "damaged")
        with open(damaged, "w", encoding="ascii") as file:
            file.write(text[:-20] + "x" + text[-19:])
        code, answer = fresh.haven("cluster", "restore", damaged)
        self.assertEqual(code, 2)
        self.assertIn("does not match its checksum", answer["error"]["what"])
        self.assertEqual(fresh.does("cluster", "restore", backup)["epoch"], 1)
        self.assertTrue(eventually(lambda: fresh.haven("status")[1].get("cluster") == "prod"))
        self.assertEqual([h["name"] for h in fresh.haven("status")[1]["hosts"]], ["h1", "h2"])
        what, _, why = fresh.news()[-1]
        self.assertEqual(what, "restored")
        self.assertIn("in epoch 1: haven cluster restore, by root", why)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v", *sys.argv[1:]])
