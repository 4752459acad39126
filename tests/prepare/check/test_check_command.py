"""`salkit check`: exit status, output, quick runs, interruption."""

import json
import os
import signal
from pathlib import Path

import pytest
from make_data import write_dataset, write_video
from PIL import Image

import salkit.prepare.check.run as run_module
from salkit.cli import main
from salkit.errors import ConfigError, DataError
from salkit.prepare.check import check_dataset


@pytest.fixture
def root(tmp_path):
    for seed in range(4):
        split = 'train' if seed < 2 else 'test'
        write_video(tmp_path / 'data' / split / f'{split}{seed % 2:03d}', frames=8, seed=seed)
    return tmp_path / 'data'


def test_a_clean_set(root, capsys):
    assert main(['check', str(root)]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0].split() == [
        'split',
        'videos',
        'frames',
        'density',
        'maps',
        'fixation',
        'maps',
    ]
    assert out.splitlines()[1].split() == ['train', '2', '16', '16', '16']
    assert out.splitlines()[-1] == '4 video(s) checked: nothing is wrong' and not err


def test_a_fault_is_on_one_line(root, capsys):
    (root / 'train' / 'train000').rename(root / 'train' / 'new\nline')
    (root / 'train' / 'new\nline' / 'maps' / '0003.png').write_bytes(b'')
    assert main(['check', str(root)]) == 1
    assert '  train/new\\nline/maps/0003.png: 0 bytes' in capsys.readouterr().out


def test_faults_of_a_kind_do_not_flood(root, capsys):
    for number in range(2, 8):
        for video in ('train000', 'train001'):
            (root / 'train' / video / 'maps' / f'{number:04d}.png').write_bytes(b'')
    assert main(['check', str(root), '--examples', '3', '--json', str(root / 'r.json')]) == 1
    out = capsys.readouterr().out
    assert 'error: empty file [empty-file]: 12' in out and out.count('0 bytes') == 3
    assert 'and 9 more (--json FILE lists all)' in out
    assert out.splitlines()[-1] == '4 video(s) checked: 12 error(s), 0 warning(s)'
    assert len(json.loads((root / 'r.json').read_text())['faults']) == 12
    assert main(['check', str(root), '--ignore', 'empty-file']) == 0


def test_json_on_standard_output_is_alone(root, capsys):
    (root / 'train' / 'train000' / 'maps' / '0003.png').unlink()
    assert main(['check', str(root), '--json', '-', '--split', 'train']) == 1
    report = json.loads(capsys.readouterr().out)
    assert report['by_kind'] == {'missing-file': 1} and list(report['counts']) == ['train']
    fault = report['faults'][0]
    assert set(fault) == {
        'kind',
        'path',
        'found',
        'expected',
        'remedy',
        'severity',
        'message',
    }
    assert main(['check', str(root), '--split', 'testing']) == 0
    assert main(['check', str(root), '--split', 'train,test']) == 1


@pytest.mark.parametrize(
    ('argv', 'said'),
    [
        (['nowhere'], 'the data root does not exist'),
        (['.', '--split', 'val'], "has no split 'val'; it has train, test"),
        (['.', '--dataset', 'coco'], "unknown public data set 'coco'"),
        (['.', '--ignore', 'ugly'], 'ignore must be one of misspelt-split, '),
        (['.', '--workers', '0'], 'workers must be at least 1'),
        (['.', '--sample', '0'], 'sample must be at least 1'),
        (['train/train000/maps'], 'holds no videos'),
    ],
)
def test_what_cannot_be_checked(root, capsys, monkeypatch, argv, said):
    monkeypatch.chdir(root)
    assert main(['check', *argv]) == 2
    assert said in capsys.readouterr().err


def test_python(root):
    with pytest.raises(DataError, match='holds no videos'):
        check_dataset(root / 'train' / 'train000' / 'images')
    with pytest.raises(ConfigError):
        check_dataset(root, 'imagenet')
    # A split and a video may stand for themselves.
    assert list(check_dataset(root / 'test', workers=1).counts) == ['test']
    assert check_dataset(root / 'test' / 'test001', workers=1).counts['test']['frames'] == 8


def test_quick_reads_headers_and_a_sample(root):
    maps = root / 'train' / 'train000' / 'maps'
    # Cut off: only reading it all tells. Empty, no image or of another size: the header does.
    for number in (4, 8):
        path = maps / f'{number:04d}.png'
        path.write_bytes(path.read_bytes()[:120])
    (maps / '0002.png').write_bytes(b'')
    (maps / '0003.png').write_text('<html>')
    Image.linear_gradient('L').resize((48, 40)).save(maps / '0005.png')

    def told(**options):
        report = check_dataset(root, workers=1, **options)
        return {(fault.kind, Path(fault.path).name) for fault in report.faults}

    seen = {('empty-file', '0002.png'), ('unreadable', '0003.png'), ('wrong-size', '0005.png')}
    # Two of eight frames: the first and the last.
    assert told(quick=True, sample=2) == seen | {('unreadable', '0008.png')}
    assert told() == seen | {('unreadable', '0008.png'), ('unreadable', '0004.png')}


def test_every_file_is_read_once(root, monkeypatch):
    import os
    from collections import Counter

    opened = Counter()
    real = os.open

    def counting(path, *arguments):
        if str(path).startswith(str(root)):
            opened[str(path)] += 1
        return real(path, *arguments)

    monkeypatch.setattr(os, 'open', counting)
    assert check_dataset(root, workers=1).ok
    assert len(opened) == 4 * 8 * 3 and set(opened.values()) == {1}


# Published counts --------------------------------------------------------------------------------


def test_published_counts(root):
    for split in ('train', 'test'):
        for i, path in enumerate(sorted((root / split).iterdir())):
            path.rename(root / split / f'Golf-Swing-Side-{i + 1:03d}')
    told = check_dataset(root, workers=1)
    assert told.ok and not told.faults and told.dataset == 'ucf-sports'
    assert told.notes == [
        'train: a part of the split: 2 videos; UCF-Sports as published: 103 videos',
        'test: a part of the split: 2 videos; UCF-Sports as published: 47 videos',
    ]
    named = check_dataset(root, 'ucf-sports', workers=1)
    assert named.ok and [f.kind for f in named.faults] == ['published-counts'] * 2
    assert not check_dataset(root, complete=True, workers=1).ok
    assert len(check_dataset(root, 'avimos', workers=1).warnings) == 1
    assert '47' in '\n'.join(named.lines())


# Interruption ------------------------------------------------------------------------------------


def test_what_was_found_before_an_interrupt_is_told(root, capsys, monkeypatch):
    (root / 'train' / 'train000' / 'maps' / '0003.png').unlink()
    real, seen = run_module.check_video, []

    def check_video(*args):
        if len(seen) == 3:
            raise KeyboardInterrupt
        seen.append(args)
        return real(*args)

    monkeypatch.setattr(run_module, 'check_video', check_video)
    argv = ['check', str(root), '--workers', '1', '--json', str(root.parent / 'r.json')]
    assert main(argv) == 130
    out = capsys.readouterr().out
    assert 'train/train000/maps/0003.png' in out
    assert 'INTERRUPTED: 3 of 4 videos checked: 1 error(s), 0 warning(s)' in out
    assert json.loads((root.parent / 'r.json').read_text())['complete'] is False


# Checks two of six videos, then each worker says that it has begun another, and waits.
SOME_OF_A_CHECK = """
import os, time
import salkit.prepare.check.run as run
from salkit.utils.parallel import check_stopped

check_video = run.check_video

def check_some(video, sample):
    if video.name in ('train000', 'train001'):
        return check_video(video, sample)
    os.write(1, b'begun\\n')
    while True:
        check_stopped()
        time.sleep(0.01)

run.check_video = check_some
"""


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_real_interrupt(tmp_path, nursery, number):
    root = write_dataset(tmp_path / 'data', dict(train=6), frames=8)
    run = nursery.start(['check', root, '--workers', '2'], tmp_path / 'log', SOME_OF_A_CHECK)
    run.until(lambda: run.printed().count('begun\n') == 2)
    (os.killpg if number == signal.SIGINT else os.kill)(run.pid, number)
    status, printed = run.end(), run.printed()
    assert 'Traceback' not in printed
    assert status == 130, printed
    assert 'INTERRUPTED' in printed and 'of 6 videos checked' in printed
    with pytest.raises(ProcessLookupError):
        os.killpg(run.pid, 0)
