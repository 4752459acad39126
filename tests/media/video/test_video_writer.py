"""Videos that are written, read back with salkit's reader and with FFmpeg."""

import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from clicking import CLICK, SIZE, clicks, video_with_sound, write
from make_video import encode_video, frame_number, has_sound, numbered_frame

from salkit.errors import ConfigError, DataError, ShapeError
from salkit.media.gray_video import read_frames
from salkit.media.video import SoundPart, VideoReader, VideoWriter
from salkit.media.video import writer as writer_module
from salkit.media.video.sound import SoundWriter


def left_over(folder):
    return sorted(path.name for path in folder.iterdir())


# Pictures ----------------------------------------------------------------------------------------


def test_frames_and_colours_come_back(tmp_path):
    rng = np.random.default_rng(0)
    # Blocks of one colour each: what is left is the codec's error, not that of small chroma.
    frames = rng.integers(0, 256, (6, 3, 5, 3)).astype(np.uint8).repeat(32, 1).repeat(32, 2)
    path = tmp_path / 'colours.mp4'
    with VideoWriter(path, frames.shape[1:3]) as writer:
        for frame in frames:
            writer.write(frame)
    assert writer.frames == 6 and writer.warnings == []
    with VideoReader(path) as video:
        error = np.abs(video.read(range(6)).astype(int) - frames)
    assert error.mean() < 3
    assert error[:, 16::32, 16::32].max() <= 8


def test_file_is_what_browsers_play(tmp_path):
    import av

    path = tmp_path / 'plain.mp4'
    write(path)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        assert (context.name, context.profile, context.pix_fmt) == ('h264', 'High', 'yuv420p')
        # Limited range; BT.709 primaries, transfer and matrix.
        tags = (context.color_range, context.color_primaries, context.color_trc, context.colorspace)
        assert tags == (1, 1, 1, 1)
        assert not stream.sample_aspect_ratio and stream.start_time == 0
    content = path.read_bytes()
    assert 0 < content.find(b'moov') < content.find(b'mdat')


def test_odd_sides_repeat_the_last_row_and_column(tmp_path, monkeypatch):
    monkeypatch.setattr(writer_module, 'COLOR_CRF', 4)
    path = tmp_path / 'odd.mp4'
    y, x = np.mgrid[:47, :79]
    frame = np.stack([2 * x, 3 * y, x + y], -1).astype(np.uint8)
    with VideoWriter(path, (47, 79)) as writer:
        writer.write(frame)
    with VideoReader(path) as video:
        read = video[0].astype(int)
    assert read.shape == (48, 80, 3)
    assert np.abs(read[:47, :79] - frame).mean() < 3
    # The luma of the last two rows and columns is one.
    assert np.abs(read[47] - read[46]).mean() < 2 and np.abs(read[:, 79] - read[:, 78]).mean() < 2


@pytest.mark.parametrize('size', [(48, 80), (45, 71)])
def test_grey_levels_come_back(tmp_path, size):
    path = tmp_path / 'grey.mp4'
    y, x = np.mgrid[: size[0], : size[1]]
    maps = [
        np.rint(255 * np.exp(-((x - 20 - 2 * t) ** 2 + (y - 20) ** 2) / 200)).astype(np.uint8)
        for t in range(10)
    ]
    with VideoWriter(path, size, gray=True) as writer:
        for levels in maps:
            writer.write(levels)
    read = np.stack(list(read_frames(path)))[:, : size[0], : size[1]]
    error = np.abs(read.astype(int) - maps)
    assert error.max() <= 2 and error.mean() < 0.3


def test_pixel_aspect(tmp_path):
    path = tmp_path / 'wide.mp4'
    for written in (64 / 45, 1.0):
        write(path, 2, pixel_aspect=written)
        assert VideoReader(path).info.pixel_aspect == pytest.approx(written)
    for rotation, shown in ((0, 4 / 3), (180, 4 / 3), (90, 3 / 4)):
        encode_video(path, 2, rotation=rotation, pixel_aspect=Fraction(4, 3))
        assert VideoReader(path).info.pixel_aspect == pytest.approx(shown)
    encode_video(path, 2, pixel_aspect=Fraction(1000))
    assert VideoReader(path).info.pixel_aspect == 1


# Times -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('fps', 'exact'),
    [
        (25, Fraction(25)),
        (24 / 1.001, Fraction(24000, 1001)),
        (60 / 1.001, Fraction(60000, 1001)),
        (0.5, Fraction(1, 2)),
        (25.013, Fraction(25013, 1000)),
    ],
)
def test_even_rates_are_exact(tmp_path, fps, exact):
    import av

    path = tmp_path / 'rate.mp4'
    write(path, 20, fps=fps)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == exact
        assert stream.duration * stream.time_base == 20 / exact
    with VideoReader(path) as video:
        assert [frame_number(frame) for frame in video] == list(range(20))
        assert video.info.times == pytest.approx(np.arange(20) / float(exact), abs=1e-9)


def test_uneven_times_and_the_last_duration(tmp_path):
    import av

    path = tmp_path / 'uneven.mp4'
    times = np.cumsum(np.random.default_rng(0).uniform(0.004, 0.4, 40))
    times -= times[0]
    fps = 39 / times[-1]
    write(path, 40, fps=fps, times=times)
    with VideoReader(path) as video:
        assert np.abs(video.info.times - times).max() < 1e-5
        assert [frame_number(frame) for frame in video] == list(range(40))
    with av.open(str(path)) as container:
        assert container.duration / 1e6 == pytest.approx(times[-1] + 1 / fps, abs=1e-3)


def test_times_closer_than_a_unit_still_rise(tmp_path):
    import av

    path = tmp_path / 'close.mp4'
    write(path, 3, times=[0, 1e-7, 2e-7])
    with av.open(str(path)) as container:
        stamps = [packet.pts for packet in container.demux() if packet.size]
    assert stamps == [0, 1, 2]


@pytest.mark.parametrize(
    'times', [[0, 0.1, 0.1], [0, 0.2, 0.1], [-0.1], [0, float('nan')], [0, float('inf')], [0, None]]
)
def test_times_that_do_not_rise_are_refused(tmp_path, times):
    with pytest.raises(DataError, match='time'):
        write(tmp_path / 'bad.mp4', len(times), times=times)
    assert left_over(tmp_path) == []


# Sound -------------------------------------------------------------------------------------------


def sound_packets(path):
    import av

    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        packets = [bytes(packet) for packet in container.demux(stream) if packet.size]
        return stream.codec_context.codec.canonical_name, packets


@pytest.mark.parametrize(
    ('codec', 'suffix', 'kind'),
    [
        ('aac', 'mp4', {}),
        ('aac', 'mkv', {'late': 0.7}),
        ('aac', 'ts', {'rate': 44100}),
        ('libmp3lame', 'mp4', {}),
        ('libopus', 'mkv', {'late': 0.7}),
        ('pcm_s16le', 'mov', {}),
        ('pcm_s16le', 'avi', {'layout': 'mono', 'rate': 44100}),
        ('vorbis', 'mkv', {}),
        ('flac', 'mkv', {'rate': 96000}),
        ('ac3', 'ts', {'layout': '5.1'}),
        ('mp2', 'mpg', {}),
        ('pcm_s16le', 'mov', {'late': 0.7}),
    ],
)
def test_any_sound_becomes_aac_in_step(tmp_path, codec, suffix, kind):
    source, path = tmp_path / f'source.{suffix}', tmp_path / 'aac.mp4'
    video_with_sound(source, codec, **kind)
    assert has_sound(source)
    writer = write(path, 30, fps=10, sound=source)
    assert writer.warnings == []
    assert sound_packets(path)[0] == 'aac'
    expected = CLICK * np.arange(6) + kind.get('late', 0.0)
    assert clicks(path) == pytest.approx(clicks(source), abs=0.003)
    assert clicks(path) == pytest.approx(expected, abs=0.003)
    assert len(VideoReader(path)) == 30


@pytest.mark.parametrize(('codec', 'suffix'), [('aac', 'mp4'), ('libopus', 'mkv'), ('flac', 'mkv')])
def test_sound_is_cut(tmp_path, codec, suffix):
    source, path = tmp_path / f'source.{suffix}', tmp_path / 'cut.mp4'
    video_with_sound(source, codec)
    write(path, 10, fps=10, sound=SoundPart(source, 0.8, 1.8))
    assert clicks(path) == pytest.approx([0.2, 0.7], abs=0.003)
    import av

    with av.open(str(path)) as container:
        assert container.duration / 1e6 == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize(('codec', 'suffix'), [('aac', 'mkv'), ('pcm_s16le', 'mov')])
def test_late_cuts(tmp_path, codec, suffix):
    source, path = tmp_path / f'source.{suffix}', tmp_path / 'cut.mp4'
    video_with_sound(source, codec, seconds=8, rate=16000)
    write(path, 10, fps=10, sound=SoundPart(source, 5.8, 6.8))
    assert clicks(path) == pytest.approx([0.2, 0.7], abs=0.003)


def test_no_sound_is_no_error(tmp_path):
    source, path = tmp_path / 'silent.mp4', tmp_path / 'out.mp4'
    write(source, 3)
    assert write(path, 3, sound=source).warnings == []
    assert not has_sound(path)
    # Nor is a cut without any.
    video_with_sound(source, 'aac', 1.0)
    assert write(path, 3, sound=SoundPart(source, 5, 6)).warnings == []
    assert not has_sound(path)


def test_broken_sound_costs_the_sound(tmp_path):
    source, path = tmp_path / 'broken.mov', tmp_path / 'out.mp4'
    writer = write(path, 3, sound=tmp_path / 'nowhere.mp4')
    assert len(writer.warnings) == 1 and 'nowhere.mp4' in writer.warnings[0]
    content = video_with_sound(source, 'pcm_s16le', 1.0).read_bytes()
    source.write_bytes(content.replace(b'sowt', b'zzzz'))
    [warning] = write(path, 3, sound=source).warnings
    assert 'broken.mov' in warning and 'no decoder' in warning
    assert len(VideoReader(path)) == 3 and not has_sound(path)


def test_damaged_packets_of_sound_leave_the_rest_in_step(tmp_path):
    source, path = tmp_path / 'damaged.mp4', tmp_path / 'out.mp4'
    video_with_sound(source, 'aac')
    content, packets = bytearray(source.read_bytes()), sound_packets(source)[1]
    for packet in packets[40:60]:
        start = content.find(packet)
        content[start : start + len(packet)] = bytes([255] * len(packet))
    source.write_bytes(content)
    writer = write(path, 30, fps=10, sound=source)
    assert any('do not decode' in warning for warning in writer.warnings)
    assert len(VideoReader(path)) == 30
    assert clicks(path)[-1] == pytest.approx(2.5, abs=0.003)


# Complete or not there ---------------------------------------------------------------------------


@pytest.mark.parametrize('error', [KeyboardInterrupt, ValueError, OSError])
def test_an_error_leaves_what_was_there(tmp_path, error):
    path = tmp_path / 'kept.mp4'
    path.write_bytes(b'before')
    with pytest.raises(error), VideoWriter(path, SIZE) as writer:
        for number in range(30):
            writer.write(numbered_frame(number))
        assert len(left_over(tmp_path)) == 2
        raise error
    assert left_over(tmp_path) == ['kept.mp4'] and path.read_bytes() == b'before'


def test_no_frames_make_no_video(tmp_path):
    with pytest.raises(DataError, match=r'none\.mp4: no frame'):
        write(tmp_path / 'none.mp4', 0)
    assert left_over(tmp_path) == []


@pytest.mark.parametrize(
    'frame',
    [
        np.zeros((48, 81, 3), np.uint8),
        np.zeros((48, 80), np.uint8),
        np.zeros((48, 80, 4), np.uint8),
        np.zeros((48, 80, 3), np.float32),
    ],
)
def test_other_frames_are_refused(tmp_path, frame):
    with (
        pytest.raises(ShapeError, match=r'\(48, 80, 3\)'),
        VideoWriter(tmp_path / 'a.mp4', SIZE) as writer,
    ):
        writer.write(frame)
    with pytest.raises(ShapeError), VideoWriter(tmp_path / 'a.mp4', SIZE, gray=True) as writer:
        writer.write(frame[..., None])
    assert left_over(tmp_path) == []


def test_a_frame_that_h264_cannot_hold(tmp_path):
    with pytest.raises(DataError, match=r'at most 16384 rows and columns, got .32767, 80'):
        VideoWriter(tmp_path / 'a.mp4', (32767, 80))


@pytest.mark.parametrize(
    'options',
    [
        {'fps': 0},
        {'fps': float('nan')},
        {'size': (0, 5)},
        {'pixel_aspect': -1},
    ],
)
def test_arguments_out_of_range(tmp_path, options):
    with pytest.raises(ConfigError, match=r'a\.mp4'):
        VideoWriter(tmp_path / 'a.mp4', **{'size': SIZE, **options})


def test_places_that_cannot_be_written(tmp_path):
    (tmp_path / 'file').write_text('')
    (tmp_path / 'folder.mp4').mkdir()
    for name in ('file/a.mp4', 'folder.mp4', 'x' * 300 + '.mp4'):
        with pytest.raises(DataError, match='cannot be written') as caught:
            write(tmp_path / name)
        assert name in str(caught.value) and '\n' not in str(caught.value)
    with pytest.raises(ConfigError, match=r'\.mp4'):
        VideoWriter(tmp_path / 'a.webm', SIZE)
    assert left_over(tmp_path) == ['file', 'folder.mp4']


# Every limit on the file's size, from none of its bytes to all but one.
FULL_DISK = """
import resource, signal, sys
import numpy as np
from pathlib import Path
from salkit.errors import DataError
from salkit.media.video import VideoWriter

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path, sound = Path(sys.argv[1]), sys.argv[2]
noise = np.random.default_rng(0).integers(0, 256, (30, 48, 80, 3)).astype(np.uint8)

def write():
    with VideoWriter(path, (48, 80), 10, sound=sound) as writer:
        for frame in noise:
            writer.write(frame)

write()
size = path.stat().st_size
path.unlink()
for limit in [0, 20, 1000, *range(3000, size, size // 12), size - 40, size - 1]:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        write()
    except DataError as error:
        assert str(path) in str(error) and 'too large' in str(error), error
    else:
        raise SystemExit(f'{limit} of {size} bytes: no error')
    assert sorted(path.parent.iterdir()) == [], limit
resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
write()
"""


@pytest.mark.skipif(sys.platform == 'win32', reason='limits of file sizes are those of Unix')
def test_a_full_disk_is_noticed_whenever_it_fills(tmp_path):
    source = video_with_sound(tmp_path / 'source.mp4', 'aac')
    (tmp_path / 'out').mkdir()
    command = [sys.executable, '-c', FULL_DISK, str(tmp_path / 'out' / 'a.mp4'), str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr + done.stdout


def test_sound_is_not_read_ahead(tmp_path):
    """A long sound is read as the video gets there, not before."""
    source = video_with_sound(tmp_path / 'source.mov', 'pcm_s16le', seconds=20, rate=16000)
    read, feed = [], SoundWriter.feed

    def watched(self, container, until=float('inf')):
        feed(self, container, until)
        read.append((until, self._ahead.time if self._ahead else None))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SoundWriter, 'feed', watched)
        write(tmp_path / 'a.mp4', 60, fps=10, sound=SoundPart(source, 0, 6))
    assert len(read) == 61
    # What was read ends with the piece after the frame that was written last.
    assert all(until <= ahead < until + 0.3 for until, ahead in read[:55])
