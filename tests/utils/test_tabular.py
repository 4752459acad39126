"""Reports in notebooks and in pandas."""

import math
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from salkit.checkpoints.fit_report import FitReport
from salkit.errors import ConfigError
from salkit.inference.batch import report as batch
from salkit.metrics.report import ScoreReport
from salkit.models.profile import ModelProfile
from salkit.paper.rows import TABLES
from salkit.prepare import report as preparing
from salkit.prepare.check import CheckReport
from salkit.scoring import compare, leaderboard
from salkit.utils.tabular import MOST_ROWS, Tabular, shown_as


@dataclass
class Sizes(Tabular):
    sizes: dict = field(default_factory=dict)
    remarks = ('counted <b>twice</b>',)

    def records(self):
        return [dict(name=name, size=size) for name, size in self.sizes.items()]


def cells(html, tag='td'):
    return [part.partition('>')[2] for part in html.split(f'<{tag} ')[1:]]


def test_a_table_is_text_and_nothing_else():
    html = Sizes({'<script>': 1, 'b\x1b[31m': 2.5})._repr_html_()
    assert [cell.partition('<')[0] for cell in cells(html)] == [
        *('&lt;script&gt;', '1'),
        *('b\\x1b[31m', '2.5000'),
    ]
    assert '<p><b>2 rows</b></p>' in html and '<p>counted &lt;b&gt;twice&lt;/b&gt;</p>' in html
    # Words at the left, numbers at the right.
    assert html.count('text-align: left') == html.count('text-align: right') == 3


def test_a_long_table_is_cut_and_says_so():
    many = Sizes({str(number): number for number in range(MOST_ROWS + 1200)})
    assert len(cells(many._repr_html_())) == 2 * MOST_ROWS
    assert 'and 1,200 more rows' in many._repr_html_() and len(many.to_frame()) == MOST_ROWS + 1200
    assert 'more rows' not in Sizes(dict(list(many.sizes.items())[:MOST_ROWS]))._repr_html_()


def test_columns_are_those_of_all_rows():
    class Uneven(Tabular):
        def records(self):
            return [dict(a=1), dict(a=2, b=None), dict(c=math.nan)]

    assert [cell.partition('<')[0] for cell in cells(Uneven()._repr_html_())] == [
        *'1--',
        *'2--',
        *'---',
    ]
    assert list(Uneven().to_frame()) == ['a', 'b', 'c']


@pytest.mark.parametrize(
    ('value', 'text'),
    [
        (0.0, '0.0000'),
        (0.12345, '0.1235'),
        (np.float32(12.5), '12.5000'),
        (1e-5, '1e-05'),
        (1234567.0, '1.235e+06'),
        (1234567, '1,234,567'),
        (np.int64(7), '7'),
        (True, 'True'),
        ((8, 64, 96), '8, 64, 96'),
        (dict(npz='a.npz', mp4='a.mp4'), 'npz: a.npz, mp4: a.mp4'),
        (Path('a/b'), 'a/b'),
    ],
)
def test_values_for_readers(value, text):
    assert shown_as(value) == text


def test_without_pandas_there_is_one_error(monkeypatch):
    monkeypatch.setitem(sys.modules, 'pandas', None)
    with pytest.raises(ConfigError, match='pip install pandas'):
        Sizes(dict(a=1)).to_frame()


# The reports of salkit ---------------------------------------------------------------------------


def scores(shift=0.0):
    videos = {f'video{number}': 0.5 + number / 40 + shift for number in range(9)}
    return ScoreReport(
        'exact',
        'D',
        'test',
        scores=dict(CC=sum(videos.values()) / 9, NSS=2.0),
        per_video={name: dict(CC=value, NSS=2.0) for name, value in videos.items()},
        videos=9,
        frames=90,
        frames_per_video=dict.fromkeys(videos, 10),
        other_scores=dict(frames=dict(CC=0.25, NSS=1.0)),
        interval=dict(CC=[0.5, 0.7]),
    )


def check_report():
    report = CheckReport(Path('data'), counts=dict(train=dict(videos=1200)), checked=3, videos=3)
    report.faults.add('empty-file', 'data/a.png', '0 bytes', 'a picture', 'make it again')
    return report


def prepare_report():
    report = preparing.PrepareReport('folder', Path('videos'), Path('data'))
    report.outcomes.append(preparing.Outcome('clip', 'train', preparing.PREPARED, 30))
    report.outcomes.append(preparing.Outcome('bad', 'val', preparing.FAILED, 0, 'no frames'))
    report.leave_out('other', 'no gaze')
    return report


def predict_report():
    outcome = batch.Outcome('a.mp4', batch.PREDICTED, 'a', 30, 2.0, dict(npz='out/a.npz'))
    failed = batch.Outcome('b.mp4', batch.FAILED, note='b.mp4: is empty')
    return batch.PredictReport(Path('out'), [outcome, failed])


REPORTS = {
    'scores': (scores, 2, ['0.6000', '0.2500', 'protocol exact, D test: 9 videos, 90 frames']),
    'check': (check_report, 1, ['empty-file', 'data/a.png', 'make it again', '1,200 videos']),
    'prepare': (prepare_report, 2, ['no frames', '1 prepared, 1 failed', 'left out, no gaze']),
    'predict': (predict_report, 2, ['b.mp4: is empty', 'npz: out/a.npz', '15.0 frames/s']),
    'profile': (
        lambda: ModelProfile('tiny', (8, 64, 96), 100_000, 5, None, {'a': 7}, 0.4, 3_000_000_000),
        1,
        ['8 frames of 64 x 96 pixels', '100,000', '3.0 GFLOPs'],
    ),
    'fit': (
        lambda: FitReport('a.pth', 'own', 'model', used={'w': 'w'}, dropped={'h': 'a head'}),
        2,
        ['a.pth: 1 entries', 'a head'],
    ),
    'comparison': (
        lambda: compare(scores(), scores(0.1), names=['old', 'new']),
        2,
        ['new - old: protocol exact', '0.1000', 'better', 'p: paired sign-flip test'],
    ),
    'leaderboard': (
        lambda: leaderboard(scores(), scores(0.1), names=['old', 'new'], resamples=100),
        2,
        ['<b>0.7000</b>', 'old', '3 more tables', 'seed 0'],
    ),
    'table': (lambda: TABLES[2], 10, ['Table 3. Encoders', '0.9280', '134.7']),
}


@pytest.mark.parametrize('name', REPORTS)
def test_a_report_shows_itself(name):
    make, rows, shown = REPORTS[name]
    report = make()
    html, line = report._repr_html_(), repr(report)
    assert [text for text in shown if text not in html] == []
    assert '\n' not in line and len(line) < 300 and line.startswith(type(report).__name__)
    frame = report.to_frame()
    assert len(frame) == rows == len(report.records())
    assert list(frame) == list(dict.fromkeys(key for row in report.records() for key in row))


def test_a_frame_without_rows_can_be_asked_for_its_columns():
    nothing = CheckReport(Path('data')).to_frame()
    assert len(nothing) == 0 and list(nothing) == list(check_report().to_frame())
    assert list(Sizes().to_frame()) == []


def test_scores_by_metric_and_video():
    report = scores()
    by_metric = report.to_frame(by='metric').set_index('metric')
    assert list(by_metric.loc['CC', ['low', 'high']]) == [0.5, 0.7]
    assert math.isnan(by_metric.loc['NSS', 'low'])
    by_video = report.to_frame(by='video').set_index('video')
    assert by_video.loc['video4', 'CC'] == pytest.approx(0.6) and by_video['frames'].sum() == 90
    with pytest.raises(ConfigError, match='by must be one of protocol, metric, video'):
        report.to_frame(by='frame')
