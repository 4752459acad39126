"""Files of maps: what they hold, that others can read them, that none is half there."""

import os
import tracemalloc
import zipfile

import cv2
import numpy as np
import pytest
from make_data import write_video

import salkit
from salkit.errors import ConfigError
from salkit.inference import open_stimulus
from salkit.inference.outputs import FORMATS, format_of, save_maps
from salkit.media.map_stacks import open_stack
from salkit.media.maps import write_map, write_map_file


class Maps:
    """Stands for `SaliencyMaps`: values made when they are looked at."""

    def __init__(self, count=5, size=(40, 56), numbers=None, fps=25.0, error=None):
        self.error = error
        self.frames = list(range(count)) if numbers is None else numbers
        self.names = [f'{n + 1:04d}' for n in self.frames]
        self.times = np.array(self.frames) / fps
        self.fps = fps
        self.shape = (len(self.frames), *size)

    def __len__(self):
        return self.shape[0]

    def __iter__(self):
        rows, columns = np.mgrid[: self.shape[1], : self.shape[2]]
        for number in self.frames:
            if self.error and number == 3:
                raise self.error('stop')
            wave = np.sin(rows / 9 + number) * np.cos(columns / 11)
            yield (wave / 2 + 0.5).astype(np.float32)


def write(path, format, maps):
    save_maps(maps, [(path, format)])
    return path


def stored(path):
    stack = open_stack(path)
    return list(stack.read(range(len(stack))))


def test_an_array_file_holds_the_maps_as_they_are(tmp_path):
    maps = Maps()
    path = write(tmp_path / 'deep' / 'clip.npz', None, maps)
    with np.load(path) as content:
        assert content.files == ['saliency_map']
        array = content['saliency_map']
    assert array.dtype == np.float32 and np.array_equal(array, np.stack(list(maps)))
    assert all(np.array_equal(a, b) for a, b in zip(stored(path), maps, strict=True))
    with zipfile.ZipFile(path) as archive:
        assert archive.infolist()[0].compress_type == zipfile.ZIP_STORED
    assert os.listdir(path.parent) == ['clip.npz']


def test_array_files_beyond_the_limits_of_zip(tmp_path, monkeypatch):
    # The same code that writes 4 GiB, with a lower limit.
    monkeypatch.setattr(zipfile, 'ZIP64_LIMIT', 10_000)
    path = write(tmp_path / 'clip.npz', 'npz', Maps())
    assert np.array_equal(np.load(path)['saliency_map'], np.stack(list(Maps())))


def test_memory_does_not_grow_with_the_length(tmp_path):
    peaks = []
    for count in (20, 400):
        tracemalloc.start()
        write(tmp_path / 'clip.npz', 'npz', Maps(count))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


@pytest.mark.parametrize(('format', 'white', 'kind'), [('png', 255, 'u1'), ('png16', 65535, 'u2')])
def test_pictures_are_those_of_test_dump(tmp_path, format, white, kind):
    maps = Maps(numbers=[2, 3, 7])
    folder = write(tmp_path / 'clip', format, maps)
    assert sorted(os.listdir(folder)) == ['0003.png', '0004.png', '0008.png']
    for values, saliency_map in zip(stored(folder), maps, strict=True):
        assert values.dtype == kind and np.array_equal(values, np.rint(saliency_map * white))
    write_map_file(next(iter(maps)), tmp_path / 'dumped' / '0003', format)
    dumped, own = tmp_path / 'dumped' / '0003.png', folder / '0003.png'
    assert dumped.read_bytes() == own.read_bytes()


def test_values_outside_are_clipped(tmp_path):
    write_map(np.array([[-0.5, 0.5, 1.5]], np.float32), tmp_path / 'map.png', 'png')
    assert cv2.imread(str(tmp_path / 'map.png'), -1).tolist() == [[0, 128, 255]]


def test_a_grey_video(tmp_path):
    maps = Maps(12, numbers=[0, 1, 2, 5, 6, 9, 10, 11, 12, 13, 14, 20])
    path = write(tmp_path / 'clip.mp4', 'mp4', maps)
    for values, saliency_map in zip(stored(path), maps, strict=True):
        assert np.abs(values - saliency_map * 255).max() < 4
    times = open_stimulus(path).times
    np.testing.assert_allclose(times, maps.times - maps.times[0], atol=1e-3)


def test_a_dhf1k_folder(tmp_path):
    maps = Maps(numbers=[0, 1, 9])
    folder = write(tmp_path / '0701', 'dhf1k', maps)
    assert sorted(os.listdir(folder)) == ['0001.png', '0002.png', '0010.png']
    for values in stored(folder):
        assert values.shape == (360, 640) and values.dtype == np.uint8 and values.max() == 255
    write(tmp_path / '0702', 'dhf1k', Maps(1, size=(360, 640)))
    (own,) = stored(tmp_path / '0702')
    expected = next(iter(Maps(1, size=(360, 640))))
    assert np.array_equal(own, np.rint(expected / expected.max() * 255))


@pytest.mark.parametrize('format', [f for f in FORMATS if f != 'dhf1k'])
def test_salkit_score_reads_it(tmp_path, format):
    truth = write_video(tmp_path / 'truth' / 'test' / 'clip', 5, (40, 56)).parent
    maps = Maps()
    write(
        tmp_path / 'maps' / {'npz': 'clip.npz', 'mp4': 'clip.mp4'}.get(format, 'clip'), format, maps
    )
    report = salkit.score(tmp_path / 'maps', truth, 'exact')
    assert report.frames == 5 and report.videos == 1


@pytest.mark.parametrize('format', FORMATS)
@pytest.mark.parametrize('error', [OSError, KeyboardInterrupt])
def test_what_fails_leaves_what_was_there(tmp_path, format, error):
    place = tmp_path / {'npz': 'clip.npz', 'mp4': 'clip.mp4'}.get(format, 'clip')
    earlier = None
    for _ in range(2):
        with pytest.raises(error):
            write(place, format, Maps(error=error))
        assert os.listdir(tmp_path) == ([] if earlier is None else [place.name])
        if earlier is not None:
            assert state(place) == earlier
        write(place, format, Maps(7))
        earlier = state(place)


def state(place):
    files = [place] if place.is_file() else sorted(place.iterdir())
    return {path.name: path.read_bytes() for path in files}


def test_a_finished_folder_replaces_the_earlier(tmp_path):
    write(tmp_path / 'clip', 'png', Maps(7))
    write(tmp_path / 'clip', 'png16', Maps(3))
    assert len(stored(tmp_path / 'clip')) == 3 and os.listdir(tmp_path) == ['clip']


def test_names_and_formats(tmp_path):
    assert [format_of(name) for name in ('a.npz', 'a.MP4', 'a', 'a.b')] == [
        'npz',
        'mp4',
        'png',
        'png',
    ]
    for name, format, message in (
        ('a.avi', None, 'not as .avi'),
        ('a', 'jpg', 'format must be one of'),
        ('a.mp4', 'npz', r'ends in \.npz'),
    ):
        with pytest.raises(ConfigError, match=message):
            format_of(name, format)
    (tmp_path / 'taken').touch()
    with pytest.raises(ConfigError, match='expected a folder'):
        write(tmp_path / 'taken', 'png', Maps())
    (tmp_path / 'taken.npz').mkdir()
    with pytest.raises(ConfigError, match='this is a folder'):
        write(tmp_path / 'taken.npz', 'npz', Maps())
