"""What a host has on its own disk: /etc, /var and the daemon's configuration. It outlives the host's reboots."""

import hashlib
import json
import os
import shutil
import stat

import layout

# Secrets of the machine, and what only its own services read.
_LEFT_OUT = {"shadow", "shadow-", "gshadow", "gshadow-", "ssh", "sudoers", "sudoers.d", "libvirt", "haven",
             "machine-id", "hostname", "default", "systemd", "cron.d", "cron.daily"}
_VAR = ("lib/libvirt", "lib/haven", "lib/etcd", "log/libvirt", "log/haven", "cache/libvirt", "spool", "tmp")
_DAEMON = {"nice": -10, "oom_score_adj": -900}  # above any guest: those inherit what libvirtd has
_LIBVIRTD = {"oom_score_adj": 300}


def etcd_members(host_count):
    """Numbers of the hosts that vote: the first 3, or 5 from 7 hosts up."""
    return range(1, min(host_count, 5 if host_count >= 7 else 3) + 1)


def create(lab, number):
    """Makes the disk of host h<number> of the lab described by `lab` (see launcher.describe)."""
    root = os.path.join(lab["state"], f"h{number}")
    etc, var = os.path.join(root, "etc"), os.path.join(root, "var")
    shutil.copytree("/etc", etc, symlinks=True, ignore=_ignored)
    for folder in _VAR:
        os.makedirs(os.path.join(var, folder))
    os.chmod(os.path.join(var, "lib/etcd"), 0o700)
    os.symlink("/run", os.path.join(var, "run"))
    os.symlink("/run/lock", os.path.join(var, "lock"))
    write = lambda name, text, mode=0o644: _write(os.path.join(etc, name), text, mode)
    identity = layout.host_uuid(lab["name"], number)
    write("machine-id", identity.replace("-", "") + "\n")
    write("hostname", f"h{number}\n")
    write("hosts", "127.0.0.1 localhost\n" + "".join(
        f"{layout.host_address(n)} h{n}\n{layout.bmc_address(n)} h{n}-bmc\n" for n in range(1, lab["hosts"] + 1)))
    write("libvirt/libvirtd.conf", _libvirtd_conf(identity, layout.host_address(number)))
    write("libvirt/qemu.conf", _qemu_conf(layout.host_address(number)))
    os.makedirs(os.path.join(etc, "libvirt/hooks"))
    for driver in ("qemu", "lxc"):
        if "haven-hook" in lab["programs"]:
            os.symlink(f"{layout.HAVEN_BIN}/haven-hook", os.path.join(etc, "libvirt/hooks", driver))
    for n in range(1, lab["hosts"] + 1):
        write(f"haven/h{n}.pw", lab_password(lab, n) + "\n", 0o600)
    write("haven/heartbeat.key", hashlib.sha256(f"{lab['secret']}/heartbeat".encode()).hexdigest() + "\n", 0o600)
    write("haven/havend.toml", _havend_toml(lab, number))
    write("haven-lab/init.toml", _init_toml(lab, number))


def lab_password(lab, number):
    """Of a host's BMC: random per lab, 16 bytes at most (IPMI 1.5's limit)."""
    return hashlib.sha256(f"{lab['secret']}/{number}".encode()).hexdigest()[:16]


def _ignored(folder, names):
    skipped = set(_LEFT_OUT) if folder == "/etc" else set()
    for name in names:
        path = os.path.join(folder, name)
        mode = os.lstat(path).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)):
            skipped.add(name)
        elif stat.S_ISREG(mode) and not mode & stat.S_IROTH:
            skipped.add(name)
    return skipped & set(names)


def _write(path, text, mode):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
        file.write(text)


def _libvirtd_conf(identity, address):
    return f"""host_uuid = "{identity}"
auth_unix_ro = "none"
auth_unix_rw = "none"
unix_sock_rw_perms = "0700"
listen_tls = 0
listen_tcp = 1
listen_addr = "{address}"
auth_tcp = "none"
log_outputs = "2:file:/var/log/libvirt/libvirtd.log"
keepalive_interval = 2
keepalive_count = 3
"""


def _qemu_conf(address):
    return f"""security_driver = "none"
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
namespaces = []
cgroup_controllers = []
stdio_handler = "file"
keepalive_interval = 1
keepalive_count = 3
migration_address = "{address}"
migration_host = "{address}"
"""


def _havend_toml(lab, number):
    lines = [f'host = "h{number}"', f'cluster = "{lab["name"]}"', f'engine = "{lab["engine"]}"']
    if lab["engine"] == "etcd":
        endpoints = [f"http://{layout.host_address(n)}:2379" for n in etcd_members(lab["hosts"])]
        lines.append(f"endpoints = {json.dumps(endpoints)}")
    lines += ['run_dir = "/run/haven"', 'state_dir = "/var/lib/haven"', 'log = "info"']
    # The guests' disks are in a folder of the machine, which libvirt cannot know to be shared.
    lines += ["[migration]", 'transport = "tcp"', "trust_storage = true"]
    if lab.get("migration_bandwidth"):
        lines.append(f'bandwidth = "{lab["migration_bandwidth"]}"')
    return "\n".join(lines) + "\n"


def _etcd_command(lab, number):
    own = layout.host_address(number)
    peers = ",".join(f"h{n}=http://{layout.host_address(n)}:2380" for n in etcd_members(lab["hosts"]))
    return ["/usr/bin/etcd", "--name", f"h{number}", "--data-dir", "/var/lib/etcd", "--pre-vote",
            "--listen-peer-urls", f"http://{own}:2380", "--initial-advertise-peer-urls", f"http://{own}:2380",
            "--listen-client-urls", f"http://{own}:2379,http://127.0.0.1:2379",
            "--advertise-client-urls", f"http://{own}:2379", "--initial-cluster", peers,
            "--initial-cluster-state", "new", "--initial-cluster-token", f"haven-lab-{lab['name']}",
            "--heartbeat-interval", "50", "--election-timeout", "500",
            "--auto-compaction-mode", "periodic", "--auto-compaction-retention", "1h",
            "--logger", "zap", "--log-level", "warn"]


def _init_toml(lab, number):
    """In the order of their start; havend last, so that it is the first to be stopped."""
    services = [{"name": "libvirtd", "command": ["/usr/sbin/libvirtd", "--listen"], "log": "/var/log/libvirtd.out",
                 **_LIBVIRTD}]
    if lab["engine"] == "etcd" and number in etcd_members(lab["hosts"]):
        services.append({"name": "etcd", "command": _etcd_command(lab, number), "log": "/var/log/etcd.log", **_DAEMON})
    if "havend" in lab["programs"]:
        services.append({"name": "havend", "log": "/var/log/haven/havend.log", "stop_signal": "PWR",
                         "stop_timeout_ms": 60000, **_DAEMON,
                         "command": [f"{layout.HAVEN_BIN}/havend", "--config", "/etc/haven/havend.toml"]})
    text = ""
    for service in services:
        text += "[[service]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in service.items()) + "\n"
    return text
