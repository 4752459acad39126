"""A machine without a network, for the time of a block."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock


class NetworkError(OSError):
    """What a blocked connection raises."""


@contextmanager
def no_network() -> Iterator[list[str]]:
    """Refuse every connection; yields the list of those that were tried.

    Sockets of the machine itself (AF_UNIX) still work.
    """
    tried: list[str] = []
    connect = socket.socket.connect

    def refuse(where: object) -> None:
        tried.append(str(where))
        raise NetworkError(f'no network here: {where} was asked for')

    def refuse_connection(self: socket.socket, address: tuple) -> None:
        if self.family == getattr(socket, 'AF_UNIX', None):
            return connect(self, address)
        return refuse(address)

    def refuse_name(host: object, *args: object, **options: object) -> None:
        refuse(host)

    with (
        mock.patch.object(socket.socket, 'connect', refuse_connection),
        mock.patch.object(socket.socket, 'connect_ex', refuse_connection),
        mock.patch.object(socket, 'getaddrinfo', refuse_name),
        mock.patch.object(socket, 'create_connection', refuse_name),
    ):
        yield tried
