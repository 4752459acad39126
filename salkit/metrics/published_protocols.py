"""The named protocols: two codes give different numbers for the same maps, so a score needs one."""

from __future__ import annotations

from ..builder import known_names, resolve
from ..registry import PROTOCOLS
from .codes import PROTOCOLS as BUILT_IN
from .protocol import Protocol


def protocol_names() -> list[str]:
    """Names of all protocols, those of plugins included, sorted."""
    return known_names(PROTOCOLS)


def get_protocol(name: str | Protocol) -> Protocol:
    """The protocol called `name` (or the protocol itself).

    Raises:
        ConfigError: no such protocol; with the nearest names.
    """
    return resolve(PROTOCOLS, name)


for _protocol in BUILT_IN:
    PROTOCOLS.add(_protocol)
