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


def test_the_density_lies_over_the_middle_frame_alone(tmp_path):
    with_density = drawn(sample(), tmp_path / 'with.png')
    without = drawn(dict(sample(), density_map=None), tmp_path / 'without.png')
    rows, columns = np.nonzero((with_density != without).any(-1))
    width = with_density.shape[1]
    assert columns.min() > 0.32 * width and columns.max() < 0.68 * width
    assert np.ptp(columns) > 0.25 * width
    # The upper half of the map is 1, the lower 0. The title above differs as well.
    panel = with_density[:, width * 2 // 5 : width * 3 // 5].mean((1, 2))
    height = int(np.ptp(columns) * 80 / 120)
    upper = panel[rows.max() - height + 10 : rows.max() - height // 2 - 10]
    lower = panel[rows.max() - height // 2 + 10 : rows.max() - 10]
    assert upper.min() > lower.max() + 20


def test_maps_that_are_not_there(tmp_path):
    content = dict(sample(), density_map=None, fixation_map=None)
    assert not len(places(drawn(content, tmp_path / 'sheet.png'), CYAN))


def test_something_else(tmp_path):
    with pytest.raises(DataError, match='no clip, fixation_map, meta'):
        draw_contact_sheet(dict(density_map=None), tmp_path / 'sheet.png')
    assert not list(tmp_path.iterdir())
