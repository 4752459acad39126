import pickle

import av
import numpy as np
import pytest
from PIL import Image
from score_data import bytes_of, predicted, write_predictions, write_video

from salkit.errors import DataError
from salkit.media.map_stacks import FolderStack, open_stack
from salkit.media.maps import read_map

MAPS = predicted(5)


def read_all(path):
    stack = open_stack(path)
    return np.stack(list(stack.read(range(len(stack)))))


@pytest.mark.parametrize(
    ('names', 'taken'),
    [
        ('f1 f2 f4 f5 f10', 'f1 f2 f4'),
        ('2_0001 2_0003 2_0004 2_0005', '2_0001 2_0003 2_0004'),
        ('f0 f1 f3 f4 f5', 'f0 f1 f3'),
        ('a b c d e', 'a b c d'),
        ('a5 b1', 'b1'),
    ],
)
def test_the_first_frames_go_by_their_numbers(tmp_path, names, taken):
    for name in names.split():
        (tmp_path / f'{name}.jp2').touch()
    assert FolderStack(tmp_path, ('.jp2',), most=4).names == taken.split()


@pytest.mark.parametrize('kind', ['png', 'png16', 'npy', 'npz', 'jpg'])
def test_a_file_a_frame(tmp_path, kind):
    maps = read_all(write_predictions(tmp_path / 'v', MAPS, kind=kind))
    scale = {'png': 1, 'jpg': 1, 'png16': 257}.get(kind, 1 / 255)
    tolerance = 4 if kind == 'jpg' else 1e-6
    np.testing.assert_allclose(maps, MAPS * np.float64(scale), atol=tolerance)
    assert maps.dtype == {'png': 'u1', 'jpg': 'u1', 'png16': 'u2'}.get(kind, 'f4')


def test_arrays_of_whole_videos(tmp_path):
    np.save(tmp_path / 'a.npy', MAPS[:, None])
    np.savez_compressed(tmp_path / 'b.npz', maps=MAPS)
    np.savez(tmp_path / 'c.npz', **{f'frame_{i}': MAPS[i] for i in range(5)})
    for name in ('a.npy', 'b.npz', 'c.npz'):
        np.testing.assert_array_equal(read_all(tmp_path / name), MAPS)
        stack = open_stack(tmp_path / name)
        np.testing.assert_array_equal(list(stack.read([1, 3]))[1], MAPS[3])


@pytest.mark.parametrize(
    ('name', 'codec', 'pix_fmt'),
    [
        ('v.mkv', 'ffv1', 'gray'),
        ('v.mkv', 'ffv1', 'bgr0'),
        ('v.mkv', 'ffv1', 'gray16le'),
        ('v.mp4', 'libx264', 'yuvj420p'),
        ('v.avi', 'ffv1', 'gray'),
        ('v.mp4', 'png', 'rgb24'),
    ],
)
def test_gray_videos_without_loss(tmp_path, name, codec, pix_fmt):
    maps = MAPS.astype(np.uint16) * 257 if '16' in pix_fmt else MAPS
    options = dict(qp='0') if codec == 'libx264' else {}
    path = write_video(tmp_path / name, maps, codec, pix_fmt, **options)
    expected = MAPS / np.float32(255) if '16' in pix_fmt else MAPS
    np.testing.assert_allclose(read_all(path), expected, atol=1e-6)
    np.testing.assert_allclose(list(open_stack(path).read([1, 4]))[1], expected[4], atol=1e-6)


@pytest.mark.parametrize('pix_fmt', ['yuv420p', 'yuv420p10le', 'yuv444p'])
def test_television_levels_become_full_range(tmp_path, pix_fmt):
    path = write_video(tmp_path / 'v.mp4', MAPS, 'libx264', pix_fmt, qp='0')
    maps = read_all(path)
    # 219 levels for 255; the encoder's side rounds too.
    deep = '10' in pix_fmt
    assert maps.dtype == (np.float32 if deep else np.uint8)
    np.testing.assert_allclose(maps * (255 if deep else 1.0), MAPS, atol=1.1)


def test_an_empty_folder_is_an_empty_stack(tmp_path):
    assert len(open_stack(tmp_path)) == 0


def test_gray_stored_as_color_is_grey(tmp_path):
    for mode in ('RGB', 'RGBA', 'LA', 'P'):
        Image.fromarray(MAPS[0]).convert(mode).save(tmp_path / 'x.png')
        np.testing.assert_array_equal(read_map(tmp_path / 'x.png'), MAPS[0])
    Image.fromarray(MAPS[0] > 99).save(tmp_path / 'x.png')
    assert set(np.unique(read_map(tmp_path / 'x.png'))) == {0, 255}


def color(folder):
    image = np.stack([MAPS[0], MAPS[0][::-1], MAPS[0]], 2)
    Image.fromarray(image).save(folder / 'x.png')


def truncated(folder):
    Image.fromarray(MAPS[0]).save(folder / 'x.png')
    data = (folder / 'x.png').read_bytes()
    (folder / 'x.png').write_bytes(data[: len(data) // 2])


BAD_FILES = {
    'colours': color,
    'cannot be read as an image': truncated,
    'x.png: cannot be read': lambda folder: (folder / 'x.png').write_bytes(b'nothing'),
    'cannot be read as an array file': lambda folder: (folder / 'x.npy').write_bytes(b'no'),
    r'expected a map \(H, W\), got an array of shape \(3, 4, 5\)': lambda folder: np.save(
        folder / 'x.npy', np.zeros((3, 4, 5))
    ),
    'expected numbers': lambda folder: np.save(folder / 'x.npy', np.full((3, 4), 'a')),
    r'expected one array \(H, W\), found 2: a \(3, 4\), b \(1,\)$': lambda folder: np.savez(
        folder / 'x.npz', a=np.zeros((3, 4)), b=[2]
    ),
}


@pytest.mark.parametrize('message', BAD_FILES)
def test_bad_files_are_named(tmp_path, message):
    BAD_FILES[message](tmp_path)
    path = next(tmp_path.iterdir())
    with pytest.raises(DataError, match=message) as caught:
        read_map(path)
    assert str(path) in str(caught.value)


def test_bad_videos_are_named(tmp_path):
    (tmp_path / 'v.mp4').write_bytes(b'nothing at all')
    with pytest.raises(DataError, match=r'v\.mp4: cannot be read as a video'):
        len(open_stack(tmp_path / 'v.mp4'))
    rgb = np.stack([MAPS, MAPS[:, ::-1], MAPS], 3)
    for name, pix_fmt in (('a.mkv', 'bgr0'), ('b.mkv', 'yuv444p')):
        path = write_video(tmp_path / name, rgb, 'ffv1', pix_fmt)
        with pytest.raises(DataError, match=rf'{name}, frame 1: expected a grey map'):
            read_all(path)
    path = write_video(tmp_path / 'c.mkv', np.concatenate([MAPS] * 9))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=r'c\.mkv: the video was cut off, .* left'):
        len(open_stack(path))
    with pytest.raises(DataError, match=r'c\.mkv'):
        list(open_stack(path).read(range(45)))
    # A packet in the middle, and no decoder at all.
    content = bytearray(write_video(tmp_path / 'd.avi', MAPS, 'png').read_bytes())
    with av.open(str(tmp_path / 'd.avi')) as container:
        packet = [packet for packet in container.demux(video=0) if packet.size][2]
    content[packet.pos + 8 : packet.pos + 60] = bytes(52)
    (tmp_path / 'd.avi').write_bytes(content)
    (tmp_path / 'e.avi').write_bytes(content.replace(b'MPNG', b'ZZZZ'))
    stack = open_stack(tmp_path / 'd.avi')
    with pytest.raises(DataError, match=r'd\.avi: the video has damaged packets \(1\)'):
        len(stack)
    with pytest.raises(DataError, match=r'd\.avi, frame 3: what precedes it is damaged'):
        list(stack.read(range(5)))
    with pytest.raises(DataError, match=r'e\.avi: FFmpeg has no decoder'):
        list(open_stack(tmp_path / 'e.avi').read(range(5)))


def test_two_files_of_a_frame(tmp_path):
    folder = write_predictions(tmp_path / 'v', MAPS)
    Image.fromarray(MAPS[0]).save(folder / '0003.jpg')
    with pytest.raises(DataError, match=r'two files for frame 0003: 0003\.jpg and 0003\.png'):
        _ = open_stack(folder).names


def test_zip_of_single_maps(tmp_path):
    write_predictions(tmp_path / 'v', MAPS, kind='npz')
    assert bytes_of(read_all(tmp_path / 'v')).shape == MAPS.shape


@pytest.mark.parametrize('name', ['frames', 'v.npy', 'v.npz', 'v.mkv'])
def test_a_stack_goes_to_another_process_as_it_is(tmp_path, name, monkeypatch):
    write_predictions(tmp_path / 'frames', MAPS)
    np.save(tmp_path / 'v.npy', MAPS)
    np.savez(tmp_path / 'v.npz', MAPS)
    write_video(tmp_path / 'v.mkv', MAPS)
    stack = open_stack(tmp_path / name)
    assert len(stack) == 5
    sent = pickle.dumps(stack)
    # Neither the maps nor an open file are in it, and nothing is found out again.
    assert len(sent) < 1000
    again = pickle.loads(sent)
    monkeypatch.setattr('salkit.media.map_stacks.count_frames', None)
    monkeypatch.setattr('os.scandir', None)
    assert again.names == stack.names and again.fingerprint() == stack.fingerprint()
    np.testing.assert_array_equal(list(again.read([1, 4]))[1], MAPS[4])
