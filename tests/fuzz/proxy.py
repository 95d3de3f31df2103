"""Real HTTP between us and a simulator, on 127.0.0.1, where a test may send us something else than was answered."""

import http.client
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_HOP = frozenset({"connection", "transfer-encoding", "content-length", "host", "keep-alive"})


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back to us. `length`: what the header claims, where that is a lie. `wait`: seconds before it begins."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None
    wait: float = 0.0


type Rewrite = Callable[[str, str, Reply], Reply]
"""What we are sent, by method, path and what the simulator answered: it has done what it was asked by then."""


def honest(_method: str, _path: str, reply: Reply) -> Reply:
    """Nothing changed."""
    return reply


@dataclass
class Between:
    """A proxy at `url`; `rewrite` is asked at every call."""

    target: str
    url: str = ""
    rewrite: Rewrite = honest
    calls: int = 0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    between: Between

    def do_GET(self) -> None:
        self._through()

    def do_POST(self) -> None:
        self._through()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's word
        """Say nothing."""

    def _through(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        target = urlsplit(self.between.target)
        kept = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
        with closing(http.client.HTTPConnection(str(target.hostname), target.port, timeout=30)) as asked:
            asked.request(self.command, self.path, sent, kept)
            answer = asked.getresponse()
            told = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP}
            honest_reply = Reply(answer.status, answer.read(), told)
        self.between.calls += 1
        reply = self.between.rewrite(self.command, urlsplit(self.path).path, honest_reply)
        time.sleep(reply.wait)
        # We may have hung up by then.
        with suppress(OSError):
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            length = len(reply.body) if reply.length is None else reply.length
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(reply.body)
            self.close_connection = length != len(reply.body)


@contextmanager
def between(target: str) -> Iterator[Between]:
    """A proxy before `target`, for the length of the block."""
    made = Between(target)
    handler = type("Handler", (_Handler,), {"between": made})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
