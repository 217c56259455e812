"""The lab's two networks: `main` (hosts, guests, the observer) and `bmc` (hosts and their BMCs), each a bridge in the
lab's own network namespace. A host has a card in each; what cuts one leaves the other."""

import subprocess

from layout import (BMC_BITS, BMC_OBSERVER, FENCE_LINE, MAIN_BITS, OBSERVER, bmc_address, host_address, host_mac,
                    host_on_bmc_network)

BRIDGES = ("main", "bmc")


def ip(*batches):
    """Runs several `ip` commands in one process; raises with what ip said."""
    subprocess.run(["ip", "-batch", "-"], input="\n".join(batches) + "\n", text=True, check=True, capture_output=True)


def create_switch(host_numbers):
    bridge = "type bridge stp_state 0 forward_delay 0 mcast_snooping 0"
    ip("link set lo up",
       f"link add main address {host_mac(254, 0)} {bridge}", f"addr add {OBSERVER}/{MAIN_BITS} dev main",
       f"link add bmc address {host_mac(254, 1)} {bridge}", f"addr add {BMC_OBSERVER}/{BMC_BITS} dev bmc",
       *[f"addr add {bmc_address(number)}/{BMC_BITS} dev bmc" for number in host_numbers],
       "link set main up", "link set bmc up")


def port(host, bridge):
    """The switch's end of a host's cable."""
    return f"{host}-{bridge}"


def plug_in(host, number, pid, cut):
    """Cables from the host whose first process is `pid` to both bridges. `cut`: the main one stays down."""
    unplug(host)
    for card, bridge in enumerate(BRIDGES):
        state = "down" if cut and bridge == "main" else "up"
        ip(f"link add {port(host, bridge)} type veth peer name eth{card} address {host_mac(number, card)} netns {pid}",
           f"link set {port(host, bridge)} master {bridge} {state}")


def unplug(host):
    for bridge in BRIDGES:
        subprocess.run(["ip", "link", "del", port(host, bridge)], capture_output=True, check=False)


def switch_port(host, bridge, on):
    subprocess.run(["ip", "link", "set", port(host, bridge), "up" if on else "down"], capture_output=True, check=False)


def pull_cables(host):
    """Both at once, so that nothing of what follows is seen by anybody."""
    subprocess.run(["ip", "-force", "-batch", "-"], text=True, capture_output=True, check=False,
                   input="".join(f"link set {port(host, bridge)} down\n" for bridge in BRIDGES))


def configure_host(number):
    """Inside the host. The bridge's address is pinned: it would change with the first guest, and peers would lose
    the host until their neighbour tables age."""
    mac = host_mac(number, 0)
    ip("link set lo up",
       f"link add br0 address {mac} type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
       "link set eth0 master br0 up", "link set br0 up", f"addr add {host_address(number)}/{MAIN_BITS} dev br0",
       "link set eth1 up", f"addr add {host_on_bmc_network(number)}/{BMC_BITS} dev eth1",
       f"route add {FENCE_LINE}/32 dev eth1")
