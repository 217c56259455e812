"""ipmi_sim's chassis control: chassis.py STATE HOST get|set WHAT [VALUE]. Called for each status and each order, so
it imports as little as it can."""

import json
import os
import socket
import sys


def ask(state, request):
    """One request to the lab, one answer. The folder is held open: a socket's path may be 107 bytes long at most."""
    folder = os.open(state, os.O_PATH | os.O_DIRECTORY)
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(f"/proc/self/fd/{folder}/lab.sock")
        os.close(folder)
        client.sendall(json.dumps(request).encode() + b"\n")
        client.shutdown(socket.SHUT_WR)
        answer = b""
        while part := client.recv(65536):
            answer += part
    return json.loads(answer)


def main():
    state, host, verb, what, *value = sys.argv[1:]
    if (verb, what) == ("get", "power"):
        print("power:1" if ask(state, {"do": "power?", "host": host, "from": "bmc"})["on"] else "power:0")
    elif (verb, what) == ("get", "boot"):
        print("boot:default")
    elif (verb, what) == ("set", "power"):
        ask(state, {"do": "on" if value == ["1"] else "crash", "host": host, "from": "bmc"})
    elif (verb, what) == ("set", "reset"):
        ask(state, {"do": "crash", "host": host, "from": "bmc"})
        ask(state, {"do": "on", "host": host})
    elif (verb, what) == ("set", "shutdown"):
        ask(state, {"do": "shutdown", "host": host})
    elif (verb, what) != ("set", "boot"):
        sys.exit(1)


if __name__ == "__main__":
    main()
