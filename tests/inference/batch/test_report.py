"""Whether a folder is a complete submission to the DHF1K benchmark."""

from pathlib import Path

import pytest

from salkit.errors import DataError
from salkit.inference.batch.report import FRAMES, VIDEOS, count_submission, submission_name


def test_names_of_a_submission():
    assert submission_name(Path('test/0701.AVI')) == '0701'
    assert submission_name(Path('test_1000_x264.mp4')) == '1000'
    for name in ('0700.AVI', 'clip.mp4', '701_702.mp4'):
        with pytest.raises(DataError, match='expected a number from 701 to 1000'):
            submission_name(Path(name))


def test_what_a_submission_lacks(tmp_path, monkeypatch):
    for number, maps in ((701, 2), (703, 1)):
        folder = tmp_path / f'{number:04d}'
        folder.mkdir()
        for i in range(maps):
            (folder / f'{i + 1:04d}.png').touch()
    found = count_submission(tmp_path)
    assert '2 of 300 videos, 3 of 176,192 maps' in found['summary'] and not found['complete']
    assert '0702, 0704' in found['summary'] and 'and 288 more' in found['summary']
    monkeypatch.setattr('salkit.inference.batch.report.VIDEOS', (701, 703))
    monkeypatch.setattr('salkit.inference.batch.report.FRAMES', 3)
    assert count_submission(tmp_path)['complete']
    assert FRAMES == 176_192 and len(VIDEOS) == 300
