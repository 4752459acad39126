import json
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from score_data import report

import salkit.scoring
from salkit.cli import main
from salkit.errors import SalkitError
from salkit.scoring.paired_comparison import compare
from salkit.scoring.score_files import short_names

RNG = np.random.default_rng(0)


def row(comparison, metric, other=None):
    (found,) = [
        d for d in comparison.differences if d.metric == metric and other in (None, d.other)
    ]
    return found


# Comparison --------------------------------------------------------------------------------------


def test_a_file_with_itself():
    scores = report({'CC': RNG.random(9), 'KL': RNG.random(9)})
    comparison = compare(scores, scores)
    for difference in comparison.differences:
        assert difference.difference == difference.low == difference.high == 0
        assert difference.p == difference.p_holm == 1 and difference.verdict == ''


def test_a_constant_shift_and_the_direction_of_better():
    base = RNG.random(8)
    comparison = compare(
        report({'CC': base, 'KL': base}), report({'CC': base + 0.25, 'KL': base + 0.25})
    )
    cc, kl = row(comparison, 'CC'), row(comparison, 'KL')
    assert [cc.difference, cc.low, cc.high] == pytest.approx([0.25] * 3)
    # Two patterns of 256 are as extreme; times 2 tests.
    assert cc.p == 2 / 256 and cc.p_holm == 4 / 256
    assert (cc.better, cc.verdict, kl.better, kl.verdict) == ('higher', 'better', 'lower', 'worse')
    assert cc.reference_mean == pytest.approx(base.mean())
    assert cc.other_mean == pytest.approx(base.mean() + 0.25)
    assert comparison.warnings == ()


scores_lists = st.integers(2, 15).flatmap(
    lambda n: st.tuples(*[st.lists(st.floats(-3, 3, width=32), min_size=n, max_size=n)] * 2)
)


@settings(max_examples=30)
@given(scores_lists)
def test_swapping_the_files_negates_everything(pair):
    a, b = (report({'CC': np.array(values)}) for values in pair)
    there = row(compare(a, b), 'CC')
    back = row(compare(b, a), 'CC')
    assert there.difference == -back.difference and there.p == back.p
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low), abs=1e-12)
    if there.verdict:
        assert {there.verdict, back.verdict} == {'better', 'worse'}


@settings(max_examples=30)
@given(scores_lists, st.randoms(use_true_random=False))
def test_the_order_of_the_videos_does_not_matter(pair, random):
    a, b = (report({'CC': np.array(values)}) for values in pair)
    shuffled = list(b['per_video'].items())
    random.shuffle(shuffled)
    one = compare(a, b).to_json()
    two = compare(a, dict(b, per_video=dict(shuffled))).to_json()
    assert one == two


def test_videos_without_a_value_are_left_out_of_that_metric_alone():
    a, b = RNG.random(8), RNG.random(8)
    gaps_a, gaps_b = a.copy(), b.copy()
    gaps_a[0] = gaps_b[3] = gaps_b[4] = math.nan
    comparison = compare(report({'CC': a, 'NSS': gaps_a}), report({'CC': b, 'NSS': gaps_b}))
    cc, nss = row(comparison, 'CC'), row(comparison, 'NSS')
    assert (len(cc.videos), cc.left_out) == (8, 0) and (len(nss.videos), nss.left_out) == (5, 3)
    assert nss.difference == pytest.approx((b - a)[[1, 2, 5, 6, 7]].mean())
    assert '5 (-3)' in comparison.format()
    assert any('no p-value can be below 2 / 2**5 = 0.0625' in line for line in comparison.warnings)


def test_a_metric_without_pairs_is_not_tested():
    a = report({'CC': RNG.random(7), 'NSS': np.full(7, math.nan)})
    comparison = compare(a, a)
    nss = row(comparison, 'NSS')
    assert math.isnan(nss.p) and math.isnan(nss.p_holm) and nss.left_out == 7
    assert row(comparison, 'CC').p_holm == row(comparison, 'CC').p
    assert json.loads(json.dumps(comparison.to_json()))['differences'][1]['p'] is None
    assert 'nan' not in json.dumps(comparison.to_json()).lower()


def test_more_files_are_one_family_of_tests():
    base = RNG.random(10)
    files = [report({'CC': base + shift, 'SIM': base}) for shift in (0, 0.1, 0.2)]
    comparison = compare(*files, names=['a', 'b', 'c'])
    assert row(comparison, 'CC', 'c').difference == pytest.approx(0.2)
    assert row(comparison, 'CC', 'b').p_holm == pytest.approx(4 * 2 / 1024)
    text = comparison.format()
    assert 'b - a' in text and 'c - a' in text and 'for the 4 tests' in text


def test_several_protocols():
    base = RNG.random(8)
    a = dict(reports=[report({'CC': base}), report({'CC': base}, 'tmfi')])
    b = dict(reports=[report({'CC': base}, 'tmfi'), report({'CC': base}, 'ntire26')])
    assert list(compare(a, b).subjects) == ['tmfi']
    both = compare(a, a)
    assert list(both.subjects) == ['exact', 'tmfi'] and len(both.differences) == 2
    assert list(compare(a, a, protocol='exact').subjects) == ['exact']
    with pytest.raises(SalkitError, match="protocol 'exact' is not in every file"):
        compare(a, b, protocol='exact')
    with pytest.raises(SalkitError, match=r'scores 2: expected one report .* several of tmfi'):
        compare(a, dict(reports=[*a['reports'], a['reports'][1]]))
    # Another protocol in the files changes nothing in the numbers of one.
    more = [report({'CC': base + i, 'SIM': base * (1 + i)}) for i in (0, 1)]
    alone = compare(*more).to_json()['differences']
    also = compare(*({'reports': [r, dict(r, protocol='tmfi')]} for r in more)).to_json()
    assert also['differences'][:2] == alone and len(also['differences']) == 4


def test_what_is_refused_and_what_may_be_forced():
    base = {'CC': RNG.random(8)}
    a = report(base)
    for other, reason in (
        (report(base, dataset='Other'), 'the data set of scores 1 is Set, of scores 2 Other'),
        (report(base, split='val'), 'the split of scores 1 is test, of scores 2 val'),
        (report(base, selection='frames 0, 9'), 'the choice of frames of scores 1 is all, of'),
    ):
        with pytest.raises(SalkitError, match=reason) as refused:
            compare(a, other)
        assert '--force' in str(refused.value) and '\n' not in str(refused.value)
        assert compare(a, other, force=True).warnings
    with pytest.raises(SalkitError, match=r'no protocol is in every file \(scores 1: exact; '):
        compare(a, report(base, protocol='tmfi'), force=True)
    counted = [dict(a, frames_per_video={'v000': n}) for n in (10, 12)]
    with pytest.raises(SalkitError, match='v000 has 10 in scores 1 and 12 in scores 2'):
        compare(*counted)
    # A class and a folder may stand for the same data.
    named = [report(base, dataset=name) for name in ('UCFSportsDataset', 'ucf_sports')]
    assert compare(*named).warnings == ()


def test_videos_of_one_side_are_never_passed_over_in_silence():
    a = report({f'v{i}': {'CC': i / 10} for i in range(9)})
    b = report({f'v{i}': {'CC': i / 9} for i in range(2, 10)})
    with pytest.raises(SalkitError, match=r'2 video\(s\) only in scores 1: v0, v1; 1 video'):
        compare(a, b)
    with pytest.raises(SalkitError, match='--allow-missing compares the 7'):
        compare(a, b, force=True)
    comparison = compare(a, b, allow_missing=True)
    assert row(comparison, 'CC').videos == tuple(f'v{i}' for i in range(2, 9))
    assert any('only in scores 2: v9' in line for line in comparison.warnings)
    with pytest.raises(SalkitError, match='in common; a paired comparison needs at least 2'):
        compare(report({'v1': {'CC': 1}}), report({'v1': {'CC': 2}}))


def test_few_videos_and_pooled_scores_are_warned_of():
    a = report({'CC': np.array([0.1, 0.2, 0.3, 0.4])})
    (few,) = compare(a, a).warnings
    assert 'only 4 videos: no p-value can be below 2 / 2**4 = 0.125' in few
    pooled = dict(report({'CC': RNG.random(8)}), scores={'CC': 0.9})
    (note,) = compare(pooled, pooled).warnings
    assert 'not means over videos (CC 0.9000' in note


def test_metrics_of_one_side_and_chosen_metrics():
    a = report({'CC': RNG.random(8), 'NSS': RNG.random(8)})
    b = report({'CC': RNG.random(8), 'SIM': RNG.random(8)})
    comparison = compare(a, b)
    assert [d.metric for d in comparison.differences] == ['CC']
    assert comparison.warnings == ('only scores 1 holds NSS', 'only scores 2 holds SIM')
    assert compare(a, b, metrics=['CC']).warnings == ()
    with pytest.raises(SalkitError, match='do not both hold NSS; both hold CC'):
        compare(a, b, metrics=['NSS'])


def test_the_public_function():
    a = report({'CC': RNG.random(8)})
    assert salkit.scoring.compare is compare
    assert isinstance(salkit.scoring.compare(a, a), salkit.scoring.Comparison)


def test_short_names():
    assert short_names(['x/a.json', 'y/b.json']) == ['a', 'b']
    assert short_names(['runs/one/scores.json', 'runs/two/scores.json']) == ['one', 'two']
    assert short_names(['p/a.json', 'q/a.json', 'q/b.json']) == ['p/a', 'q/a', 'q/b']
    assert short_names([{}, 'a.json']) == ['scores 1', 'a']


# Command line ------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path):
    base = RNG.random(8)
    paths = []
    for name, shift in (('a', 0), ('b', 0.1), ('c', 0)):
        paths.append(tmp_path / f'{name}.json')
        scores = report({'CC': base + shift, 'KL': 1 - base - shift})
        paths[-1].write_text(json.dumps(scores))
    return [str(path) for path in paths]


def test_the_command(files, tmp_path, capsys):
    out, picture = tmp_path / 'new' / 'out.json', tmp_path / 'new' / 'plot.png'
    assert main(['compare', *files, '--json', str(out), '--plot', str(picture)]) == 0
    printed = capsys.readouterr()
    assert 'protocol exact, Set test: b - a' in printed.out and printed.err == ''
    lines = [line for line in printed.out.splitlines() if line.startswith(('CC', 'KL', ' '))]
    assert '+0.1000  [+0.1000, +0.1000]  0.0078  0.0312       8  better' in lines[1]
    assert lines[2].startswith('KL  lower') and lines[2].endswith('better')
    content = json.loads(out.read_text())
    assert content['reference'] == 'a' and content['others'] == ['b', 'c']
    assert content['differences'][0]['difference'] == pytest.approx(0.1)
    assert content['settings']['seed'] == 0 and content['settings']['files'] == files
    image = np.asarray(Image.open(picture).convert('RGB'))
    assert image.shape[0] > 200 and image.std() > 10
    # The colour of the first of the others is in it.
    assert (np.abs(image.astype(int) - (0xD1, 0x49, 0x5B)).sum(2) < 20).any()
    assert sorted(path.name for path in picture.parent.iterdir()) == ['out.json', 'plot.png']


def test_pictures_of_many_videos_and_of_gaps(tmp_path):
    from salkit.scoring.plot import plot_per_video

    values = RNG.random(60)
    gaps = np.where(np.arange(60) % 7 == 0, math.nan, values)
    a = report({'CC': values, 'NSS': gaps})
    b = report({'CC': values + 0.1, 'NSS': values, 'SIM': values})
    for others in ([b], [b, a]):
        plot_per_video(compare(a, *others), tmp_path / 'plot.png')
        assert np.asarray(Image.open(tmp_path / 'plot.png').convert('L')).std() > 10


def test_mistakes_get_one_line(files, tmp_path, capsys):
    def with_field(name, value):
        return f'{{"protocol": "exact", "per_video": {{}}, "{name}": {value}}}'

    def fails(*argv):
        assert main(['compare', *map(str, argv)]) == 2
        captured = capsys.readouterr()
        assert captured.err.startswith('salkit compare: error: ')
        line = captured.err.strip()
        assert '\n' not in line
        return line

    assert 'no.json: the file does not exist' in fails(files[0], tmp_path / 'no.json')
    for content, reason in (
        ('[1]', 'a file that holds [1] where fields belong'),
        ('{"reports": [1]}', 'a file that holds 1 where fields belong'),
        ('{"reports": 1}', "a file whose 'reports' is 1 ("),
        ('{"model": 1}', "a file that has no 'per_video'"),
        ('{"per_video": {}}', "a file that has no 'protocol'"),
        ('{"protocol": "exact", "per_video": {"a": {"CC": "high"}}}', "'per_video' is {'a': {'CC'"),
        ('{"protocol": "exact", "per_video": []}', "a file whose 'per_video' is []"),
        (with_field('frames_per_video', '{"a": -1}'), "'frames_per_video' is {'a': -1} (expected"),
        (with_field('interval', '{"CC": [1]}'), "'interval' is {'CC': [1]} (not enough"),
        (with_field('frames', '"x"'), "'frames' is 'x' ("),
        (with_field('model', '{"parameters": 1}'), "'model' is {'parameters': 1} (that has no 'na"),
    ):
        (tmp_path / 'bad.json').write_text(content)
        line = fails(files[0], tmp_path / 'bad.json')
        assert 'bad.json: expected scores as `salkit test --out`' in line and reason in line
    (tmp_path / 'bad.json').write_text('{')
    assert 'bad.json: cannot be read as JSON' in fails(files[0], tmp_path / 'bad.json')
    assert 'should end in .png' in fails(*files, '--plot', tmp_path / 'plot.pdf').splitlines()[-1]


def test_no_matplotlib_and_no_torch_without_a_picture(files):
    code = (
        'import sys\nfrom salkit.cli import main\n'
        f'assert main(["compare", *{files!r}]) == main(["leaderboard", *{files!r}]) == 0\n'
        'assert not {"matplotlib", "torch"} & set(sys.modules)\n'
    )
    subprocess.run([sys.executable, '-c', code], check=True, capture_output=True)


def test_draws_may_be_fewer_and_other_ones():
    generator = np.random.default_rng(5)
    a, b = (report({'CC': generator.random(20)}) for _ in range(2))
    usual, few, other = (
        row(compare(a, b, **options), 'CC')
        for options in ({}, dict(resamples=200), dict(resamples=200, seed=1))
    )
    assert usual.difference == few.difference == other.difference
    assert len({(each.low, each.high) for each in (usual, few, other)}) == 3
