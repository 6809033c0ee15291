"""Who is at the other end of a UNIX socket (AR-03)."""

import socket
import struct

_CREDENTIALS = struct.Struct("3i")
"""`struct ucred`: pid, uid, gid (unix(7), SO_PEERCRED)."""


def peer_uid(connection: socket.socket) -> int:
    """Return the uid of the process that connected, as the kernel saw it."""
    data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, _ = _CREDENTIALS.unpack(data)
    return int(uid)
