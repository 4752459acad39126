"""Time stamps that repeat, run back or jump: what rises is kept, the rest mended, and said."""

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clicking import clicks, video_with_sound, write
from hypothesis import given
from hypothesis import strategies as st
from make_video import encode_video, frame_number
from video_kinds import remux

from salkit.media.video import VideoReader, VideoWriter
from salkit.media.video.time_stamps import UNKNOWN, frame_times

MS = Fraction(1, 1000)


def times_of(stamps, container='matroska,webm', rate=25.0):
    stamps = np.array(stamps, np.int64)
    return frame_times(stamps, stamps, 1e-3, rate, container)


@given(
    steps=st.lists(st.integers(2, 400), min_size=6, max_size=40),
    start=st.integers(-5000, 2**33),
    faults=st.dictionaries(
        st.integers(0, 39), st.sampled_from(['repeated', 'back', 'ahead', 'unknown']), max_size=2
    ),
)
def test_single_faults_cost_only_the_frames_that_have_them(steps, start, faults):
    right = start + np.cumsum([0, *steps])
    stamps = right.copy()
    faults = {n: fault for n, fault in faults.items() if 0 < n < len(stamps) - 1}
    # Two faults side by side hide which is which.
    faults = {n: fault for n, fault in faults.items() if n - 1 not in faults}
    for n, fault in faults.items():
        wrong = dict(repeated=right[n - 1], back=right[n] - 10**5, ahead=right[n] + 10**5)
        stamps[n] = wrong.get(fault, UNKNOWN)
    found = times_of(stamps)
    assert (np.diff(found.times) > 0).all()
    fine = [n for n in range(len(stamps)) if n not in faults]
    np.testing.assert_allclose(found.times[fine], (right - right[0])[fine] / 1e3, atol=1e-6)
    assert bool(found.warnings) == bool(faults)
    if faults:
        assert found.warnings[0].startswith(f'frame {min(faults) + 1} has ')


@pytest.mark.parametrize('container', ['mpegts', 'matroska,webm'])
@given(
    jumps=st.lists(st.sampled_from([-(10**7), -200, 10**6, 3600 * 10**3]), min_size=1, max_size=3),
    length=st.integers(6, 12),
)
def test_jumps_are_closed(container, jumps, length):
    stamps, start = [], 1423
    for jump in [0, *jumps]:
        start += jump
        stamps += (start + 40 * np.arange(length)).tolist()
        start = stamps[-1]
    found = times_of(stamps, container)
    np.testing.assert_allclose(found.times, np.arange(len(stamps)) * 0.04, atol=1e-9)
    assert found.jumps == tuple(length * (n + 1) for n in range(len(jumps)))
    for stamp, time in found.clock:
        assert round(stamp * 1e3) in stamps and round(time / 0.04) % length == 0
    line, *others = found.warnings
    before, behind = stamps[length - 1] / 1e3, stamps[length] / 1e3
    assert not others
    assert f'from {before:.3f} s to {behind:.3f} s at frame {length + 1}' in line


def test_long_frames_are_kept_where_nothing_jumps():
    slides = [0, 120_000, 240_000, 240_040, 240_080]
    found = times_of(slides)
    np.testing.assert_allclose(found.times, np.array(slides) / 1e3)
    assert found.warnings == ('frame 1 is shown for 120.000 s (and 1 more)',)


ANY = st.one_of(st.just(UNKNOWN), st.integers(1 - 2**63, 2**63 - 1), st.integers(-50, 400))


@given(
    stamps=st.lists(st.tuples(ANY, ANY), min_size=1, max_size=30),
    time_base=st.sampled_from([1e-12, 1 / 90000, 1.0, 1e9]),
    container=st.sampled_from(['avi', 'mpegts', 'matroska,webm']),
)
def test_times_rise_whatever_the_stamps_are(stamps, time_base, container):
    pts, dts = np.array(stamps, np.int64).T
    found = frame_times(pts, dts, time_base, 25.0, container)
    assert len(found.times) == len(pts) and found.times[0] == 0
    assert np.isfinite(found.times).all() and (np.diff(found.times) > 0).all()
    assert np.isfinite(found.clock).all()


def test_stamps_now_and_then_tell_when_it_starts():
    stamps = np.array([63000 + 9000 * n if n % 12 == 1 else UNKNOWN for n in range(40)])
    found = frame_times(stamps, np.full(40, UNKNOWN), 1 / 90000, 10.0, 'mpeg')
    np.testing.assert_allclose(found.times, np.arange(40) / 10)
    np.testing.assert_allclose(found.clock, [(0.8, 0.1)])
    assert found.warnings == ()


@pytest.mark.parametrize(
    'stamps',
    [
        [UNKNOWN] * 9,
        [UNKNOWN] * 7 + [80],
        [5] * 9,
        list(range(900, 0, -100)),
        [-(2**63) + 1, 2**63 - 1] * 4,
    ],
)
def test_stamps_that_say_nothing(stamps):
    found = times_of(stamps, rate=50.0)
    np.testing.assert_allclose(found.times, np.arange(len(stamps)) / 50)


def test_a_repeated_stamp_at_the_end():
    found = times_of([0, 40, 90, 160, 160])
    np.testing.assert_allclose(found.times[:4], [0, 0.04, 0.09, 0.16])
    assert found.times[4] > 0.16 and found.warnings[0].startswith('frame 5 has the time stamp')


def test_one_repeated_stamp_costs_one_time(tmp_path):
    stamps = np.cumsum([0, *np.random.default_rng(0).integers(15, 600, 39)]).tolist()
    right = list(stamps)
    stamps[10] = stamps[9]
    source = encode_video(tmp_path / 's.mkv', 40, times=right, time_base=MS, codec='ffv1')

    def repeat(packet, number):
        packet.pts = packet.dts = stamps[number]

    path = remux(source, tmp_path / 'clip.mkv', repeat)
    info = VideoReader(path).info
    others = [n for n in range(40) if n != 10]
    np.testing.assert_allclose(info.times[others], np.array(right)[others] / 1e3, atol=1e-6)
    assert info.times[9] < info.times[10] < info.times[11] and not info.truncated
    # From the cache, too.
    again = VideoReader(path).info
    assert (again.clock, again.warnings) == (info.clock, info.warnings)
    assert info.warnings[0].startswith(f'frame 11 has the time stamp {stamps[9] / 1e3:.3f} s')


def joined(path, *parts):
    path.write_bytes(b''.join(part.read_bytes() for part in parts))
    return path


@pytest.mark.parametrize('second', [0, 3600, -2, 2**33 / 90000 - 2.5])
def test_joined_broadcasts(tmp_path, second):
    # The last one counts beyond the 33 bits of the stamps, and begins anew.
    parts = [
        video_with_sound(tmp_path / f'{n}.ts', 'aac', output_ts_offset=str(offset))
        for n, offset in enumerate((10, 10 + second))
    ]
    path, out = joined(tmp_path / 'joined.ts', *parts), tmp_path / 'out.mp4'
    with VideoReader(path) as video:
        info = video.info
        assert not info.truncated and info.errors == 0
        assert [frame_number(frame) for frame in video] == [*range(30)] * 2
    np.testing.assert_allclose(info.times, np.arange(60) / 10, atol=1e-4)
    assert len(info.warnings) == 1 and 'at frame 31' in info.warnings[0]
    writer = write(out, 60, fps=10, sound=path)
    assert writer.warnings == []
    # The sound of each part has the offset to its frames that it had.
    expected = [*clicks(parts[0]), *(click + 3 for click in clicks(parts[1]))]
    # Where they overlap, some milliseconds are cut.
    found = clicks(out)
    assert found.pop(6) == pytest.approx(expected.pop(6), abs=0.02)
    assert found == pytest.approx(expected, abs=0.003)


def restamped(path, kind, change):
    """Rewrite the stamps, in ms, of an .flv file's tags of H.264 (kind 9) or AAC (8)."""
    content, place, number = bytearray(path.read_bytes()), 13, 0
    while place < len(content):
        size = int.from_bytes(content[place + 1 : place + 4], 'big')
        # The first tag of a stream sets the decoder up.
        if content[place] == kind and content[place + 12]:
            stamp = int.from_bytes(content[place + 4 : place + 7], 'big')
            content[place + 4 : place + 7] = change(stamp, number).to_bytes(3, 'big')
            number += 1
        place += size + 15
    path.write_bytes(content)
    return path


@pytest.mark.parametrize('wrong', [-2000, 4_000_000])
def test_wrong_stamps_of_sound_do_not_end_it(tmp_path, wrong):
    path = video_with_sound(tmp_path / 'a.flv', 'aac', seconds=6)
    right = clicks(path)
    restamped(path, 8, lambda stamp, n: max(stamp + wrong * (n % 40 == 20), 0))
    writer = write(tmp_path / 'out.mp4', 60, fps=10, sound=path)
    assert len(writer.warnings) == 1 and 'wrong time stamps' in writer.warnings[0]
    assert clicks(tmp_path / 'out.mp4') == pytest.approx(right, abs=0.003)


@pytest.mark.skipif(not os.environ.get('SALKIT_SAMPLE_DATA'), reason='needs $SALKIT_SAMPLE_DATA')
def test_files_that_went_wrong():
    faults = Path(os.environ['SALKIT_SAMPLE_DATA']) / 'faults'
    if not faults.is_dir():
        pytest.skip('no faults/ in $SALKIT_SAMPLE_DATA')
    repeated = VideoReader(faults / 'repeated-stamp' / 'clip.mkv').info
    assert (repeated.frames, repeated.times[-1]) == (40, pytest.approx(7.808))
    jump = VideoReader(faults / 'stamp-jump' / 'tsjump.ts').info
    assert (jump.frames, jump.truncated) == (50, False)
    assert jump.times[-1] == pytest.approx(1.96)


def test_a_video_of_mended_times_is_written_with_them(tmp_path):
    times = times_of([0, 40, 40, 400, 120, 7000]).times
    with VideoWriter(tmp_path / 'a.mp4', (48, 80)) as writer:
        for time in times:
            writer.write(np.zeros((48, 80, 3), np.uint8), float(time))
    np.testing.assert_allclose(VideoReader(tmp_path / 'a.mp4').info.times, times, atol=1e-4)
