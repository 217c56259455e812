"""Where the lab's things are, and which addresses they have.

Every lab has network and process namespaces of its own, so all labs use the same addresses and cannot meet."""

import os

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LABS = os.path.join(REPOSITORY, ".lab")
CACHE = os.path.join(REPOSITORY, "build", "lab-guest")
SLOTS = "/run/haven-lab-slots"

# Inside every host.
SHARED = "/srv"  # the storage that all hosts see
HAVEN = "/opt/haven"
HAVEN_BIN = HAVEN + "/bin"
EMULATOR = HAVEN + "/lab/qemu-system-x86_64"
INIT = HAVEN + "/lab/haven-lab-init"
STORAGE_PATH = HAVEN + "/lab/haven-lab-path"
HOST_PATH = HAVEN_BIN + ":" + HAVEN + "/lab:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CLUSTER_FILE = "/etc/haven/cluster.toml"

MAIN_BITS = 16
OBSERVER = "10.91.0.254"
BMC_BITS = 24
BMC_OBSERVER = "10.92.0.254"

BMC_USER = "admin"

# Where a lab with a fence agent of somebody else's keeps the switch that this one talks to, and which agent it covers.
FENCE_LINE = "10.78.0.1"
FENCE_LINE_PORT = 7777
FENCE_AGENT = HAVEN + "/lab/fence-agent"
COVERED_AGENT = "/usr/sbin/fence_dummy"


def host_address(number):
    return f"10.91.0.{number}"


def guest_address(number):
    return f"10.91.1.{number}"


def host_on_bmc_network(number):
    return f"10.92.0.{number}"


def bmc_address(number):
    return f"10.92.0.{100 + number}"


def host_mac(number, card):
    return f"02:00:00:91:{card:02x}:{number:02x}"


def guest_mac(number):
    return f"52:54:00:91:01:{number:02x}"


def host_uuid(lab, number):
    """The machine's identity: stable over its boots, different in every lab."""
    import uuid

    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"haven-lab/{lab}/{number}"))


def state_folder(name):
    return os.path.join(LABS, name)


def build_folder():
    """Where Haven was built: $HAVEN_BUILD, or build/release."""
    return os.path.abspath(os.environ.get("HAVEN_BUILD") or os.path.join(REPOSITORY, "build", "release"))


# What a lab needs from the build, and where a build puts it; the daemon's programs may be absent.
LAB_PROGRAMS = {
    "haven-lab-init": "lab/haven-lab-init",
    "haven-lab-emulator": "lab/haven-lab-emulator",
    "haven-lab-guest": "lab/haven-lab-guest",
    "haven-lab-path": "lab/haven-lab-path",
}
HAVEN_PROGRAMS = {
    "havend": "src/daemon/havend",
    "haven": "src/cli/haven",
    "haven-hook": "src/hook/haven-hook",
}


def built(relative):
    """Path of a built program, or None. A build may also collect its programs in bin/."""
    for candidate in (relative, os.path.join("bin", os.path.basename(relative))):
        path = os.path.join(build_folder(), candidate)
        if os.access(path, os.X_OK):
            return path
    return None
