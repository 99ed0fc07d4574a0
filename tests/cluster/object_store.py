"""An S3 server in a process of its own, and a door before it that can be shut."""

from __future__ import annotations

import http.client
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import URLError

SECRET = "a-secret-that-nobody-may-see"


class Door(ThreadingHTTPServer):
    """Hands requests on to the server, or answers 503 (slow down) while it is shut.

    Attributes
    ----------
    shut
        Whether to refuse now.
    refused
        Requests that were.
    """

    daemon_threads = True

    def __init__(self, server_port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind = server_port
        self.shut = False
        self.refused = 0

    @property
    def environment(self) -> dict[str, str]:
        """Variables that lead a process to the store."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.server_port}",
            "AWS_ACCESS_KEY_ID": "a-key",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Door

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.server.shut:
            self.server.refused += 1
            self._answer(503, {}, b"<Error><Code>SlowDown</Code></Error>")
            return
        behind = http.client.HTTPConnection("127.0.0.1", self.server.behind, timeout=60)
        behind.request(self.command, self.path, body, dict(self.headers.items()))
        answer = behind.getresponse()
        content = answer.read()
        self._answer(answer.status, dict(answer.getheaders()), content)
        behind.close()

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any

    def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("transfer-encoding", "connection", "server", "date"):
                self.send_header(name, value)
        if "content-length" not in {name.lower() for name in headers}:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@contextmanager
def s3_server(bucket: str) -> Iterator[Door]:
    """Run a server with one empty bucket."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as free:
        port = free.server_port
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
