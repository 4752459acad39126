"""The scoring codes of the field, one module each: what it does that others do not."""

from __future__ import annotations

from . import (
    dhf1k_matlab,
    diffsal,
    exact,
    msu_vsp,
    ntire26,
    pysaliency,
    stavis,
    tmfi,
    unisal,
    vinet,
)

PROTOCOLS = tuple(
    module.PROTOCOL
    for module in (
        exact,
        dhf1k_matlab,
        tmfi,
        ntire26,
        vinet,
        unisal,
        pysaliency,
        diffsal,
        stavis,
        msu_vsp,
    )
)
