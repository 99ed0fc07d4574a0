"""An S3 server in a separate process, and a proxy before it that can refuse requests."""

from __future__ import annotations

import socket
import socketserver
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.error import URLError

SECRET = "a-secret-that-nobody-may-see"


REFUSAL = b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Door(socketserver.ThreadingTCPServer):
    """A proxy that passes bytes to the server, or answers 503 (slow down) while it is shut.

    Attributes
    ----------
    shut
        Whether to refuse requests now.
    refused
        The number of refused requests.
    """

    daemon_threads = True

    def __init__(self, server_port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.behind = server_port
        self.shut = False
        self.refused = 0

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables with which a process uses the store."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.server_address[1]}",
            "AWS_ACCESS_KEY_ID": "a-key",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }


class _Connection(socketserver.BaseRequestHandler):
    server: Door

    def handle(self) -> None:
        with socket.create_connection(("127.0.0.1", self.server.behind)) as behind:
            threading.Thread(target=self._hand_back, args=(behind,), daemon=True).start()
            # either side may close the connection at any moment
            with suppress(OSError):
                while sent := self.request.recv(1 << 16):
                    if self.server.shut:
                        self.server.refused += 1
                        self.request.sendall(REFUSAL)
                        return
                    behind.sendall(sent)

    def _hand_back(self, behind: socket.socket) -> None:
        with suppress(OSError):
            while answered := behind.recv(1 << 16):
                self.request.sendall(answered)
            self.request.shutdown(socket.SHUT_RDWR)


@contextmanager
def s3_server(bucket: str) -> Iterator[Door]:
    """Run a server with one empty bucket."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    door = Door(port)
    threading.Thread(target=door.serve_forever, daemon=True).start()
    try:
        _create_bucket(f"http://127.0.0.1:{port}/{bucket}", process)
        yield door
    finally:
        door.shutdown()
        door.server_close()
        process.kill()
        process.wait()


def _create_bucket(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="PUT"), timeout=10).close()
            return
        except (URLError, ConnectionError):
            if time.monotonic() > deadline or process.poll() is not None:
                raise
            time.sleep(0.1)
