"""Video files of frames that can be told apart, encoded with PyAV.

    encode_video(path, frames=30, codec='libx264', gop=8, bframes=2)
    frame_number(rgb) == 7

The container follows from the suffix. Encoders that this PyAV lacks skip the test.
"""

from fractions import Fraction
from itertools import count

import numpy as np
import pytest

# A frame's number stands in its upper half, as black and white blocks: the lowest bit first.
ROWS, COLUMNS = 2, 5
SIZE = (48, 80)


def numbered_frame(number, size=SIZE, colour=True):
    """Frame `number` (0 to 1023) as (H, W, 3) uint8: a moving pattern below its number."""
    height, width = size
    number = int(number)
    y, x = np.mgrid[:height, :width]
    planes = [3 * x + 5 * number, 4 * y - 3 * number, 2 * (x + y) + 7 * number]
    frame = np.stack(planes if colour else planes[:1] * 3, axis=-1)
    # A triangle wave: no edges that a codec would have to spend its bits on.
    frame = np.abs(frame % 256 * 2 - 255).astype(np.uint8)
    # Every seventh frame is a new scene.
    frame[height // 2 :] //= 1 + number // 7 % 3
    bits = [number >> bit & 1 for bit in range(ROWS * COLUMNS)]
    for bit, value in enumerate(bits):
        frame[_block(bit, size)] = 235 * value + 10
    return frame


def _block(bit, size, margin=0):
    row, column = divmod(bit, COLUMNS)
    height, width = size[0] / 2 / ROWS, size[1] / COLUMNS
    return (
        slice(round((row + margin) * height), round((row + 1 - margin) * height)),
        slice(round((column + margin) * width), round((column + 1 - margin) * width)),
    )


def frame_number(frame):
    """The number that a decoded (H, W, 3) frame of any size shows."""
    size = frame.shape[:2]
    bits = [frame[_block(bit, size, margin=0.25)].mean() > 127 for bit in range(ROWS * COLUMNS)]
    return sum(1 << bit for bit, value in enumerate(bits) if value)


def has_encoder(codec):
    """Whether this PyAV can encode `codec`."""
    import av

    try:
        av.Codec(codec, 'w')
    except (av.FFmpegError, ValueError):
        return False
    return True


def has_sound(path):
    """Whether a file holds a sound stream."""
    import av

    with av.open(str(path)) as container:
        return bool(container.streams.audio)


def encode_video(
    path,
    frames=12,
    size=SIZE,
    codec='libx264',
    pix_fmt='yuv420p',
    fps=25,
    gop=None,
    bframes=None,
    options=None,
    times=None,
    time_base=None,
    audio=False,
    images=None,
    format=None,
    container_options=None,
    rotation=0,
    mirror=False,
    pixel_aspect=None,
):
    """Encode a video and give its path.

    Args:
        path: of the file; the suffix chooses the container.
        frames: how many; or the numbers that they show, in order.
        size: (rows, columns).
        codec: name of the encoder; the test is skipped where it is missing.
        pix_fmt: pixel format of the encoder.
        fps: frames a second.
        gop: frames from one key frame to the next, at most.
        bframes: B-frames in a row.
        options: of the encoder.
        times: time stamps of the frames in `time_base`, for a variable frame rate or a late start;
            None for an even rate from 0.
        time_base: a Fraction, 1/fps unless told otherwise.
        audio: whether a stream of silence precedes the video stream; or its codec.
        images: (H, W, 3) uint8 frames to encode instead of numbered ones.
        format: container, where the suffix does not tell.
        container_options: of the muxer, such as {'movflags': 'faststart'}.
        rotation: degrees clockwise that a player turns the frames by (.mp4 and .mov): 0, 90, 180 or
            270, as phones write it.
        mirror: whether a player then swaps left and right.
        pixel_aspect: width of a stored pixel by its height, a Fraction.
    """
    import av

    if not has_encoder(codec):
        pytest.skip(f'this PyAV has no encoder {codec}')
    numbers = range(frames) if isinstance(frames, int) else frames
    if images is None:
        grey = pix_fmt.startswith('gray')
        images = (numbered_frame(number, size, not grey) for number in numbers)
    path.parent.mkdir(parents=True, exist_ok=True)
    base = Fraction(time_base or Fraction(1, fps))
    with av.open(str(path), 'w', format=format, options=dict(container_options or {})) as container:
        sound = None
        if audio:
            codec_of_sound = 'aac' if audio is True else audio
            sound = container.add_stream(codec_of_sound, rate=16000, layout='mono')
        stream = container.add_stream(codec, rate=fps, options=dict(options or {}))
        stream.height, stream.width = size
        stream.pix_fmt = pix_fmt
        if rotation or mirror:
            stream.set_display_rotation(-rotation, hflip=mirror)
        context = stream.codec_context
        context.time_base = base
        if pixel_aspect:
            context.sample_aspect_ratio = pixel_aspect
        # Two threads give the same stream in another order of work; tests run beside each other.
        context.thread_count = 1
        if gop is not None:
            context.gop_size = gop
        if bframes is not None:
            context.max_b_frames = bframes
        if sound is not None:
            _write_silence(container, sound, len(numbers) / fps)
        stamps = count() if times is None else iter(times)
        for image, stamp in zip(images, stamps, strict=False):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format='rgb24')
            frame.pts, frame.time_base = int(stamp), base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _write_silence(container, stream, seconds):
    import av

    for start in range(0, max(1, int(16000 * seconds)), 1024):
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), np.float32), format='fltp', layout='mono'
        )
        frame.sample_rate, frame.pts = 16000, start
        frame.time_base = Fraction(1, 16000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def encode_audio(path, seconds=0.5):
    """A file that holds sound and no video."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), 'w') as container:
        _write_silence(container, container.add_stream('aac', rate=16000, layout='mono'), seconds)
    return path


def truncate(path, target, share):
    """Write the first `share` (0 to 1) of a file's bytes, or so many bytes, to `target`."""
    content = path.read_bytes()
    length = share if isinstance(share, int) else round(share * len(content))
    target.write_bytes(content[:length])
    return target


def decode_all(path, hold=0):
    """All frames by a plain sequential decode: a list of (H, W, 3) uint8 RGB, unrotated.

    Packets that do not decode are left out, as FFmpeg's own programs do. `hold` so many decoded
    frames back from the decoder: it fills what is damaged with what lies in the memory that it has
    back, so that a damaged frame is only defined where this makes no difference.
    """
    import av

    from salkit.media.video.source import LENIENT

    frames, held = [], []
    with av.open(str(path), **LENIENT) as container:
        streams = [s for s in container.streams.video if not is_picture(s)]
        stream = streams[0]
        stream.codec_context.thread_count = 1
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError:
                packet = None
            try:
                decoded = []
                if packet is None or packet.size:
                    decoded = stream.codec_context.decode(packet)
            except av.FFmpegError:
                pass
            for frame in decoded:
                frames.append(frame.to_ndarray(format='rgb24'))
                held = [*held, frame][1 + len(held) - hold :] if hold else []
            if packet is None:
                return frames


def is_picture(stream):
    """Whether a video stream is a cover picture."""
    from av.stream import Disposition

    return bool(stream.disposition & Disposition.attached_pic)
