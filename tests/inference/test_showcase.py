import numpy as np
from PIL import Image

from salkit import SaliencyPredictor
from salkit.inference import showcase
from salkit.media import photographs
from salkit.media.photographs import read_photograph


def test_every_photograph_is_beside_its_saliency(tiny, tmp_path):
    showcase.draw_photographs(SaliencyPredictor(*tiny), tmp_path / 'sheet.jpg')
    (path,) = tmp_path.iterdir()
    sheet = np.asarray(Image.open(path)).astype(int)
    rows, columns = showcase.CELL
    step = 2 * columns + showcase.GAP // 2 + showcase.GAP
    lines = -(-len(photographs.PHOTOGRAPHS) // showcase.PAIRS)
    assert sheet.shape == (
        lines * rows + (lines - 1) * showcase.GAP,
        showcase.PAIRS * step - showcase.GAP,
        3,
    )
    for number, name in enumerate(photographs.PHOTOGRAPHS):
        top = number // showcase.PAIRS * (rows + showcase.GAP)
        left = number % showcase.PAIRS * step
        cell = sheet[top : top + rows, left : left + columns]
        beside = left + columns + showcase.GAP // 2
        drawn = sheet[top : top + rows, beside : beside + columns]
        # JPEG aside, the left one is the photograph, and the right one is not.
        photo = showcase._cut_to(read_photograph(name), showcase.CELL).astype(int)
        assert abs(cell - photo).mean() < 4 < abs(drawn - photo).mean()


def test_the_camera_pans_over_every_photograph():
    frames = photographs.panned_photographs()
    each = photographs.PAN_FPS * photographs.PAN_SECONDS
    assert frames.shape == (len(photographs.PHOTOGRAPHS) * each, *photographs.PAN_SIZE, 3)
    assert frames.dtype == np.uint8
    moved = abs(np.diff(frames.astype(np.int16), axis=0)).mean((1, 2, 3))
    cuts = np.arange(each - 1, len(moved), each)
    within = np.delete(moved, cuts)
    assert moved[cuts].min() > 2 * np.median(within) and np.median(within) > 0.5
