"""The four tables of the paper, as it prints them.

Moradi et al., "Exploring the Impact of Model Parameters and Components on Video Saliency Prediction
with Foundation Models". All scores are on the public validation set of DHF1K.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ConfigError

TITLE = (
    'Exploring the Impact of Model Parameters and Components on Video Saliency Prediction with '
    'Foundation Models'
)
CODE_URL = 'https://github.com/mr17m/SalFoM---Video-Saliency-Prediction'
METRICS = ('CC', 'NSS', 'SIM', 'AUC-J')
SALFOM = 'salfom/umt-l16_cc-kl'


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        label: what the paper calls it, the heading it stands under included.
        config: name of the config.
        scores: the paper's, in the order of `METRICS`.
        size_mb: the paper's "Size (MB)", which is KiB / 1000; None in table 4.
        params_m: the paper's "#Params(M)", cut to one decimal; None in table 4.
        note: where the paper's cell cannot be right.
    """

    label: str
    config: str
    scores: tuple[float, float, float, float]
    size_mb: float | None = None
    params_m: float | None = None
    note: str | None = None


@dataclass(frozen=True)
class Table:
    """One table: its number, what it varies, and its rows."""

    number: int
    title: str
    rows: tuple[Row, ...]


def _slip(printed: str, meant: str) -> str:
    return f'the paper prints {printed} M parameters; its own size column gives {meant} M'


_SALFOM_SCORES = (0.565, 3.299, 0.436, 0.928)

TABLES = (
    Table(
        1,
        'Depth of the Swin3D branch',
        (
            Row(
                'Depth 2',
                'salfom/umt-l16_swin3d-d2_cc-kl',
                (0.565, 3.174, 0.417, 0.923),
                1560,
                399.5,
            ),
            Row(
                'Depth 4',
                'salfom/umt-l16_swin3d-d4_cc-kl',
                (0.561, 3.168, 0.435, 0.924),
                1567,
                401.2,
            ),
            Row('Depth 6 (SalFoM)', SALFOM, _SALFOM_SCORES, 1574, 402.9),
            Row(
                'Depth 8',
                'salfom/umt-l16_swin3d-d8_cc-kl',
                (0.560, 3.197, 0.441, 0.924),
                1580,
                404.6,
            ),
            Row(
                'Depth 10',
                'salfom/umt-l16_swin3d-d10_cc-kl',
                (0.562, 3.194, 0.436, 0.924),
                1587,
                406.3,
            ),
        ),
    ),
    Table(
        2,
        'Layers of the DFD and SFD branches',
        (
            Row(
                'DFD, 3D depth-wise',
                'salfom/umt-l16_dfd-depthwise_cc-kl',
                (0.463, 2.463, 0.329, 0.901),
                1547,
                396.1,
            ),
            Row(
                'DFD, extra layers',
                'salfom/umt-l16_dfd-extra_cc-kl',
                (0.559, 3.188, 0.433, 0.923),
                1586,
                406.0,
            ),
            Row(
                'DFD, fewer layers',
                'salfom/umt-l16_dfd-fewer_cc-kl',
                (0.564, 3.178, 0.432, 0.924),
                1564,
                400.4,
            ),
            Row(
                'SFD, 2D depth-wise',
                'salfom/umt-l16_sfd-depthwise_cc-kl',
                (0.463, 2.484, 0.341, 0.897),
                1550,
                396.8,
            ),
            Row(
                'SFD, extra layers',
                'salfom/umt-l16_sfd-extra_cc-kl',
                (0.568, 3.192, 0.441, 0.924),
                1576,
                403.5,
            ),
            Row(
                'SFD, fewer layers',
                'salfom/umt-l16_sfd-fewer_cc-kl',
                (0.560, 3.185, 0.428, 0.924),
                1571,
                402.3,
            ),
            Row('SalFoM', SALFOM, _SALFOM_SCORES, 1574, 402.9),
        ),
    ),
    Table(
        3,
        'Encoders and their depth',
        (
            Row(
                'UMT-B-8, depth 6',
                'salfom/umt-b8-d6_cc-kl',
                (0.497, 2.764, 0.384, 0.910),
                360.1,
                92.1,
            ),
            Row(
                'UMT-B-8, depth 12',
                'salfom/umt-b8_cc-kl',
                (0.527, 2.935, 0.400, 0.915),
                526.2,
                135.0,
                _slip('135.0', '134.7'),
            ),
            Row(
                'UMT-L-8, depth 6',
                'salfom/umt-l8-d6_cc-kl',
                (0.475, 2.604, 0.352, 0.903),
                596.4,
                152.7,
            ),
            Row(
                'UMT-L-8, depth 12',
                'salfom/umt-l8-d12_cc-kl',
                (0.533, 2.969, 0.397, 0.916),
                891.8,
                228.2,
            ),
            Row(
                'UMT-L-8, depth 18',
                'salfom/umt-l8-d18_cc-kl',
                (0.547, 3.100, 0.426, 0.920),
                1187.1,
                303.8,
            ),
            Row(
                'UMT-L-8, depth 24',
                'salfom/umt-l8_cc-kl',
                (0.552, 3.169, 0.418, 0.924),
                1482.3,
                379.6,
                _slip('379.6', '379.5'),
            ),
            Row(
                'UMT-L-16, depth 6',
                'salfom/umt-l16-d6_cc-kl',
                (0.502, 2.802, 0.379, 0.911),
                688,
                176.2,
            ),
            Row(
                'UMT-L-16, depth 12',
                'salfom/umt-l16-d12_cc-kl',
                (0.542, 3.062, 0.412, 0.920),
                983,
                251.8,
            ),
            Row(
                'UMT-L-16, depth 18',
                'salfom/umt-l16-d18_cc-kl',
                (0.562, 3.185, 0.430, 0.923),
                1280,
                327.3,
            ),
            Row('UMT-L-16, depth 24 (SalFoM)', SALFOM, _SALFOM_SCORES, 1574, 402.9),
        ),
    ),
    Table(
        4,
        'Losses',
        (
            Row('CC', 'salfom/umt-l16_cc', (0.547, 3.121, 0.362, 0.916)),
            Row('KL', 'salfom/umt-l16_kl', (0.564, 3.192, 0.442, 0.925)),
            Row('SIM', 'salfom/umt-l16_sim', (0.310, 1.948, 0.234, 0.806)),
            Row('NSS', 'salfom/umt-l16_nss', (0.556, 3.139, 0.375, 0.918)),
            Row('CC+KL (SalFoM)', SALFOM, _SALFOM_SCORES),
            Row('CC+KL+SIM', 'salfom/umt-l16_cc-kl-sim', (0.557, 3.141, 0.437, 0.921)),
            Row('CC+KL+SIM+NSS', 'salfom/umt-l16_cc-kl-sim-nss', (0.558, 3.160, 0.431, 0.921)),
        ),
    ),
)


def tables_of(names: list[str] | None) -> tuple[Table, ...]:
    """The tables called '1' to '4' or 'table1' to 'table4', in that order; all of them for none.

    Raises:
        ConfigError: another name.
    """
    known = {str(table.number): table for table in TABLES}
    numbers = [str(name).removeprefix('table') for name in names or known]
    if 'all' in numbers:
        numbers = list(known)
    for number, name in zip(numbers, names or numbers, strict=False):
        if number not in known:
            raise ConfigError(f'the paper has no table {name!r}; it has 1, 2, 3 and 4')
    return tuple(known[number] for number in dict.fromkeys(numbers))


def rows_of(tables: tuple[Table, ...]) -> list[Row]:
    """One row a config of `tables`; a config that stands in several is given once."""
    rows: dict[str, Row] = {}
    for table in tables:
        for row in table.rows:
            rows.setdefault(row.config, row)
    return list(rows.values())
