"""How wide the Gaussian around a fixation is."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import ConfigError

NORMALIZATIONS = ('max', 'sum', None)


@dataclass(frozen=True)
class DensityOptions:
    """How a density is made from fixations.

    The width of its Gaussian is one of `sigma_px`, `sigma_width`, and `ppd` times `sigma_deg`.

    Attributes:
        sigma_px: standard deviation of the Gaussian in pixels.
        sigma_width: instead, as a share of the width of the frame: 0.03 are 24 of 800 pixels.
        ppd: pixels of the video in a degree of visual angle, instead of the former; its rows, where
            its pixels are not square.
        sigma_deg: standard deviation in degrees, with `ppd`.
        window_px: side of the square that each Gaussian is cut to.
        shift_px: how far down and right each Gaussian is moved.
        normalize: 'max' makes the largest value 1, 'sum' the sum; None leaves Gaussians of height
            1 each.

    Raises:
        ConfigError: arguments that do not go together, or are not above 0.
    """

    sigma_px: float | None = None
    sigma_width: float | None = None
    ppd: float | None = None
    sigma_deg: float = 1.0
    window_px: int | None = None
    shift_px: int = 0
    normalize: str | None = 'max'

    def __post_init__(self) -> None:
        given = [n for n in ('sigma_px', 'sigma_width', 'ppd') if getattr(self, n) is not None]
        if len(given) != 1:
            raise ConfigError(
                'give the Gaussian by one of a recipe, sigma_px, sigma_width (a share of the '
                "frame's width) and ppd (pixels per degree)"
            )
        if self.ppd is None and self.sigma_deg != 1:
            raise ConfigError(f'sigma_deg goes with ppd, not with {given[0]}')
        for name in (*given, 'sigma_deg'):
            value = getattr(self, name)
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise ConfigError(f'{name} must be above 0, got {value}')
        window = self.window_px
        if window is not None and not (window >= 1 and window == int(window)):
            raise ConfigError(f'window_px must be a whole number from 1, got {window}')
        if self.normalize not in NORMALIZATIONS:
            raise ConfigError(f"normalize must be 'max', 'sum' or None, got {self.normalize!r}")

    def sigma_at(
        self, size: tuple[int, int], pixel_aspect: float = 1.0
    ) -> float | tuple[float, float]:
        """The standard deviation in pixels; down and across where a length is not the same in both.

        Args:
            size: (H, W) of the frame.
            pixel_aspect: width of a pixel as shown by its height.
        """
        if self.sigma_px is not None:
            return float(self.sigma_px)
        # Of rows, which are as high as shown.
        if self.sigma_width is not None:
            sigma = self.sigma_width * size[1] * pixel_aspect
        else:
            sigma = (self.ppd or 0) * self.sigma_deg
        return float(sigma) if pixel_aspect == 1 else (sigma, sigma / pixel_aspect)

    def to_json(self, pixel_aspect: float = 1.0) -> dict[str, object]:
        """What the values of a density depend on beside its fixations, as plain values."""
        width: dict[str, object] = dict(sigma_width=self.sigma_width, pixel_aspect=pixel_aspect)
        if self.sigma_width is None:
            # These do not depend on the size of the frame.
            sigma = self.sigma_at((0, 0), pixel_aspect)
            width = dict(sigma_px=[*sigma] if isinstance(sigma, tuple) else sigma)
        return dict(
            **width,
            window_px=self.window_px,
            shift_px=self.shift_px,
            normalize=self.normalize,
        )
