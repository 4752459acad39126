"""The four tables of the paper, as it prints them.

Moradi et al., "Exploring the Impact of Model Parameters and Components on Video Saliency Prediction
with Foundation Models". All scores are on the public validation set of DHF1K.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import ConfigError
from ..utils.tabular import Record, Tabular

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
        parameters: counted from the config, with the entries of the authors' checkpoint that no
            forward pass reads.
        scores: the paper's, in the order of `METRICS`.
        size_mb: the paper's "Size (MB)", which is KiB / 1000; None in table 4.
        params_m: the paper's "#Params(M)", cut to one decimal; None in table 4.
        note: where the paper's cell cannot be right.
    """

    label: str
    config: str
    parameters: int
    scores: tuple[float, ...]
    size_mb: float | None = None
    params_m: float | None = None
    note: str | None = None


@dataclass(frozen=True)
class Table(Tabular):
    """One table: its number, what it varies, and its rows."""

    number: int
    title: str
    rows: tuple[Row, ...]

    def records(self) -> list[Record]:
        """A row for each model, as the paper prints it."""
        return [
            dict(
                model=row.label,
                **dict(zip(METRICS, row.scores, strict=True)),
                size_mb=row.size_mb,
                params_m=row.params_m,
                config=row.config,
            )
            for row in self.rows
        ]

    @property
    def headline(self) -> str:
        """Its number and title."""
        return f'Table {self.number}. {self.title}'

    @property
    def remarks(self) -> list[str]:
        """Where the paper's cells cannot be right."""
        return [f'{row.label}: {row.note}' for row in self.rows if row.note]


# Blocks: a table's number and title, then its rows, see `_row`.
_PRINTED = """
1  Depth of the Swin3D branch
Depth 2           umt-l16_swin3d-d2_cc-kl   399572931  0.565 3.174 0.417 0.923  1560  399.5
Depth 4           umt-l16_swin3d-d4_cc-kl   401259187  0.561 3.168 0.435 0.924  1567  401.2
Depth 6 (SalFoM)  umt-l16_cc-kl             402945443  0.565 3.299 0.436 0.928  1574  402.9
Depth 8           umt-l16_swin3d-d8_cc-kl   404631699  0.560 3.197 0.441 0.924  1580  404.6
Depth 10          umt-l16_swin3d-d10_cc-kl  406317955  0.562 3.194 0.436 0.924  1587  406.3

2  Layers of the DFD and SFD branches
DFD, 3D depth-wise  umt-l16_dfd-depthwise_cc-kl  396102755  0.463 2.463 0.329 0.901  1547  396.1
DFD, extra layers   umt-l16_dfd-extra_cc-kl      406090403  0.559 3.188 0.433 0.923  1586  406.0
DFD, fewer layers   umt-l16_dfd-fewer_cc-kl      400429475  0.564 3.178 0.432 0.924  1564  400.4
SFD, 2D depth-wise  umt-l16_sfd-depthwise_cc-kl  396816467  0.463 2.484 0.341 0.897  1550  396.8
SFD, extra layers   umt-l16_sfd-extra_cc-kl      403574435  0.568 3.192 0.441 0.924  1576  403.5
SFD, fewer layers   umt-l16_sfd-fewer_cc-kl      402316451  0.560 3.185 0.428 0.924  1571  402.3
SalFoM              umt-l16_cc-kl                402945443  0.565 3.299 0.436 0.928  1574  402.9

3  Encoders and their depth
UMT-B-8, depth 6             umt-b8-d6_cc-kl     92158531  0.497 2.764 0.384 0.910  360.1   92.1
UMT-B-8, depth 12            umt-b8_cc-kl       134681155  0.527 2.935 0.400 0.915  526.2   135.0  134.7
UMT-L-8, depth 6             umt-l8-d6_cc-kl    152704323  0.475 2.604 0.352 0.903  596.4   152.7
UMT-L-8, depth 12            umt-l8-d12_cc-kl   228275523  0.533 2.969 0.397 0.916  891.8   228.2
UMT-L-8, depth 18            umt-l8-d18_cc-kl   303846723  0.547 3.100 0.426 0.920  1187.1  303.8
UMT-L-8, depth 24            umt-l8_cc-kl       379417923  0.552 3.169 0.418 0.924  1482.3  379.6  379.5
UMT-L-16, depth 6            umt-l16-d6_cc-kl   176231843  0.502 2.802 0.379 0.911  688     176.2
UMT-L-16, depth 12           umt-l16-d12_cc-kl  251803043  0.542 3.062 0.412 0.920  983     251.8
UMT-L-16, depth 18           umt-l16-d18_cc-kl  327374243  0.562 3.185 0.430 0.923  1280    327.3
UMT-L-16, depth 24 (SalFoM)  umt-l16_cc-kl      402945443  0.565 3.299 0.436 0.928  1574    402.9

4  Losses
CC              umt-l16_cc             402945443  0.547 3.121 0.362 0.916
KL              umt-l16_kl             402945443  0.564 3.192 0.442 0.925
SIM             umt-l16_sim            402945443  0.310 1.948 0.234 0.806
NSS             umt-l16_nss            402945443  0.556 3.139 0.375 0.918
CC+KL (SalFoM)  umt-l16_cc-kl          402945443  0.565 3.299 0.436 0.928
CC+KL+SIM       umt-l16_cc-kl-sim      402945443  0.557 3.141 0.437 0.921
CC+KL+SIM+NSS   umt-l16_cc-kl-sim-nss  402945443  0.558 3.160 0.431 0.921
"""  # noqa: E501


def _row(line: str) -> Row:
    """A row from its cells, two spaces or more apart.

    They are: label, config in `configs/salfom/`, our count of parameters, scores; in tables 1 to 3
    the paper's size and parameters; and where it prints other parameters than its own size column
    gives, those that it gives.
    """
    label, config, parameters, scores, *counts = re.split(r'\s{2,}', line)
    numbers = tuple(float(score) for score in scores.split())
    if not counts:
        return Row(label, f'salfom/{config}', int(parameters), numbers)
    size, params, *meant = counts
    note = None
    if meant:
        note = f'the paper prints {params} M parameters; its own size column gives {meant[0]} M'
    row = label, f'salfom/{config}', int(parameters), numbers
    return Row(*row, float(size), float(params), note)


def _table(block: str) -> Table:
    title, *rows = block.splitlines()
    number, title = title.split(maxsplit=1)
    return Table(int(number), title, tuple(map(_row, rows)))


TABLES = tuple(map(_table, _PRINTED.strip().split('\n\n')))


def tables_of(names: Sequence[str] | None) -> tuple[Table, ...]:
    """The tables called '1' to '4' or 'table1' to 'table4', in that order; all of them for none.

    Raises:
        ConfigError: another name.
    """
    known = {str(table.number): table for table in TABLES}
    numbers = [name.removeprefix('table') for name in names or known]
    if 'all' in numbers:
        numbers = list(known)
    for number in numbers:
        if number not in known:
            raise ConfigError(f'the paper has no table {number!r}; it has 1, 2, 3 and 4')
    return tuple(known[number] for number in dict.fromkeys(numbers))


def rows_of(tables: Sequence[Table]) -> list[Row]:
    """One row a config of `tables`; a config that stands in several is given once."""
    return list({row.config: row for table in tables for row in table.rows}.values())
