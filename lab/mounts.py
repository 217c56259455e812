"""mount(2) and its like, which Python does not have."""

import ctypes
import os

_libc = ctypes.CDLL(None, use_errno=True)
NOSUID, NODEV, NOEXEC, BIND, REC, PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18


def mount(source, target, kind="", flags=0, options=""):
    words = [os.fsencode(word) for word in (source, target, kind)]
    if _libc.mount(*words, ctypes.c_ulong(flags), os.fsencode(options)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"mount {source} on {target}: {os.strerror(number)}")


def bind(source, target):
    mount(source, target, flags=BIND | REC)


def points():
    with open("/proc/self/mountinfo") as lines:
        return [line.split()[4].encode().decode("unicode_escape") for line in lines]


def make_private():
    """No mount of ours is to reach the machine. Where / is no mount point (a chroot), each one is told alone."""
    for point in points():
        try:
            mount("none", point, flags=PRIVATE)
        except OSError:
            continue  # hidden below another mount: out of our reach, and nothing is mounted there


def set_host_name(name):
    raw = os.fsencode(name)
    if _libc.sethostname(raw, len(raw)) != 0:
        raise OSError(ctypes.get_errno(), "sethostname")
