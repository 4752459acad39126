"""The pages of `configs/salfom/`: README.md, and OpenMMLab's metafile.yml.

`python -m salkit.paper.zoo` writes both, those of `models_page` and model-index.yml, in a checkout.
"""

from __future__ import annotations

from functools import cache
from itertools import takewhile
from pathlib import Path

import yaml

from ..config.find import config_names, config_root
from ..config.load import load_config
from ..models.profile import dead_parameters, model_on_meta, profile
from ..utils.files import whole_file
from . import models_page
from .rows import CODE_URL, METRICS, SALFOM, TABLES, TITLE, Row, rows_of
from .tables import format_table

FOLDER = 'salfom'
README, METAFILE, INDEX = 'README.md', 'metafile.yml', 'model-index.yml'

_HEAD = f"""# SalFoM and its variants

*{TITLE}* (Moradi et al.), code of the authors: <{CODE_URL}>.

This page and `metafile.yml` are written by `python -m salkit.paper.zoo`; a test compares them with
the code. Scores are those that the paper reports on the public validation set of DHF1K (600
training videos, 10 % of them held out); they were not measured with salkit. `salkit tables` prints
the same tables with the scores of your own runs beside them, `salkit sweep table1` trains and tests
what is missing. The paper's numbers are of the protocol `tmfi`: the configs test under `exact` and
`tmfi` in one pass, and beside the paper's scores stand ours of `tmfi` alone.

`MB` is the paper's: KiB / 1000. `#Params(M)` is the paper's too, cut to one decimal; `parameters`
is the exact number, counted from the config, with the entries of the authors' checkpoint that no
forward pass reads (`salkit profile {SALFOM}` lists them).

A name reads: encoder and frames, its depth where it is cut (`-d6`), what differs in a branch, the
losses, and what else differs.
"""
_OTHERS = """## Beyond the paper's tables

| config | what it is | parameters |
| :-- | :-- | --: |
"""


@cache
def params_of(config: str) -> int:
    """Parameters of a config as the paper counts them, the official dead entries included."""
    model = model_on_meta(load_config(config))
    own = sum(parameter.numel() for parameter in model.parameters())
    return own + sum((dead_parameters(model) or {}).values())


def other_configs() -> list[str]:
    """Names of the configs of the folder that stand in no table of the paper."""
    in_tables = {row.config for row in rows_of(TABLES)}
    names = (name for name in config_names() if name.startswith(f'{FOLDER}/'))
    return [name for name in names if name not in in_tables]


def _what_it_is(config: str) -> str:
    """The comment that a config begins with."""
    lines = (config_root() / f'{config}.py').read_text(encoding='utf-8').splitlines()
    comment = takewhile(lambda line: line.startswith('#'), lines)
    return ' '.join(line.removeprefix('#').strip() for line in comment)


def readme() -> str:
    """The text of README.md."""
    tables = (format_table(table, {}, markdown=True) + '\n' for table in TABLES)
    others = ''.join(
        f'| {config} | {_what_it_is(config)} | {params_of(config):,} |\n'
        for config in other_configs()
    )
    return '\n'.join([_HEAD, *tables, _OTHERS + others])


def _model(config: str, row: Row | None) -> dict[str, object]:
    cfg = load_config(config)
    counted = profile(cfg)
    dataset = cfg.test_dataloader.dataset.type.removesuffix('Dataset')
    model: dict[str, object] = {
        'Name': Path(config).stem,
        'In Collection': 'SalFoM',
        'Config': f'configs/{config}.py',
        'Metadata': {
            'Training Data': dataset,
            'Parameters': counted.params_paper,
            'FLOPs': counted.flops,
            'Frames': counted.clip[0],
            'Input Size': list(counted.clip[1:]),
        },
    }
    if row:
        model['Results'] = [
            {
                'Task': 'Video Saliency Prediction',
                'Dataset': dataset,
                'Metrics': dict(zip(METRICS, row.scores, strict=True)),
            }
        ]
    return model


def metafile() -> str:
    """The text of metafile.yml: every config, with the paper's scores where it reports some."""
    rows = {row.config: row for row in rows_of(TABLES)}
    configs = [*rows, *other_configs()]
    content = {
        'Collections': [
            {
                'Name': 'SalFoM',
                'README': f'configs/{FOLDER}/{README}',
                'Paper': {'Title': TITLE, 'URL': CODE_URL},
                'Metadata': {
                    'Architecture': ['UMT', 'Swin3D', 'DFD', 'SFD'],
                    'Training Data': 'DHF1K',
                    'Training Techniques': ['Adam'],
                },
            }
        ],
        'Models': [_model(config, rows.get(config)) for config in configs],
    }
    head = '# Written by `python -m salkit.paper.zoo`. Scores are those that the paper reports.\n'
    return head + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)


def index() -> str:
    """The text of model-index.yml."""
    folders = (models_page.FOLDER, FOLDER)
    return 'Import:\n' + ''.join(f'  - configs/{folder}/{METAFILE}\n' for folder in folders)


def main() -> None:
    """Write the files of a checkout."""
    root = config_root()
    texts = {
        root / FOLDER / README: readme(),
        root / FOLDER / METAFILE: metafile(),
        root / models_page.FOLDER / METAFILE: models_page.lite_metafile(),
        root.parent / INDEX: index(),
    }
    for path, text in texts.items():
        with whole_file(path) as temporary:
            temporary.write_text(text, encoding='utf-8')
    # Of the metafiles that have just been written.
    with whole_file(root.parent / 'docs' / models_page.PAGE) as temporary:
        temporary.write_text(models_page.models_page(), encoding='utf-8')


if __name__ == '__main__':
    main()
