import json
import math
from functools import partial

import numpy as np
import pytest
from score_data import report, write_set

import salkit
from salkit.cli import main
from salkit.errors import SalkitError
from salkit.metrics.averaging import Tally, VideoScores, bootstrap_intervals
from salkit.metrics.published_protocols import get_protocol
from salkit.scoring import compare, leaderboard_report, score
from salkit.scoring.leaderboard_building import leaderboard

RNG = np.random.default_rng(0)
QUICK = dict(resamples=200)
board_of = partial(leaderboard, **QUICK)


def constant(cc, kl=None, videos=8, **more):
    """Scores that every video has alike."""
    scores = {'CC': np.full(videos, cc)} | ({} if kl is None else {'KL': np.full(videos, kl)})
    return report(scores, **more)


def only(found):
    (board,) = found.boards
    return board


# Ranks -------------------------------------------------------------------------------------------


def test_ranks_ties_and_their_agreement_by_hand():
    exact = zip((0.8, 0.7, 0.7, 0.6), (0.1, 0.2, 0.3, 0.4), strict=True)
    tmfi = zip((0.5, 0.9, 0.8, 0.4), (0.4, 0.3, 0.2, 0.1), strict=True)
    files = [
        dict(reports=[constant(*one), constant(*other, protocol='tmfi')])
        for one, other in zip(exact, tmfi, strict=True)
    ]
    found = board_of(*files, names=[*'abcd'])
    first, second = found.boards
    assert first.ranks('CC') == dict(a=1, b=2, c=2, d=4)
    assert first.ranks('KL') == dict(a=1, b=2, c=3, d=4)
    assert second.ranks('CC') == dict(b=1, c=2, a=3, d=4)
    assert second.ranks('KL') == dict(d=1, c=2, b=3, a=4)
    # CC: of 6 pairs, 3 are in the same order, 2 in the other one, and b, c are tied in one.
    taus = {one.metric: one for one in found.agreements}
    assert taus['CC'].tau == pytest.approx(1 / math.sqrt(5 * 6)) and taus['CC'].models == 4
    assert taus['KL'].tau == pytest.approx(-1)
    text = found.format()
    ranks = text[text.index('\nRanks') :].splitlines()
    assert 'exact CC' in ranks[2] and 'tmfi KL' in ranks[2]
    assert ranks[3].split() == ['a', '1*', '1*', '3', '4']
    assert ranks[4].split() == ['b', '2=', '2', '1*', '3']
    assert '+0.18  -1.00       4' in text


def test_each_data_set_has_ranks_and_agreements_of_its_own():
    two_protocols = [
        dict(
            reports=[constant(cc, dataset='UCF'), constant(cc, protocol='tmfi', dataset='ucf')],
        )
        for cc in (0.8, 0.7)
    ]
    other_set = [constant(cc, dataset='Other') for cc in (0.7, 0.8)]
    found = board_of(*two_protocols, *other_set, names=[*'abab'])
    # Two names of one data set; the order on the other one is nobody's business.
    assert [(one.boards, one.tau) for one in found.agreements] == [((0, 1), 1)]
    titles = [grid.title for grid in found.grids if 'ank' in grid.title]
    assert titles == [
        'Ranks, UCF test',
        "Agreement of ranks, UCF test: Kendall's tau",
        'Ranks, Other test',
    ]
    spans = [grid.spans for grid in found.grids if grid.title.startswith('Ranks')]
    assert spans == [(('exact', 1), ('tmfi', 1)), (('exact', 1),)]


def test_what_chance_may_have_put_behind_the_best_is_marked():
    base = RNG.random(8)
    wave = np.resize([0.1, -0.1], 8)
    files = [report({'CC': base + shift}) for shift in (0.3, 0.3 + wave - 0.001, 0)]
    found = board_of(*files, names=['best', 'close', 'far'])
    board = only(found)
    assert [board.is_distinct('CC', name) for name in ('best', 'close', 'far')] == [
        None,
        False,
        True,
    ]
    assert board.differences['CC', 'far'].p_holm == pytest.approx(2 * 2 / 256)
    text = found.format()
    assert '2≈' in text and '3≈' not in text


def test_ties_are_all_best_and_the_next_one_is_second():
    found = board_of(constant(0.5), constant(0.5 + 1e-12), constant(0.4), names=[*'abc'])
    lines = {line.split()[0]: line.split()[1] for line in found.format().splitlines()[2:5]}
    assert lines == dict(a='0.5000*', b='0.5000*', c='0.4000+')


# Differences and intervals -----------------------------------------------------------------------


def test_differences_are_those_of_compare():
    a, b, c = (report({'CC': RNG.random(9) + s, 'NSS': RNG.random(9) - s}) for s in (1, 0.5, 0))
    board = only(board_of(a, b, c, names=[*'abc'], reference='b'))
    expected = compare(b, a, c, names=[*'bac'], **QUICK)
    found = {(row.metric, row.other): row.to_json() for row in board.differences.values()}
    assert found == {(row.metric, row.other): row.to_json() for row in expected.differences}
    # Without a reference, those to the best of each metric.
    board = only(board_of(a, b, c, names=[*'abc']))
    for metric in ('CC', 'NSS'):
        best = max('abc', key=lambda name: dict(a=a, b=b, c=c)[name]['scores'][metric])
        assert board.references[metric] == best
        assert all(row.difference < 0 for (m, _), row in board.differences.items() if m == metric)


def test_intervals():
    values, frames = RNG.random(12), RNG.integers(5, 50, 12)
    counted = {f'v{i:03d}': int(n) for i, n in enumerate(frames)}
    over_videos = report({'CC': values}, frames_per_video=counted)
    pooled = dict(over_videos, scores={'CC': float(np.average(values, weights=frames))})
    unknown = dict(over_videos, scores={'CC': 0.123})
    told = dict(over_videos, interval={'CC': [0.25, 0.75]})
    videos = [
        VideoScores(name, n, metrics={'CC': Tally(value * n, n)})
        for (name, n), value in zip(counted.items(), values, strict=True)
    ]
    files = dict(over_videos=over_videos, pooled=pooled, unknown=unknown, told=told)
    board = only(leaderboard(*files.values(), names=[*files]))
    found = {entry.name: entry.intervals.get('CC') for entry in board.entries}
    for name, protocol in (('over_videos', 'exact'), ('pooled', 'dhf1k-matlab')):
        expected = bootstrap_intervals(get_protocol(protocol), ['CC'], videos)['CC']
        # Other draws: 10,000 of them leave about 1 % of the width open.
        assert found[name] == pytest.approx(expected, abs=0.05 * (expected[1] - expected[0]))
    assert found['over_videos'] != pytest.approx(found['pooled'], abs=1e-3)
    assert found['unknown'] is None and found['told'] == (0.25, 0.75)
    alone = only(board_of(constant(0.5, videos=1), constant(0.4, videos=1)))
    assert not any(entry.intervals for entry in alone.entries)
    assert all(math.isnan(row.p) for row in alone.differences.values())


# What belongs together ---------------------------------------------------------------------------


def test_protocols_data_sets_splits_and_choices_of_frames_have_tables_of_their_own():
    files = dict(
        folder=constant(0.1, dataset='ucf_sports'),
        cls=constant(0.2, dataset='UCFSportsDataset'),
        other=constant(0.3, dataset='dhf1k'),
        split=constant(0.4, dataset='ucf_sports', split='train'),
        chosen=constant(0.5, dataset='ucf_sports', selection='frames 0, 10, 20, ...'),
        tmfi=constant(0.6, dataset='ucf_sports', protocol='tmfi'),
    )
    found = board_of(*files.values(), names=[*files])
    names = [{entry.name for entry in board.entries} for board in found.boards]
    assert names == [{'folder', 'cls'}, {'other'}, {'split'}, {'chosen'}, {'tmfi'}]
    assert found.boards[3].title.endswith('(frames 0, 10, 20, ...): 8 videos, 80 frames')
    assert any('protocol exact, dhf1k test have the same videos' in line for line in found.warnings)
    # A name may stand for files of several tables, not twice in one.
    assert board_of(files['folder'], files['tmfi'], names=['a', 'a']).agreements == ()
    with pytest.raises(SalkitError, match=r'ucf_sports test: two files are called a \(--names'):
        board_of(files['folder'], files['cls'], names=['a', 'a'])


def test_an_incomplete_run_is_refused_or_marked_without_a_rank():
    whole = report({f'v{i}': {'CC': 0.1 * i} for i in range(8)})
    whole['frames_per_video'] = {f'v{i}': 10 for i in range(8)}
    lacking = dict(whole, per_video={f'v{i}': {'CC': 0.9} for i in range(7)}, scores={'CC': 0.9})
    short = dict(whole, frames_per_video={**whole['frames_per_video'], 'v3': 4})
    holey = dict(whole, missing=dict(videos=[], frames=['v1/3', 'v2/3'], not_finite=['v1/1']))
    for other, said in (
        (lacking, 'lacks 1 of 8 videos (v7)'),
        (short, 'has fewer frames than others of 1 video(s) (v3: 4 of 10)'),
        (holey, 'was scored without what is missing (2 frames, 1 not finite)'),
    ):
        with pytest.raises(SalkitError) as refused:
            board_of(whole, other, names=['whole', 'part'])
        assert f'part, protocol exact, Set test: {said} (--allow-missing' in str(refused.value)
        found = board_of(whole, other, names=['whole', 'part'], allow_missing=True)
        board = only(found)
        # However good its own scores are.
        assert board.ranks('CC') == {'whole': 1} and board.references == {'CC': 'whole'}
        assert [entry.name for entry in board.entries] == ['whole', 'part']
        text = found.format()
        assert f'part† {said}; not ranked' in text and '\nRanks' not in text
        assert len(board.differences['CC', 'part'].videos) == len(other['per_video'])


def test_baselines_and_ceilings():
    model, worse = (report({'CC': RNG.random(8) + shift}) for shift in (1, 0))
    center = report({'CC': RNG.random(8) + 5}, baseline=dict(baseline='center'))
    mean = report({'CC': RNG.random(8) + 6})
    observers = report({f'v{i:03d}@s{k}': {'CC': 9.0} for i in range(8) for k in range(3)})
    noted = dict(baseline='inter-observer', dataset='SetDataset', split='test')
    observers |= dict(dataset='ground_truth', split='all', baseline=noted)
    half = report({'CC': RNG.random(8) + 7}, dataset='ground_truth', split='all')
    found = board_of(
        *(model, worse, center, observers),
        baselines=[mean],
        ceilings=[half],
        names=['model', 'worse', 'center', 'observers', 'mean', 'half'],
    )
    board = only(found)
    assert [(entry.name, entry.role) for entry in board.entries] == [
        ('model', 'model'),
        ('worse', 'model'),
        ('mean', 'baseline'),
        ('center', 'baseline'),
        ('observers', 'ceiling'),
        ('half', 'ceiling'),
    ]
    # Never the best, and a ceiling is of another ground truth.
    assert board.ranks('CC') == dict(model=1, worse=2) and board.videos == 8
    assert {name for _, name in board.differences} == {'worse', 'center', 'mean'}
    text = found.format()
    assert 'center (baseline)' in text and 'observers (ceiling)' in text
    assert '24' in next(line for line in text.splitlines() if line.startswith('observers'))
    assert found.to_json()['boards'][0]['entries'][3]['baseline'] == {'baseline': 'center'}
    # Of another data set, or of no video of this one.
    strange = dict(observers, baseline=dict(noted, dataset='Other'))
    for other in (strange, dict(half, protocol='tmfi')):
        with pytest.raises(SalkitError, match='scores 2: is a ceiling, and no other file has'):
            board_of(model, ceilings=[other])
    with pytest.raises(SalkitError, match='scores 1: is a ceiling, and no other file has'):
        board_of(observers)


def test_a_score_file_says_of_which_baseline_it_is(tmp_path):
    predictions, truth = write_set(tmp_path, frames=2)
    noted = dict(dataset='Set', split='test', frames_per_video={'0601': 2})
    place = predictions / 'baseline.json'
    for folder, kind, expected in (
        (predictions, 'center', 'center'),
        (predictions, 'inter-observer', None),
        (predictions.parent, 'half-of-observers', 'half-of-observers'),
        (predictions.parent, 'mean', None),
        (predictions, None, None),
    ):
        place.unlink(missing_ok=True)
        place = folder / 'baseline.json'
        place.write_text(json.dumps(dict(noted, baseline=kind)) if kind else '[')
        score(predictions, truth, metrics=['CC'], out=tmp_path / 'scores.json', workers=1)
        content = json.loads((tmp_path / 'scores.json').read_text())
        wanted = dict(baseline=expected, dataset='Set', split='test') if expected else None
        assert content.get('baseline') == wanted


def test_size_and_speed_where_files_know_them():
    facts = dict(name='UMT-L', parameters=74_210_001, frames_per_s=12.34)
    a = dict(reports=[constant(0.5)], model=facts)
    b = constant(0.4, model=dict(facts, frames_per_s=None))
    lines = board_of(a, b, constant(0.3), names=[*'abc']).format().splitlines()
    assert lines[1].split()[-2:] == ['Parameters', 'Frames/s']
    assert [line.split()[-2:] for line in lines[2:5]] == [
        ['74,210,001', '12.3'],
        ['74,210,001', '-'],
        ['-', '-'],
    ]
    assert 'Parameters' not in board_of(constant(0.3)).format()
    c = constant(0.3, model=dict(facts, frames_per_s=0.0, device='CPU, 2 cores'))
    found = board_of(a, c, names=[*'ac'])
    lines = found.format().splitlines()
    assert lines[1].split()[-2:] == ['Frames/s', 'Device']
    ends = [line.split()[5:] for line in lines[2:4]]
    assert ends == [['12.3', '-'], ['0.0', 'CPU,', '2', 'cores']]
    assert 'Frames/s: of the whole test, reading and scoring included' in lines
    assert found.to_json()['boards'][0]['entries'][1]['model']['device'] == 'CPU, 2 cores'
    with pytest.raises(SalkitError, match=r"scores 1: expected scores as .* 'name'"):
        board_of(constant(0.3, model=dict(parameters=1)))
    with pytest.raises(SalkitError, match="'frames_per_s' is inf"):
        board_of(constant(0.3, model=dict(facts, frames_per_s=math.inf)))


def test_chosen_protocols_and_metrics():
    a = dict(reports=[constant(0.5, 0.1), constant(0.5, protocol='tmfi')])
    b = report({'CC': RNG.random(8), 'NSS': np.full(8, math.nan)})
    found = board_of(a, b, names=[*'ab'])
    # A file without a metric, and one without a value of it, have a dash and no rank.
    assert found.boards[0].metrics == ('CC', 'KL', 'NSS')
    assert found.boards[0].ranks('KL') == dict(a=1) and found.boards[0].ranks('NSS') == {}
    one = board_of(a, b, names=[*'ab'], protocol='tmfi')
    assert [board.subject.protocol for board in one.boards] == ['tmfi']
    assert one.warnings == ('b is left out: it holds no scores of tmfi',)
    chosen = board_of(a, b, metrics=['NSS', 'CC'])
    assert [board.metrics for board in chosen.boards] == [('NSS', 'CC'), ('CC',)]
    chosen = board_of(a, b, metrics=['KL'])
    assert len(chosen.boards) == 1 and 'no file holds a chosen metric' in chosen.warnings[0]
    assert 'NaN' not in json.dumps(found.to_json())


@pytest.mark.parametrize(
    ('options', 'said'),
    [
        (dict(metrics=['NS']), "no file holds the metric 'NS'; did you mean NSS?"),
        (dict(scatter=['SIM']), "no file holds the metric 'SIM'"),
        (dict(reference='z'), "no file holds the row 'z'; known: a, b"),
        (dict(protocol='tmfi'), "no file holds scores of the protocol 'tmfi'"),
        (dict(resamples=0), 'resamples must be at least 1, got 0'),
        (dict(names=['a']), '2 score files need as many names, got 1'),
    ],
)
def test_what_is_not_there(options, said):
    files = [report({'CC': RNG.random(8), 'NSS': RNG.random(8)}) for _ in range(2)]
    with pytest.raises(SalkitError, match='b: holds no scores'):
        board_of(files[0], dict(reports=[]), names=[*'ab'])
    with pytest.raises(SalkitError, match=said.replace('?', r'\?')):
        board_of(*files, **{'names': [*'ab'], **options})


# Command line ------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path):
    base = RNG.random(8)
    paths = [tmp_path / f'{name}.json' for name in 'abc']
    for path, shift in zip(paths, (0, 0.1, 0.3), strict=True):
        content = report({'CC': base + shift, 'KL': 1 - base - shift}, baseline={})
        path.write_text(json.dumps(content))
    return list(map(str, paths))


def test_the_command(files, tmp_path, capsys):
    numbers = tmp_path / 'numbers.json'
    assert main(['leaderboard', *files, '--json', str(numbers), '--names', *'xyz']) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith('Protocol exact, Set test: 8 videos, 80 frames\n')
    assert printed.err == '' and printed.out.splitlines()[2].startswith('z ')
    content = json.loads(numbers.read_text())
    assert content['boards'][0]['references'] == dict(CC='z', KL='z')
    assert content['files'] == files and content['settings']['seed'] == 0
    for name, beside in (('r.html', []), ('r.md', ['r_videos.png']), ('r.tex', ['r_videos.pdf'])):
        out = tmp_path / name / name
        assert main(['leaderboard', *files, '--out', str(out), '--scatter', 'KL']) == 0
        assert f'salkit {salkit.__version__} of {files[0]}' in out.read_text().replace('\\', '')
        assert capsys.readouterr().out.split() == [str(out.parent / n) for n in (name, *beside)]
        assert sorted(path.name for path in out.parent.iterdir()) == [name, *beside]
    assert salkit.leaderboard is leaderboard


def test_a_report_is_whole_or_not_there(files, tmp_path, capsys, monkeypatch):
    def fails(*argv):
        assert main(['leaderboard', *map(str, argv)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        return line

    out = tmp_path / 'new' / 'r.md'
    assert 'r.txt: the name of the report should end in .html' in fails(
        *files, '--out', tmp_path / 'new' / 'r.txt'
    )
    (tmp_path / 'bad.json').write_text('{"protocol": "exact", "per_video": {"a": {"CC": "x"}}}')
    assert 'bad.json: expected scores as' in fails(tmp_path / 'bad.json', '--out', out)
    assert not out.parent.exists()
    # The text comes after the picture.
    monkeypatch.setattr(leaderboard_report, 'as_markdown', lambda *_: '\ud800')
    with pytest.raises(UnicodeEncodeError):
        board_of(*files).save(out)
    assert not list(out.parent.iterdir())
