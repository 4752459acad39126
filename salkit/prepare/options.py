"""How videos are prepared."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ConfigError

FORMATS = ('png', 'jpg')


@dataclass(frozen=True)
class PrepareOptions:
    """What is made of every video.

    Attributes:
        format: 'png' (without loss) or 'jpg', of extracted frames.
        quality: of 'jpg', 1 to 100.
        keep_video: link the video file instead of extracting its frames.
        copy: copy published files; else they are linked where the file system can.
        allow_trim: frames at the end by which a video and its ground truth may differ; both are
            cut to the shorter.
        map_bits: 8 or 16, of density maps that have to be written as images.

    Raises:
        ConfigError: a value that is not possible.
    """

    format: str = 'png'
    quality: int = 95
    keep_video: bool = False
    copy: bool = False
    allow_trim: int = 0
    map_bits: int = 8

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise ConfigError(f'format must be one of {", ".join(FORMATS)}, got {self.format!r}')
        if not 1 <= self.quality <= 100:
            raise ConfigError(f'quality must lie between 1 and 100, got {self.quality}')
        if self.allow_trim < 0:
            raise ConfigError(f'allow_trim must be at least 0, got {self.allow_trim}')
        if self.map_bits not in (8, 16):
            raise ConfigError(f'map_bits must be 8 or 16, got {self.map_bits}')

    @property
    def frame_format(self) -> str:
        """Format and quality of extracted frames in a word, such as `jpg-95`."""
        return self.format if self.format == 'png' else f'{self.format}-{self.quality}'
