"""Whether a folder is a complete submission to the DHF1K benchmark."""

import json
from pathlib import Path

import pytest

from salkit.errors import DataError
from salkit.inference.batch.submission import FRAMES, VIDEOS, check_submission, submission_name


def test_names_of_a_submission():
    assert submission_name(Path('test/0701.AVI')) == '0701'
    assert submission_name(Path('test_1000_x264.mp4')) == '1000'
    for name in ('0700.AVI', 'clip.mp4', '701_702.mp4'):
        with pytest.raises(DataError, match='expected a number from 701 to 1000'):
            submission_name(Path(name))


def test_what_a_submission_lacks(tmp_path, monkeypatch):
    def add(number, maps, frames):
        folder = tmp_path / f'{number:04d}'
        folder.mkdir()
        for i in range(maps):
            (folder / f'{i + 1:04d}.png').touch()
        entry = dict(format='dhf1k', submission=folder.name, stimulus_frames=frames)
        record = dict(made_by='salkit predict', outputs={folder.name: entry})
        (tmp_path / f'{folder.name}.json').write_text(json.dumps(record))

    add(701, 2, 2)
    add(702, 1, 3)
    found = check_submission(tmp_path, tmp_path)
    lines = '\n'.join(found.lines())
    assert 'incomplete: 2 of 300 videos, 3 of 176,192 maps' in lines
    assert '0703, 0704' in lines and 'and 288 more' in lines and '0702 (1 maps, 3 frames)' in lines
    monkeypatch.setattr('salkit.inference.batch.submission.VIDEOS', range(701, 703))
    monkeypatch.setattr('salkit.inference.batch.submission.FRAMES', 5)
    for i in (2, 3):
        (tmp_path / '0702' / f'000{i}.png').touch()
    assert check_submission(tmp_path, tmp_path).is_complete
    assert FRAMES == 176_192 and len(VIDEOS) == 300
