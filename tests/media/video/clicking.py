"""Videos whose sound clicks, so that it can be seen whether it is in step."""

from fractions import Fraction

import numpy as np
import pytest
from make_video import has_encoder, numbered_frame

from salkit.media.video import VideoReader, VideoWriter

# Seconds from one to the next.
CLICK = 0.5
SIZE = (48, 80)


def write(path, frames=12, size=SIZE, fps=25, times=None, **options):
    """Write numbered frames and give the writer."""
    with VideoWriter(path, size, fps, **options) as writer:
        for number in range(frames):
            time = None if times is None else times[number]
            writer.write(numbered_frame(number, size), time)
    return writer


def video_with_sound(path, codec, seconds=3.0, rate=48000, layout='stereo', late=0.0, **muxing):
    """A video of 10 frames a second, whose sound has a click each half second.

    `muxing` are options of the container.
    """
    import av

    if not has_encoder(codec):
        pytest.skip(f'this PyAV has no encoder {codec}')
    with av.open(str(path), 'w', options=muxing) as container:
        picture = container.add_stream('libx264', rate=10)
        picture.height, picture.width = SIZE
        picture.codec_context.thread_count = 1
        options = {'strict': 'experimental'} if codec == 'vorbis' else {}
        sound = container.add_stream(codec, rate=rate, layout=layout, options=options)
        time = np.arange(int(seconds * rate)) / rate
        wave = 0.5 * np.sin(2000 * np.pi * time) * (time % CLICK < 0.04)
        wave = np.tile(wave.astype(np.float32), (sound.layout.nb_channels, 1))
        pieces = []
        for number in range(int(seconds * 10)):
            frame = av.VideoFrame.from_ndarray(numbered_frame(number), format='rgb24')
            pieces.append((number / 10, picture, frame))
        for start in range(0, wave.shape[1], 1024):
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(wave[:, start : start + 1024]), format='fltp', layout=layout
            )
            frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
            frame.pts = start + round(late * rate)
            pieces.append((start / rate + late, sound, frame))
        for _, stream, frame in sorted(pieces, key=lambda piece: piece[0]):
            container.mux(stream.encode(frame))
        container.mux(picture.encode(None))
        container.mux(sound.encode(None))
    return path


def clicks(path):
    """Seconds from the first video frame at which the clicks of a file begin, as it is played."""
    import av

    origin, heard = VideoReader(path).info.clock[0][0], []
    with av.open(str(path)) as container:
        for frame in container.decode(container.streams.audio[0]):
            [piece] = av.AudioResampler('fltp', 'mono', frame.sample_rate).resample(frame)
            loud = np.flatnonzero(np.abs(piece.to_ndarray()[0]) > 0.1)
            heard += (frame.time - origin + loud / frame.sample_rate).tolist()
    return [time for before, time in zip([-9, *heard], heard, strict=False) if time > before + 0.2]
