import numpy as np
import pytest
import torch
from PIL import Image

from salkit.datasets.contact_sheet import draw_contact_sheet
from salkit.errors import DataError
from salkit.types import ClipMeta

CYAN = (0, 255, 255)


def sample(frames=3, size=(40, 60), map_size=(80, 120), fixated=((20, 100),)):
    clip = torch.zeros(3, frames, *size, dtype=torch.uint8)
    clip[0] = 200
    density = torch.zeros(map_size)
    density[: map_size[0] // 2] = 1
    fixations = torch.zeros(map_size)
    for y, x in fixated:
        fixations[y, x] = 1
    meta = ClipMeta('SomeSet', 'train', 'a video', '0007', map_size)
    return dict(clip=clip, density_map=density, fixation_map=fixations, meta=meta)


def drawn(content, path):
    draw_contact_sheet(content, path)
    return np.asarray(Image.open(path).convert('RGB')).astype(int)


def places(picture, colour):
    return np.argwhere(np.abs(picture - colour).max(-1) < 60)


@pytest.mark.parametrize('frames', [1, 3, 8, 16])
def test_frames_density_and_fixations_are_there(tmp_path, frames):
    picture = drawn(sample(frames), tmp_path / 'sheet.png')
    red = len(places(picture, (200, 0, 0)))
    assert red > 0.1 * picture.shape[0] * picture.shape[1]
    dots = places(picture, CYAN)
    # One dot, in the right part of the last third of the picture.
    assert len(dots) and np.ptp(dots, axis=0).max() < 12
    assert dots[:, 1].min() > picture.shape[1] * 0.8
    # The density map colours the upper half of the middle picture alone.
    columns = slice(picture.shape[1] * 2 // 5, picture.shape[1] * 3 // 5)
    middle = picture[-picture.shape[0] // 4 :, columns]
    assert len(places(middle, (200, 0, 0))) < len(places(picture[:, :200], (200, 0, 0))) * 5


def test_maps_that_are_not_there(tmp_path):
    content = dict(sample(), density_map=None, fixation_map=None)
    assert not len(places(drawn(content, tmp_path / 'sheet.png'), CYAN))


def test_something_else(tmp_path):
    with pytest.raises(DataError, match='no clip, fixation_map, meta'):
        draw_contact_sheet(dict(density_map=None), tmp_path / 'sheet.png')
    assert not list(tmp_path.iterdir())
