"""A web server on loopback that misbehaves on purpose."""

import contextlib
import gzip
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import urlsplit

CONTENT = bytes(range(256)) * 800  # 204,800 bytes


class FaultServer:
    """Answers ``/FAULT/anything`` with that fault and counts the requests.

    ``content`` is the true file; ``slow`` sends it in pieces, one each 0.05 s;
    ``flaky`` breaks off the first answer and gives the whole in the second;
    ``given`` sends what a test has put there; ``together`` sees how many ask at
    once; ``uneven`` lacks ``last.bin``.
    """

    def __init__(self, content: bytes = CONTENT):
        self.content = content
        self.given = b""
        self.asking = self.most_at_once = 0
        self.requests: Counter[str] = Counter()
        self.over = threading.Event()
        self.counting = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                fault = urlsplit(self.path).path.split("/")[1]
                with server.counting:
                    server.requests[fault] += 1
                with contextlib.suppress(ConnectionError):  # who asked has left
                    getattr(server, f"_{fault}")(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 64  # of connections that wait to be accepted

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()

    def url(self, fault: str, name: str = "file") -> str:
        """Return the address of the file behind ``fault``."""
        return f"http://127.0.0.1:{self._server.server_port}/{fault}/{name}"

    def _answer(
        self,
        handler: BaseHTTPRequestHandler,
        body: bytes,
        length: int | None = None,
        status: int = 200,
        **headers: str,
    ) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(length or len(body)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    def _good(self, handler: BaseHTTPRequestHandler) -> None:
        self._answer(handler, self.content)

    def _gzip(self, handler: BaseHTTPRequestHandler) -> None:
        self._answer(handler, gzip.compress(self.content))

    def _gzipcut(self, handler: BaseHTTPRequestHandler) -> None:
        self._answer(handler, gzip.compress(self.content)[:-20])

    def _gzipbomb(self, handler: BaseHTTPRequestHandler) -> None:
        self._answer(handler, gzip.compress(bytes(20 << 20), 1))

    def _silent(self, handler: BaseHTTPRequestHandler) -> None:
        self.over.wait(30)

    def _stalls(self, handler: BaseHTTPRequestHandler) -> None:
        self._answer(handler, self.content[:50_000], len(self.content))
        self.over.wait(30)

    def _trickles(self, handler: BaseHTTPRequestHandler) -> None:
        """Send a byte of the headers now and then: no silence, and no end."""
        handler.wfile.write(b"HTTP/1.0 200 OK\r\nX-Header: ")
        while not self.over.wait(0.05):
            handler.wfile.write(b"x")

    def _slow(self, handler: BaseHTTPRequestHandler) -> None:
        self._answer(handler, b"", len(self.content))
        for start in range(0, len(self.content), 4096):
            handler.wfile.write(self.content[start : start + 4096])
            time.sleep(0.05)

    def _truncated(self, handler: BaseHTTPRequestHandler) -> None:
        self._answer(handler, self.content[:100_000], len(self.content))

    def _cut(self, handler: BaseHTTPRequestHandler) -> None:
        """Break off without having told a length."""
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(self.content[:100_000])

    def _flaky(self, handler: BaseHTTPRequestHandler) -> None:
        if self.requests["flaky"] == 1:
            self._truncated(handler)
        else:
            self._good(handler)

    def _given(self, handler: BaseHTTPRequestHandler) -> None:
        self._answer(handler, self.given)

    def _together(self, handler: BaseHTTPRequestHandler) -> None:
        with self.counting:
            self.asking += 1
            self.most_at_once = max(self.most_at_once, self.asking)
        time.sleep(0.02)
        with self.counting:
            self.asking -= 1
        self._good(handler)

    def _uneven(self, handler: BaseHTTPRequestHandler) -> None:
        last = handler.path.endswith("/last.bin")
        (self._missing if last else self._good)(handler)

    def _shorter(self, handler: BaseHTTPRequestHandler) -> None:
        self._answer(handler, self.content[:-1])

    def _longer(self, handler: BaseHTTPRequestHandler) -> None:
        self._answer(handler, self.content + b"more")

    def _wrong(self, handler: BaseHTTPRequestHandler) -> None:
        self._answer(handler, self.content[::-1])

    def _missing(self, handler: BaseHTTPRequestHandler) -> None:
        self._answer(handler, b"no such file", status=404)

    def _broken(self, handler: BaseHTTPRequestHandler) -> None:
        self._answer(handler, b"out of order", status=500)

    def _busy(self, handler: BaseHTTPRequestHandler) -> None:
        self._answer(handler, b"later", status=429)

    def _loop(self, handler: BaseHTTPRequestHandler) -> None:
        self._answer(handler, b"", status=302, Location=self.url("loop"))

    def _login(self, handler: BaseHTTPRequestHandler) -> None:
        page = b"\n<!DOCTYPE html><title>Hotel</title>Please accept our terms."
        self._answer(handler, page.ljust(len(self.content)), Content_Type="text/html")
