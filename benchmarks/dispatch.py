"""What the endpoint table, the parameters and the rendering of errors cost, beside a Flask view that does nothing.

In one process, without sockets: the application over a store and a signer in memory that answer at once.
"""

import io
import statistics
import sys
import time
from pathlib import Path
from typing import NamedTuple

from flask import Flask

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

REQUESTS = 2000
PATH = "/csc/v2/signatures/signHash"


class Cost(NamedTuple):
    """CPU microseconds of a request to a view that does nothing, of a signature, and of a refusal."""

    nothing: float
    answered: float
    refused: float


def cost(rounds):
    """Return the medians; every round measures all three, so that they drift together."""
    from csc_server.web.operations.logging import configure_logging
    from fakes.web_application import DIGEST, RSA_SHA_256, WebApplication

    configure_logging("error")  # a log line is no part of what is measured; the audit record of a refusal is
    web = WebApplication()
    body = {"credentialID": "pin", "SAD": "s" * 600, "hashes": [DIGEST], "signAlgo": RSA_SHA_256}
    token = web.tokens["service"]
    ways = [
        (_nothing(), _environ({}, token), 200),
        (web.app, _environ(body, token), 200),
        (web.app, _environ(body | {"signAlgo": 1}, token), 400),
    ]
    made = [[_microseconds(*way) for way in ways] for _ in range(rounds)]
    return Cost(*(statistics.median(column) for column in zip(*made, strict=True)))


def _nothing():
    app = Flask("nothing")
    app.add_url_rule(PATH, "nothing", lambda: b"", methods=["POST"])
    return app


def _environ(body, token):
    from csc_server.wire import dump_json

    data = dump_json(body)
    return data, {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": PATH,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8080",
        "HTTP_HOST": "127.0.0.1:8080",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.errors": io.StringIO(),
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(data)),
        "HTTP_AUTHORIZATION": f"Bearer {token}",
    }


def _microseconds(app, request, expected):
    data, environ = request
    _ask(app, environ, data, expected)
    started = time.process_time()
    for _ in range(REQUESTS):
        _ask(app, environ, data, expected)
    return (time.process_time() - started) / REQUESTS * 1e6


def _ask(app, environ, data, expected):
    statuses = []
    answer = app({**environ, "wsgi.input": io.BytesIO(data)}, lambda status, *_: statuses.append(status))
    b"".join(answer)
    answer.close()
    if int(statuses[0][:3]) != expected:
        raise RuntimeError(f"{statuses[0]} where {expected} was expected")


if __name__ == "__main__":
    print(cost(5))
