"""One process at a time: a board's engine belongs to the process that claims it first.

A claim is a bound socket without a file, so the kernel ends it with its process, however that ends.
"""

import errno
import os
import socket
import struct

from m3vit.errors import UserError

_CREDENTIALS = struct.Struct("3i")  # process, user, group
_claims: dict[str, socket.socket] = {}  # bound as long as this process lives


def claim(name: str) -> None:
    """Keep other processes of this machine off a device until this one ends.

    Args:
        name: of the device; to claim it again changes nothing.

    Raises:
        UserError: another process has it.
    """
    if name in _claims:
        return
    address = f"\0m3vit-{name}"
    claimed = socket.socket(socket.AF_UNIX)
    try:
        while not _bind(claimed, address):
            if (owner := _owner(address)) is not None:
                raise UserError(
                    f"process {owner} uses the engine: end it first, for example by shutting down "
                    "its notebook"
                )
        claimed.listen()
    except BaseException:
        claimed.close()
        raise
    _claims[name] = claimed


def _forget_claims() -> None:
    """A child of a process that has the device has it not."""
    for claimed in _claims.values():
        claimed.close()
    _claims.clear()


os.register_at_fork(after_in_child=_forget_claims)


def _bind(claimed: socket.socket, address: str) -> bool:
    """Whether nobody else has the address."""
    try:
        claimed.bind(address)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        return False
    return True


def _owner(address: str) -> int | None:
    """The process that listens at an address; None if it has ended meanwhile."""
    with socket.socket(socket.AF_UNIX) as asking:
        try:
            asking.connect(address)
        except ConnectionRefusedError:
            return None
        content = asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(content)[0])
