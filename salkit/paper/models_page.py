"""docs/models.md, and the metafile of the models that salkit ships.

Numbers come from the metafiles of `configs/` and from what was measured (`measured`), words of the
model card from `configs/lite/card.md.tmpl`. `python -m salkit.paper.zoo` writes all.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from string import Template

import yaml

from ..config.find import config_names, config_root
from ..config.load import load_config
from ..models.profile import profile
from ..utils.input_files import read_input_text
from .measured import Measured, ScoredSet, measured_file, read_measured
from .rows import METRICS

FOLDER, LITE = 'lite', 'lite/lite0_cc-kl'
TEMPLATE, METAFILE, PAGE = 'card.md.tmpl', 'metafile.yml', 'models.md'
# What is at the left of a row of scores, by its name in the file of what was measured.
ROWS = {
    'observers': 'half of the observers',
    'mean': 'mean density',
    'center': 'a Gaussian in the middle',
}
CARD_METRICS = ('CC', 'NSS', 'AUC-J', 's-AUC', 'SIM', 'KL')
# How many of the worst photographs of each set are named.
WORST = 5
_WRITTEN = '`python -m salkit.paper.zoo`'

_HEAD = f"""# Models

<!-- not run below: needs the data sets, or trains for minutes -->

This page is written by {_WRITTEN}; a test compares it with the code. It lists every config that
has weights, or scores on a published data set. Others build and train and have neither:
[encoders.md](encoders.md) and [configs/salfom](../configs/salfom/README.md) have them.

## With weights
"""
_REPORTED = """
[What it is, what it scores and what it must not be used for](#lite0).

## With scores that the paper reports

SalFoM and the variants that its paper compares. The scores are the paper's, on the public
validation set of DHF1K; they were not measured with salkit, and no weights are published with it.
The authors' checkpoint is read where you have it (`salkit convert`), and `salkit train` trains each
of them. [configs/salfom](../configs/salfom/README.md) has the paper's tables.
"""


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], words: int = 1) -> str:
    """A table in Markdown, numbers to the right.

    Args:
        heads: of the columns.
        rows: cells.
        words: how many columns, from the left, hold words.
    """
    aligns = [':--' if place < words else '--:' for place in range(len(heads))]
    lines = ['| ' + ' | '.join(cells) + ' |' for cells in (heads, aligns, *rows)]
    return '\n'.join(lines)


def _link(config: str) -> str:
    return f'[{Path(config).stem}](../configs/{config}.py)'


# The metafile ------------------------------------------------------------------------------------


def _lite_model(config: str) -> dict[str, object]:
    counted = profile(load_config(config))
    model: dict[str, object] = {
        'Name': Path(config).stem,
        'In Collection': 'lite',
        'Config': f'configs/{config}.py',
        'Metadata': {
            'Training Data': ['OSIE', 'Crowd', 'Scene'],
            'Parameters': counted.params_trainable + counted.params_constant,
            'FLOPs': counted.flops,
            'Frames': counted.clip[0],
            'Input Size': list(counted.clip[1:]),
        },
    }
    if config == LITE:
        measured = read_measured(measured_file(config))
        model['Results'] = [
            {
                'Task': 'Video Saliency Prediction',
                'Dataset': scored.title,
                'Metrics': {
                    metric: score[0] for metric, score in scored.rows[measured.name].items()
                },
            }
            for scored in measured.sets.values()
        ]
        model['Weights'] = f'salkit/models/shipped/{measured.weights}'
    return model


def lite_metafile() -> str:
    """The text of `configs/lite/metafile.yml`."""
    content = {
        'Collections': [
            {
                'Name': 'lite',
                'README': 'docs/models.md',
                'Metadata': {
                    'Architecture': ['EfficientNet-Lite', 'ReadoutDecoder'],
                    'Training Data': ['OSIE', 'Crowd', 'Scene'],
                    'Training Techniques': ['AdamW'],
                },
            }
        ],
        'Models': [_lite_model(name) for name in config_names() if name.startswith(f'{FOLDER}/')],
    }
    head = f'# Written by {_WRITTEN}. Scores are those of {measured_file(LITE).name}.\n'
    return head + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)


# The page ----------------------------------------------------------------------------------------


def _reported() -> str:
    """The rows of the models of which the paper reports scores."""
    text = read_input_text(config_root() / 'salfom' / METAFILE)
    rows = [
        [
            _link(model['Config'].removeprefix('configs/').removesuffix('.py')),
            f'{model["Metadata"]["Parameters"]:,}',
            *(f'{model["Results"][0]["Metrics"][metric]:.3f}' for metric in METRICS),
        ]
        for model in yaml.safe_load(text)['Models']
        if 'Results' in model
    ]
    return table(['config', 'parameters', *METRICS], rows)


def _score(values: Sequence[float]) -> str:
    score, low, high = (f'{value:.3f}' for value in values)
    return f'{score} ({low} to {high})'


def _scores(sets: Iterable[ScoredSet], model: str) -> str:
    """A table a set: the model, what half of the observers reach, and what needs no model."""
    tables = []
    for scored in sets:
        counted = f'{scored.videos} videos' if scored.is_film else f'{scored.videos} photographs'
        counted += f', {scored.frames} frames' if scored.is_film else ''
        titles = {model: model, **ROWS}
        rows = [
            [title, *(_score(scored.rows[name][m]) for m in CARD_METRICS)]
            for name, title in titles.items()
            if name in scored.rows
        ]
        tables.append(table([f'{scored.title} ({counted})', *CARD_METRICS], rows))
    return '\n\n'.join(tables)


def _per_film(sets: Iterable[ScoredSet]) -> str:
    metrics = ('CC', 'NSS', 'AUC-J')
    tables = []
    for scored in sets:
        films = sorted(scored.per_video.items())
        rows = [[film, *(f'{scores[m]:.3f}' for m in metrics)] for film, scores in films]
        tables.append(table([scored.title, *metrics], rows))
    return '\n\n'.join(tables)


def _seeds(measured: Measured) -> str:
    names = list(next(iter(measured.seeds.values()), {}))
    rows = [
        [seed, *(f'{scores[name]:.4f}' for name in names)]
        for seed, scores in measured.seeds.items()
    ]
    values = [[scores[name] for scores in measured.seeds.values()] for name in names]
    if len(rows) > 1:
        rows.append(['mean', *(f'{statistics.mean(each):.4f}' for each in values)])
        rows.append(['standard deviation', *(f'{statistics.stdev(each):.4f}' for each in values)])
    return table(['seed', *(measured.sets[name].title for name in names)], rows)


def _worst(sets: Iterable[ScoredSet]) -> str:
    rows = []
    for scored in sets:
        lowest = sorted(scored.per_video, key=lambda video: scored.per_video[video]['CC'])[:WORST]
        found = (f'{video} ({scored.per_video[video]["CC"]:.2f})' for video in lowest)
        rows.append([scored.title, ', '.join(found)])
    return table(['set', f'the {WORST} of the test split with the lowest CC'], rows, words=2)


def card(measured: Measured) -> str:
    """The model card of a model, of the template and of what was measured."""
    template = Template(read_input_text(config_root() / FOLDER / TEMPLATE))
    pictures = [scored for scored in measured.sets.values() if not scored.is_film]
    films = [scored for scored in measured.sets.values() if scored.is_film]
    speed = measured.speed
    return template.substitute(
        parameters=f'{measured.parameters:,}',
        file_mb=f'{measured.file_mb:g}',
        rows=measured.size[0],
        columns=measured.size[1],
        gflops=f'{measured.flops / 1e9:.1f}',
        frames_per_s=f'{speed.frames_per_s:.0f}',
        speed_rows=speed.frame[0],
        speed_columns=speed.frame[1],
        cores=speed.cores,
        machine=speed.machine,
        weights=measured.weights,
        sha256=measured.sha256,
        protocol=measured.protocol,
        seeds=_seeds(measured),
        pictures=_scores(pictures, measured.name),
        films=_scores(films, measured.name),
        per_film=_per_film(films),
        worst=_worst(pictures),
    )


def _shipped(measured: Measured) -> str:
    row = [
        f'[{measured.name}](#{measured.name})',
        _link(measured.config),
        f'{measured.parameters:,}',
        f'one frame of {measured.size[0]} x {measured.size[1]}',
        'photographs of OSIE, Crowd and Scene',
        f'come with salkit, {measured.file_mb:g} MB',
    ]
    heads = ['model', 'config', 'parameters', 'input', 'trained on', 'weights']
    return table(heads, [row], words=len(heads))


def models_page() -> str:
    """The text of docs/models.md."""
    measured = read_measured(measured_file(LITE))
    return '\n'.join([_HEAD, _shipped(measured), _REPORTED, _reported(), '', card(measured)])
