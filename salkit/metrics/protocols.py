"""Named protocols: two codes give different numbers for the same maps, so a score needs a name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from ..errors import ConfigError
from ..functional import auc_judd, cc, kl_div, nss, sim

# Takes (saliency_map, density_map, fixation_map), each (H, W) float64, and gives a scalar.
Measure = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Protocol:
    """How maps are scored.

    Attributes:
        name: what it is called in configs and reports.
        summary: what it does, in a sentence.
        measures: by the name they have in tables.
    """

    name: str
    summary: str
    measures: dict[str, Measure]


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            'exact',
            'Float prediction at the resolution of the density map; AUC-J as an exact rank '
            'statistic with ties 1/2 against all unfixated pixels; frames averaged within a '
            'video, then videos; frames without fixations left out of NSS and AUC-J only.',
            {
                'CC': lambda saliency, density, fixations: cc(saliency, density),
                'KL': lambda saliency, density, fixations: kl_div(saliency, density),
                'SIM': lambda saliency, density, fixations: sim(saliency, density),
                'NSS': lambda saliency, density, fixations: nss(saliency, fixations),
                'AUC-J': lambda saliency, density, fixations: auc_judd(
                    saliency, fixations, ties='half'
                ),
            },
        ),
    )
}
NEED_FIXATIONS = ('NSS', 'AUC-J')


def get_protocol(name: str) -> Protocol:
    """The protocol called `name`; ConfigError that lists all where there is none."""
    if name not in PROTOCOLS:
        raise ConfigError(f'unknown protocol {name!r}; known: {", ".join(sorted(PROTOCOLS))}')
    return PROTOCOLS[name]
