"""A power switch that answers one line with one line over TCP: `status N` with ON or OFF, `off N` with OK. For fence
agents that take no time of their own, so that what is measured is Haven's. Called by the lab: fence_line.py STATE."""

import socketserver
import sys

import layout
from chassis import ask


class Line(socketserver.StreamRequestHandler):
    timeout = 10

    def handle(self):
        words = self.rfile.readline(256).decode("ascii", "replace").split()
        if len(words) != 2 or words[0] not in ("status", "off") or not words[1].isdigit():
            self.wfile.write(b"ERROR\n")
            return
        host = f"h{int(words[1])}"
        if words[0] == "off":
            ask(sys.argv[1], {"do": "crash", "host": host})
            self.wfile.write(b"OK\n")
        else:
            on = ask(sys.argv[1], {"do": "power?", "host": host, "from": "bmc"}).get("on")
            self.wfile.write(b"ON\n" if on else b"OFF\n" if on is False else b"ERROR\n")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def main():
    with Server((layout.FENCE_LINE, layout.FENCE_LINE_PORT), Line) as server:
        server.serve_forever()


main()
