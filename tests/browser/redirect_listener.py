"""The loopback listener of a native application (RFC 8252, 7.3): it gets the browser back with its answer."""

import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qsl, urlsplit


class RedirectListener:
    """Listens on a free port and keeps what arrives at the redirect path."""

    def __init__(self) -> None:
        self._answers: queue.Queue[tuple[str, dict[str, str]]] = queue.Queue()
        answers = self._answers

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                body = b"<!doctype html><title>Back</title><h1>Back in the application</h1>"
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                if parts.query:
                    answers.put((parts.path, dict(parse_qsl(parts.query))))

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the overridden method
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def uri(self, path: str) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}{path}"

    def answer(self, path: str) -> dict[str, str]:
        """Return the parameters of the authorization response, waiting for it up to a bound."""
        arrived_at, answer = self._answers.get(timeout=20)
        assert arrived_at == path
        return answer

    @property
    def is_untouched(self) -> bool:
        return self._answers.empty()
