"""One page on 127.0.0.1, at an address that nobody can guess."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class PageServer(ThreadingHTTPServer):
    """Serves `page` under `/TOKEN/` and nothing else, to who asks for this host by its number or as localhost.

    Another name in `Host` is a page of somebody else's that points its name at this machine.
    """

    daemon_threads = True

    def __init__(self, page: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.page, self.token = page, secrets.token_urlsafe(24)
        self.hosts = {f"{name}:{self.server_port}" for name in ("127.0.0.1", "localhost")}

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.server_port}/{self.token}/"

    def holds(self, path: str, host: str) -> bool:
        """Whether a request is for the page."""
        return host in self.hosts and hmac.compare_digest(path.encode(), f"/{self.token}/".encode())


class _Answer(BaseHTTPRequestHandler):
    server: PageServer
    timeout = 30.0

    def do_GET(self) -> None:
        """The page, or that there is none."""
        found = self.server.holds(self.path, self.headers.get("Host", ""))
        body = self.server.page if found else b"Not found."
        self.send_response(200 if found else 404)
        for name, value in {**HEADERS, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def version_string(self) -> str:
        """Nothing of Python's version."""
        return "byheart"

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a line would hold the address."""


def serve(page: bytes, say: Callable[[str], None]) -> None:
    """Serve the page until it is interrupted; `say` gets the address."""
    with PageServer(page) as server:
        say(server.address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:  # how it is meant to end
            return
