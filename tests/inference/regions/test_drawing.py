"""The plot of shares over time."""

import numpy as np
from PIL import Image

from salkit.inference.regions import RegionReport
from salkit.inference.regions.drawing import plot_shares, region_color
from salkit.inference.regions.gaze import GazeShares


def seen(path, regions):
    """Whether a region's color is in the plot, and beside it, where it is explained."""
    pixels = np.array(Image.open(path).convert('RGB'))
    is_drawn = [(pixels == region_color(region)).all(-1) for region in range(regions)]
    edge = int(0.7 * pixels.shape[1])
    return [(bool(each[:, :edge].any()), bool(each[:, edge:].any())) for each in is_drawn]


def test_every_region_is_seen_and_called_as_it_is(tmp_path, recwarn):
    # A hidden name, one that is no formula, one whose letters may be in no font, and shares on one
    # frame alone.
    names = ['_first', r'\frac costs $5 or $\frac$', '\u65e5 \U00016f00']
    shares = np.full((9, 3), np.nan)
    shares[4, 0], shares[:5, 1], shares[2::2, 2] = 0.2, 0.3, 0.1
    report = RegionReport(names, np.arange(9) / 9, shares, np.ones((9, 3)), video='a$b$')
    plot_shares(report, tmp_path / 'a.png')
    assert seen(tmp_path / 'a.png', 3) == [(True, True)] * 3
    assert not recwarn.list


def test_panels_beside_gaze_are_as_high_as_the_highest_share(tmp_path):
    low = np.full(2, 0.1)
    gaze = GazeShares(np.zeros(1), *[low] * 7, *[low[None]] * 6)
    shares = np.array([[0.1, 0.9]] * 9)
    plot_shares(RegionReport('ab', np.arange(9) / 9, shares, shares, gaze), tmp_path / 'a.png')
    assert seen(tmp_path / 'a.png', 2)[1][0]
