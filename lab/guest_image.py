"""What the guests boot: a kernel of Debian's and an initramfs with one program and a handful of modules. Built once
per kernel and version of its parts, and kept in build/."""

import fcntl
import glob
import hashlib
import os
import re
import subprocess
import tempfile

import kernel_image
import layout

_MODULES = ("virtio_pci", "virtio_blk", "virtio_net", "button", "evdev")
# What the guest has no use for costs it time at each boot.
COMMAND_LINE = ("console=ttyS0 quiet panic=1 no_timer_check nokaslr mitigations=off lsm=landlock ipv6.disable=1 "
                "audit=0 8250.nr_uarts=1 cryptomgr.notests rcupdate.rcu_expedited=1 tsc=reliable")


class GuestImageError(Exception):
    """One clear line."""


CLOUD, GENERIC = "cloud-amd64", "amd64"


def _kernel(flavour=CLOUD):
    kernels = [path for path in glob.glob("/boot/vmlinuz-*")
               if re.fullmatch(r"/boot/vmlinuz-[\d.]+-\d+-" + flavour, path)]
    if not kernels:
        raise GuestImageError(f"no kernel for {flavour} in /boot (package linux-image-{flavour})")
    return max(kernels, key=lambda path: [int(n) for n in re.findall(r"\d+", path)])


def build(progress=lambda text: None):
    """Paths of the kernel and of the initramfs, built if need be."""
    kernel, program = _kernel(), layout.built(layout.LAB_PROGRAMS["haven-lab-guest"])
    if program is None:
        raise GuestImageError("haven-lab-guest is not built")
    key = hashlib.sha256()
    for path in (kernel, program, __file__, kernel_image.__file__):
        with open(path, "rb") as file:
            key.update(file.read())
    folder = os.path.join(layout.CACHE, key.hexdigest()[:16])
    paths = os.path.join(folder, "kernel"), os.path.join(folder, "initramfs")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(layout.CACHE, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(paths[1]):
            progress(f"building the guests' image for {os.path.basename(kernel)}")
            _write(paths[0], _unpacked(kernel))
            _write(paths[1], _initramfs(kernel.partition("vmlinuz-")[2], program))
    return paths


def build_for(program, modules, flavour):
    """The bytes of the same two for another program and other modules, of a kernel of this flavour."""
    kernel = _kernel(flavour)
    return _unpacked(kernel), _initramfs(kernel.partition("vmlinuz-")[2], program, modules)


def _write(path, data):
    with open(path + ".new", "wb") as file:
        file.write(data)
    os.rename(path + ".new", path)


def _unpacked(kernel):
    with open(kernel, "rb") as file:
        packed = file.read()
    return kernel_image.extract(packed) or packed


def _modules(version, names):
    """Module files in the order in which they load."""
    ordered = []
    for name in names:
        shown = subprocess.run(["modprobe", "-S", version, "--show-depends", name], capture_output=True, text=True,
                               check=True)
        for line in shown.stdout.splitlines():
            words = line.split()
            if words[0] == "insmod" and words[1] not in ordered:
                ordered.append(words[1])
    return ordered


def _initramfs(version, program, names=_MODULES):
    archive = _Archive()
    archive.folder("dev")
    archive.node("dev/console", 5, 1)
    archive.folder("modules")
    modules = _modules(version, names)
    for path in modules:
        archive.file("modules/" + os.path.basename(path), _stripped(path, "--strip-debug"))
    archive.file("modules/order", "".join(os.path.basename(path) + "\n" for path in modules).encode())
    archive.file("init", _stripped(program, "--strip-all"), 0o755)
    return archive.end()


def _stripped(path, how):
    with tempfile.NamedTemporaryFile() as smaller:
        subprocess.run(["strip", how, "-o", smaller.name, path], capture_output=True, check=True)
        with open(smaller.name, "rb") as file:
            return file.read()


class _Archive:
    """A cpio archive of the kind the kernel unpacks ("newc")."""

    def __init__(self):
        self._data, self._entries = bytearray(), 0

    def _add(self, name, mode, data=b"", major=0, minor=0):
        self._entries += 1
        raw = name.encode() + b"\0"
        fields = (self._entries, mode, 0, 0, 1, 0, len(data), 0, 0, major, minor, len(raw), 0)
        self._data += b"070701" + b"".join(b"%08x" % field for field in fields) + raw
        self._pad()
        self._data += data
        self._pad()

    def _pad(self):
        self._data += b"\0" * (-len(self._data) % 4)

    def folder(self, name):
        self._add(name, 0o40755)

    def node(self, name, major, minor):
        self._add(name, 0o20600, major=major, minor=minor)

    def file(self, name, data, permissions=0o644):
        self._add(name, 0o100000 | permissions, data)

    def end(self):
        self._add("TRAILER!!!", 0)
        return bytes(self._data)
