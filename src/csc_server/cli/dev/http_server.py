"""What the development server's own small HTTP servers share: one way to read a POST and to answer it."""

from http.server import BaseHTTPRequestHandler


class PostHandler(BaseHTTPRequestHandler):
    """Reads and answers; what a POST means its subclass knows."""

    def do_POST(self) -> None:
        """Hand the request on."""
        self.post()

    def post(self) -> None:
        """Answer a POST."""
        raise NotImplementedError

    def read_body(self, maximum: int) -> bytes:
        """Return the body of the request, empty when it has none or more than `maximum` octets."""
        length = int(self.headers.get("Content-Length") or 0)
        return self.rfile.read(length) if 0 < length <= maximum else b""

    def answer(self, status: int, media_type: str = "", body: bytes = b"") -> None:
        """Send the answer; without a body it has no media type."""
        self.send_response(status)
        if body:
            self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Write nothing: whoever asked logs it."""
