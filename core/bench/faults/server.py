"""The app as a user starts it, and a visitor without a browser."""

from __future__ import annotations

import base64
import os
import socket
import subprocess

from core.bench.faults.scene import Scene, patiently
from core.common import StorageError

RERUN = b"\x5a\x00"  # what the page in a browser says first: run the script
START_SECONDS = 60.0


class Server:
    """A headless server on a free port of this machine; its queue starts with the first visitor."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port: int = probe.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None
        self._visit: socket.socket | None = None

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        self.process = self._scene.start("-m", "streamlit", "run", "serve.py", "--server.port", str(self._port))
        if not patiently(self._visited, START_SECONDS, every=0.2):
            raise StorageError(f"The server does not answer; see {self._scene.home / 'output.txt'}.")

    def end(self) -> None:
        """Kill it, as everything is killed here."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        if self._visit is not None:
            self._visit.close()

    def _visited(self) -> bool:
        """Open a websocket, as a browser does, and ask for the page."""
        host = f"127.0.0.1:{self._port}"
        key = base64.b64encode(os.urandom(16)).decode()
        hello = (
            f"GET /_stcore/stream HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: streamlit\r\n\r\n"
        )
        try:
            self._visit = socket.create_connection(("127.0.0.1", self._port), timeout=5)
            self._visit.sendall(hello.encode())
            if b" 101 " not in self._visit.recv(4096).split(b"\r\n")[0]:
                return False
            self._visit.sendall(bytes([0x82, 0x80 | len(RERUN), 0, 0, 0, 0]) + RERUN)  # one frame, masked by zeros
            return True
        except OSError:
            return False
