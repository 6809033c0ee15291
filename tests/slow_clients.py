"""What clients send that never finish a request, and how one sees that they were sent away."""

import ssl

HEAD = b"POST /csc/v2/info HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"


def is_closed(connection: ssl.SSLSocket) -> bool:
    """Whether the server ended a connection, as far as the connection's own time-out lets one see."""
    try:
        while connection.recv(4096):
            pass
    except (ConnectionError, ssl.SSLError):
        return True
    except TimeoutError:
        return False
    return True
