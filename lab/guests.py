"""The lab's guests: their disks, their domains and the cluster file that protects them."""

import os
import uuid

import guest_image
import layout
import processes
from chassis import ask

DISK_BYTES = 1 << 20
MEMORY_MIB = 96
PRIORITY_STEP = 100
OWN_MEMORY_GIB = 4  # of a host that counts its own (account.py)


def create(lab, count):
    """Files for guests web1 to web<count> on the shared storage; web1 has the highest priority. Starts nothing."""
    for number in range(1, count + 1):
        name = f"web{number}"
        disk = os.path.join(lab["state"], "shared/disks", name + ".raw")
        with open(disk, "wb") as file:
            file.write(bytes(DISK_BYTES))
        with open(os.path.join(lab["state"], "shared/guests", name + ".xml"), "w") as file:
            file.write(domain(lab, number))
    text = cluster_file(lab, count)
    for number in range(1, lab["hosts"] + 1):
        with open(lab["state"] + f"/h{number}" + layout.CLUSTER_FILE, "w") as file:
            file.write(text)
    lab["guests"] = [f"web{number}" for number in range(1, count + 1)]


def uuid_of(lab, number):
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"haven-lab/{lab['name']}/web{number}"))


def address_of(name):
    return layout.guest_address(int(name[3:]))


def domain(lab, number):
    """Its disk is marked shareable: QEMU's own lock on the image would hide a second run of Haven's making."""
    name = f"web{number}"
    options = f"lab.name={name} lab.ip={layout.guest_address(number)}/{layout.MAIN_BITS}"
    return f"""<domain type='qemu'>
  <name>{name}</name>
  <uuid>{uuid_of(lab, number)}</uuid>
  <memory unit='MiB'>{MEMORY_MIB}</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    <kernel>{layout.SHARED}/boot/kernel</kernel>
    <initrd>{layout.SHARED}/boot/initramfs</initrd>
    <cmdline>{guest_image.COMMAND_LINE} {options}</cmdline>
  </os>
  <features><acpi/><tcg><tb-cache unit='MiB'>32</tb-cache></tcg></features>
  <cpu mode='custom' match='exact' check='none'><model fallback='forbid'>qemu64</model></cpu>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    <emulator>{layout.EMULATOR}</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw' cache='none' error_policy='stop' rerror_policy='stop'/>
      <source file='{layout.SHARED}/disks/{name}.raw'/>
      <target dev='vda' bus='virtio'/>
      <shareable/>
    </disk>
    <interface type='bridge'>
      <source bridge='br0'/>
      <mac address='{layout.guest_mac(number)}'/>
      <model type='virtio'/>
      <rom enabled='no'/>
    </interface>
    <serial type='file'><source path='{layout.SHARED}/console/{name}.log' append='on'/><target port='0'/></serial>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
    <video><model type='none'/></video>
  </devices>
</domain>
"""


def cluster_file(lab, guest_count):
    """What an operator would write for this lab."""
    keys = [f'{key} = "{value}"' for key, value in lab.get("cluster_keys", {}).items()]
    lines = ["[cluster]", f'name = "{lab["name"]}"', *keys, ""]
    for number in range(1, lab["hosts"] + 1):
        lines += ["[[host]]", f'name = "h{number}"', f'address = "{layout.host_address(number)}"',
                  f'cpu = {lab["own_cpus"] or 4}',
                  f'memory = "{OWN_MEMORY_GIB if lab["own_cpus"] else 1}GiB"']
        if lab.get("fence_agent"):
            lines += ["[[host.fence]]", f'agent = "{os.path.basename(layout.COVERED_AGENT)}"',
                      f'options = {{ port = "node{number}" }}']
        elif lab["engine"] == "etcd":
            lines += ["[[host.fence]]", 'agent = "fence_ipmilan"',
                      f'options = {{ ip = "{layout.bmc_address(number)}", username = "{layout.BMC_USER}", '
                      f'password_file = "/etc/haven/h{number}.pw", lanplus = "1", power_wait = "0", '
                      'cipher = "3", login_timeout = "2" }']
        lines.append("")
    for number in range(1, guest_count + 1):
        priority = PRIORITY_STEP * (guest_count + 1 - number)
        lines += ["[[vm]]", f'name = "web{number}"', f'domain = "{layout.SHARED}/guests/web{number}.xml"',
                  f"priority = {min(priority, 1000)}",
                  *lab.get("vm_lines", "").replace("{address}", layout.guest_address(number)).splitlines(), ""]
    return "\n".join(lines)


def emulators(lab, host):
    """{pid: name} of the guests whose QEMU runs on this host, by its processes and nobody's word."""
    space = ask(lab["state"], {"do": "power?", "host": host})["space"]
    found = {pid: guest_of(pid) for pid in processes.inside(space)} if space else {}
    return {pid: name for pid, name in found.items() if name}


def running(lab, host):
    return sorted(emulators(lab, host).values())


def guest_of(pid):
    """Name of the guest that this process is, or None."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().split(b"\0")
    except OSError:
        return None
    if not os.path.basename(words[0]).startswith(b"qemu-system") or b"-name" not in words:
        return None
    value = words[words.index(b"-name") + 1].decode()
    return value.removeprefix("guest=").partition(",")[0] if value.startswith("guest=") else None
