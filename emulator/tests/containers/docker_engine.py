"""The engine behind `docker_client`: containers are its children, as they are Docker's own.

    python docker_engine.py SOCKET

A request is a line of JSON, a connection each. `run` is answered with what the container prints, in
pieces: four bytes of length before each; after an empty one comes its exit code as a line.
"""

import contextlib
import json
import os
import signal
import socketserver
import subprocess
import sys
import threading
from typing import Any

containers: dict[str, tuple[str, subprocess.Popen[bytes]]] = {}  # label and process, by name
lock = threading.Lock()


class Handler(socketserver.StreamRequestHandler):
    """One request."""

    def handle(self) -> None:
        request = json.loads(self.rfile.readline())
        match request["command"]:
            case "run":
                self.run(request)
            case "kill":
                with lock:
                    containers[request["name"]][1].send_signal(request["signal"])
            case "ps":
                with lock:
                    names = [n for n, (label, _) in containers.items() if label == request["label"]]
                self.wfile.write("\n".join(names).encode())
            case "rm":
                end(request["names"])

    def run(self, request: dict[str, Any]) -> None:
        with lock:
            process = subprocess.Popen(
                request["argv"],
                cwd=request["directory"],
                env=request["environment"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            containers[request["name"]] = request["label"], process
        assert process.stdout is not None
        while data := os.read(process.stdout.fileno(), 1 << 16):
            self.send(len(data).to_bytes(4, "big") + data)
        code = process.wait()
        with lock:
            containers.pop(request["name"], None)
        self.send(bytes(4) + b"%d\n" % (code if code >= 0 else 128 - code))

    def send(self, data: bytes) -> None:
        with contextlib.suppress(OSError):  # the client may have been killed; the container goes on
            self.wfile.write(data)


def end(names: list[str]) -> None:
    """Kill containers, and wait until they have ended."""
    for name in names:
        with lock:
            entry = containers.pop(name, None)
        if entry:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(entry[1].pid, signal.SIGKILL)
            entry[1].wait()


if __name__ == "__main__":
    socketserver.ThreadingUnixStreamServer.daemon_threads = True
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with socketserver.ThreadingUnixStreamServer(sys.argv[1], Handler) as server:
        try:
            server.serve_forever()
        finally:
            end(list(containers))
