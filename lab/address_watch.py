"""Who answers for one address, from beside the switch: asks by ARP, again and again, and tells on its standard output
whenever the set of machines that answer within a round is another one, one JSON object a line:
  {"t": ms of the machine's monotonic clock, "macs": [...]}
An answer counts in the round that it came in. Called in the lab's namespaces: address_watch.py ADDRESS; ends when its
standard input does."""

import json
import os
import select
import socket
import struct
import sys
import time

ROUND_SECONDS = 0.05
ASK, ANSWER, ARP = 1, 2, 0x0806
INTERFACE = "main"


def question(mac, own, address):
    frame = b"\xff" * 6 + mac + struct.pack("!H", ARP)
    return frame + struct.pack("!HHBBH", 1, 0x0800, 6, 4, ASK) + mac + own + b"\0" * 6 + address


def answers(line, address, until):
    """The machines that say until then that the address is theirs."""
    macs = set()
    while (left := until - time.monotonic()) > 0:
        ready, _, _ = select.select([line, sys.stdin], [], [], left)
        if sys.stdin in ready and not sys.stdin.read(1):
            sys.exit(0)
        if line not in ready:
            continue
        frame = line.recv(64)
        if len(frame) >= 42 and struct.unpack("!H", frame[20:22])[0] == ANSWER and frame[28:32] == address:
            macs.add(frame[22:28].hex(":"))
    return macs


def main():
    import layout  # beside this file
    address, own = socket.inet_aton(sys.argv[1]), socket.inet_aton(layout.OBSERVER)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ARP)) as line:
        line.bind((INTERFACE, 0))
        mac = line.getsockname()[4]
        last = None
        while True:
            line.send(question(mac, own, address))
            macs = answers(line, address, time.monotonic() + ROUND_SECONDS)
            if macs != last:
                print(json.dumps({"t": int(time.monotonic() * 1000), "macs": sorted(macs)}), flush=True)
                last = macs


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    main()
