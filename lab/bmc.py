"""A simulated BMC per host: Debian's ipmi_sim on the lab's BMC network, with power of its own. What it is told to do
and what it tells of the host's power goes through chassis.py to the lab, which alone starts and cuts hosts."""

import os
import shlex
import subprocess
import sys

import layout
from host_files import lab_password

_COMMANDS = """mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02
sel_enable 0x20 1000 0x0a
mc_enable 0x20
"""


def _lan_conf(lab, number):
    chassis = os.path.join(os.path.dirname(os.path.abspath(__file__)), "chassis.py")
    auth = "none md2 md5 straight"
    return f"""name "h{number}"
set_working_mc 0x20
  startlan 1
    addr {layout.bmc_address(number)} 623
    priv_limit admin
    allowed_auths_callback {auth}
    allowed_auths_user {auth}
    allowed_auths_operator {auth}
    allowed_auths_admin {auth}
    guid {layout.host_uuid(lab["name"], number).replace("-", "")}
  endlan
  chassis_control "{sys.executable} -I -S {shlex.quote(chassis)} {shlex.quote(lab["state"])} h{number}"
  user 2 true "{layout.BMC_USER}" "{lab_password(lab, number)}" admin 10 none md2 md5 straight
"""


def start(lab, number):
    """Starts the BMC of h<number>; returns its process."""
    folder = os.path.join(lab["state"], "bmc", f"h{number}")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    for name, text in (("lan.conf", _lan_conf(lab, number)), ("commands", _COMMANDS)):
        with open(os.open(os.path.join(folder, name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
    with open(os.path.join(folder, "log"), "ab") as log:
        command = ["/usr/bin/ipmi_sim", "-n", "-p", "-s", folder, "-c", f"{folder}/lan.conf",
                   "-f", f"{folder}/commands"]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
