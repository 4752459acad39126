"""The plot of shares over time."""

import numpy as np
from PIL import Image

from salkit.inference.regions import RegionReport
from salkit.inference.regions.drawing import plot_shares, region_color


def test_every_region_is_seen_and_called_as_it_is(tmp_path, recwarn):
    # A hidden name, one that is no formula, one whose letters may be in no font, and shares on one
    # frame alone.
    names = ['_first', r'\frac costs $5 or $\frac$', '\u65e5 \U00016f00']
    shares = np.full((9, 3), np.nan)
    shares[4, 0], shares[:5, 1], shares[2::2, 2] = 0.2, 0.3, 0.1
    report = RegionReport(names, np.arange(9) / 9, shares, np.ones((9, 3)), video='a$b$')
    plot_shares(report, tmp_path / 'a.png')
    pixels = np.array(Image.open(tmp_path / 'a.png').convert('RGB'))
    legend = pixels[:, int(0.7 * pixels.shape[1]) :]
    curves = pixels[:, : int(0.65 * pixels.shape[1])]
    for region in range(3):
        assert (legend == region_color(region)).all(-1).any()
        assert (curves == region_color(region)).all(-1).any()
    assert not recwarn.list
