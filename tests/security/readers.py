"""Every reader of files, with small valid files of all that it reads: where fuzzing begins."""

import json
import os
import random
import shutil
import traceback
import zlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from make_video import encode_video
from PIL import Image
from score_data import blob, bytes_of, write_video

from salkit.errors import SalkitError

SIZE = (24, 32)


# Valid files -------------------------------------------------------------------------------------


def pictures(folder):
    rng = np.random.default_rng(0)
    rgb = Image.fromarray(rng.integers(0, 255, (*SIZE, 3), np.uint8))
    for suffix in ('png', 'jpg', 'bmp', 'webp', 'tiff'):
        rgb.save(folder / f'rgb.{suffix}')
    for mode in ('RGBA', 'P'):
        rgb.convert(mode).save(folder / f'{mode}.png')
    rgb.convert('CMYK').save(folder / 'cmyk.jpg')


def gray_pictures(folder):
    levels = Image.fromarray(bytes_of(blob(12, 8)))
    levels.save(folder / 'gray.jpg')
    for mode in ('L', 'LA', '1', 'RGB'):
        levels.convert(mode).save(folder / f'{mode}.png')
    deep = Image.fromarray(np.random.default_rng(0).integers(0, 65535, SIZE, np.uint16))
    deep.save(folder / 'deep.png')
    deep.save(folder / 'deep.tiff', compression='tiff_lzw')


def fixation_pictures(folder):
    fixations = Image.fromarray(np.eye(*SIZE, dtype=np.uint8) * 255)
    for mode in ('L', '1', 'RGB'):
        fixations.convert(mode).save(folder / f'{mode}.png')
    fixations.save(folder / 'L.bmp')


def arrays(folder):
    maps = np.stack([blob(12, 4 + i) for i in range(4)])
    np.save(folder / 'one.npy', maps[0])
    np.savez(folder / 'plain.npz', maps[:1])
    np.savez_compressed(folder / 'packed.npz', maps[0])


def arrays_of_videos(folder):
    maps = np.stack([blob(12, 4 + i) for i in range(4)])
    np.save(folder / 'all.npy', maps.astype(np.float32))
    np.savez(folder / 'plain.npz', maps)
    np.savez_compressed(folder / 'named.npz', **{f'{i:04d}': m for i, m in enumerate(maps)})


def mats(folder):
    from scipy.io import savemat

    fixations = np.eye(*SIZE)
    savemat(folder / 'packed.mat', {'I': fixations.astype(np.uint8)}, do_compression=True)
    savemat(folder / 'plain.mat', {'other': 'text', 'I': fixations})
    savemat(folder / 'more.mat', {'b': {'a': [1, 2]}, 'c': np.array([1j]), 'I': fixations > 0})


def lists_of_osie(folder):
    from trees import write_pictures

    root = write_pictures(folder / 'osie', {'1001': [[(5, 3)], []], '1002': [[(5, 3), (6, 3)]]})
    (root / 'data' / 'eye' / 'fixations.mat').rename(folder / 'osie.mat')
    shutil.rmtree(root)


def lists_of_scene(folder):
    from trees import write_scene

    root = write_scene(folder / 'scene', {'001': [[(3, 5)], [(7, 8)]]}, shape=(500, 2))
    (root / 'data' / 'tidy' / 'fixations.mat').rename(folder / 'scene.mat')
    shutil.rmtree(root)


def videos(folder):
    kinds = (
        *(('h264.mp4', 'libx264'), ('hevc.mkv', 'libx265'), ('vp9.webm', 'libvpx-vp9')),
        *(('mpeg4.avi', 'mpeg4'), ('mpeg2.ts', 'mpeg2video'), ('mjpeg.mov', 'mjpeg')),
        *(('flv1.flv', 'flv'), ('mpeg1.mpg', 'mpeg1video'), ('theora.ogv', 'libtheora')),
        ('wmv2.wmv', 'wmv2'),
    )
    from make_video import has_encoder

    for name, codec in kinds:
        if has_encoder(codec):
            audio = name.endswith(('.mp4', '.mkv', '.ts'))
            full = 'yuvj420p' if codec == 'mjpeg' else 'yuv420p'
            options = {'x265-params': 'log-level=0'} if codec == 'libx265' else None
            encode_video(folder / name, 5, codec=codec, pix_fmt=full, options=options, audio=audio)


def gray_videos(folder):
    maps = np.stack([bytes_of(blob(12, 4 + i)) for i in range(4)])
    write_video(folder / 'gray.mkv', maps)
    write_video(folder / 'deep.mkv', maps.astype(np.uint16) * 257, pix_fmt='gray10le')
    write_video(folder / 'lossy.mp4', maps, codec='libx264', pix_fmt='yuv420p')


def checkpoints(folder):
    from safetensors.torch import save_file

    from salkit.config.load import load_config, plain_config

    model = json.dumps(plain_config(load_config('demo/umt-tiny_cc-kl').model))
    text = (
        f'model = {model.replace("null", "None")}\ntest_cfg = dict(a=[1, (2.5, True)])\nseed = 0\n'
    )
    text = text.replace('true', 'True').replace('false', 'False')
    meta = dict(cfg=text, model=model, config_name='my.py', plugins='{}', salkit_version='0.2.0')
    state = dict(w=torch.zeros(3, 2), b=torch.ones(2, dtype=torch.int64))
    save_file(state, folder / 'x.safetensors', meta)
    content = dict(state_dict=state, meta=dict(meta, epoch=3), optimizer=dict(state=[{}]))
    torch.save(content, folder / 'zip.pth')
    torch.save(content, folder / 'legacy.pth', _use_new_zipfile_serialization=False)


def onnx_models(folder):
    """The mean of a clip as its map, and a convolution of it, as salkit might have exported."""
    import onnx
    from onnx import TensorProto, helper

    from salkit.inference.backends.exported import ExportMetadata
    from salkit.media.clips import ClipSettings

    node = helper.make_node
    graphs = dict(
        mean=(
            [node('ReduceMean', ['clip', 'axes'], ['saliency_map'], keepdims=0)],
            [helper.make_tensor('axes', TensorProto.INT64, [2], [1, 2])],
        ),
        convolution=(
            [
                node('Reshape', ['clip', 'channels'], ['x']),
                node('QuantizeLinear', ['x', 'scale', 'zero'], ['q']),
                node('DequantizeLinear', ['q', 'scale', 'zero'], ['d']),
                node('Conv', ['d', 'weight'], ['c'], pads=[1, 1, 1, 1], strides=[2, 2]),
                node('Relu', ['c'], ['r']),
                node('Resize', ['r', '', '', 'whole'], ['s'], mode='linear'),
                node('Reshape', ['s', 'map'], ['saliency_map']),
            ],
            [
                helper.make_tensor('channels', TensorProto.INT64, [4], [1, 12, *SIZE]),
                helper.make_tensor('scale', TensorProto.FLOAT, [], [0.02]),
                helper.make_tensor('zero', TensorProto.UINT8, [], [128]),
                helper.make_tensor('weight', TensorProto.FLOAT, [1, 12, 3, 3], [0.1] * 108),
                helper.make_tensor('whole', TensorProto.INT64, [4], [1, 1, *SIZE]),
                helper.make_tensor('map', TensorProto.INT64, [3], [1, *SIZE]),
            ],
        ),
    )
    settings = ClipSettings(4, SIZE, pixel_mean=(0.5,) * 3, pixel_std=(0.5,) * 3)
    for name, (nodes, weights) in graphs.items():
        graph = helper.make_graph(
            nodes,
            name,
            [helper.make_tensor_value_info('clip', TensorProto.FLOAT, [1, 3, 4, *SIZE])],
            [helper.make_tensor_value_info('saliency_map', TensorProto.FLOAT, [1, *SIZE])],
            weights,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 20)], ir_version=10)
        metadata = ExportMetadata(settings, name, 'a.pth', '', '0')
        helper.set_model_props(model, dict(salkit=metadata.to_text()))
        onnx.save(model, folder / f'{name}.onnx')


def tables_of_gaze(folder):
    lines = ['video,frame,x,y,observer', *(f'clip,{i},{i}.5,{2 * i},P{i % 2}' for i in range(1, 9))]
    (folder / 'frames.csv').write_text('\n'.join(lines))
    lines = ['video;time_s;x;y', *(f'clip;0.{i};{i};"{2 * i}"' for i in range(9))]
    (folder / 'times.csv').write_text('\n'.join(lines), encoding='utf-16')


def configs(folder):
    text = 'model: {type: SaliencyModel, losses: &e {cc: {weight: 1.0}}}\n_x: [*e, *e, null]\n'
    (folder / 'x.yaml').write_text(text)
    (folder / 'x.json').write_text('{"model": {"type": "SaliencyModel", "losses": {}}}')


def texts_of_configs(folder):
    (folder / 'cfg.txt').write_text('model = dict(type="A", b=[1, (2.5, None)], c={"d": -1e3})\n')


def lists_of_fixations(folder):
    (folder / 'fixations.json').write_text(json.dumps([[[3, 4], [5, 6]], [[0, 0]], []]))


def lists_of_splits(folder):
    (folder / 'TrainTestSplit.json').write_text(json.dumps(dict(train=['a', 'b'], test=['c'])))


def files_of_scores(folder):
    videos = {'a': {'CC': 0.5, 'NSS': None}, 'b': {'CC': 0.25, 'NSS': 1.5}}
    report = dict(protocol='exact', split='test', dataset='d', scores={'CC': 0.4})
    report |= dict(per_video=videos, frames_per_video={'a': 3, 'b': 5})
    (folder / 'one.json').write_text(json.dumps(report))
    (folder / 'some.json').write_text(json.dumps(dict(reports=[report])))


# Readers -----------------------------------------------------------------------------------------


def read_pictures(path):
    from salkit.media.images import read_image

    read_image(path)


def read_maps(path):
    from salkit.media.maps import read_map

    read_map(path)


def read_fixation_maps(path):
    from salkit.media.maps import read_fixation_map

    read_fixation_map(str(path))


def read_stacks(path):
    from salkit.media.map_stacks import open_stack

    stack = open_stack(path)
    assert len(stack.names) == len(stack)
    for _ in stack.read(range(len(stack))):
        pass


def read_videos(path):
    from salkit.media.video import VideoReader, VideoWriter

    with VideoReader(path) as video:
        info = video.info
        size, aspect = (info.height, info.width), info.pixel_aspect
        target = path.with_name('copy.mp4')
        with VideoWriter(target, size, info.fps, sound=path, pixel_aspect=aspect) as writer:
            for frame, time in zip(video, info.times, strict=True):
                writer.write(frame, time)
        assert writer.frames == len(video)


def read_checkpoints(path):
    from salkit.checkpoints import read_checkpoint

    read_checkpoint(path).config()


def read_onnx(path):
    from salkit.inference.backends.onnx import OnnxBackend

    backend = OnnxBackend(path, 'cpu')
    settings = backend.settings
    backend.run(np.zeros((1, 3, settings.clip_len, *settings.size), np.float32))


def read_with_openvino(path):
    from salkit.inference.backends.openvino import OpenVINOBackend

    backend = OpenVINOBackend(path)
    settings = backend.settings
    backend.run(np.zeros((1, 3, settings.clip_len, *settings.size), np.float32))


def read_gaze(path):
    from salkit.prepare.fixations.gaze import read_gaze_csv

    read_gaze_csv(path)


def recordings_of_ledov(folder):
    from trees import write_ledov

    data = Path(__file__).parents[1] / 'data'
    for name in ('mat73_plain.mat', 'mat73_packed.mat'):
        shutil.copy(data / name, folder)
    root = write_ledov(folder / 'ledov', dict(animal_bat01=[(1, 0, 80, 60, 10)]))
    (root / 'animal_bat01' / 'Data.mat').rename(folder / 'version_5.mat')
    shutil.rmtree(root)


def read_recordings_of_ledov(path):
    from salkit.datasets.published.ledov import read_recording

    read_recording(path)


def read_list_of(name):
    def read(path):
        from salkit.datasets.published import get_published

        get_published(name).read_fixations(path)

    return read


def tables_of_films(folder):
    lines = 'video,time_s,duration_s,x,y,observer\nCouple,0.003,0.6,3,2,1\nMale,0.2,0.1,5.5,6,2\n'
    (folder / 'films.csv').write_text(lines)
    (folder / 'more.csv').write_text((lines + lines.splitlines()[1] + '\n').replace(',', ';'))


def read_films(path):
    from salkit.datasets.published.xu_video import read_recordings

    read_recordings(path)


def read_configs(path):
    from salkit.config.load import load_config

    load_config(path)


def read_texts(path):
    from salkit.checkpoints.checkpoint import read_plain_config

    read_plain_config(path.read_text(errors='replace'), str(path))


def read_fixations(path):
    from salkit.datasets.truth_video import PointLists

    lists = PointLists(path)
    for index in range(len(lists)):
        lists.at(index, SIZE)


def read_splits(path):
    from salkit.datasets.published.avimos import _read_split

    _read_split(path)


def read_scores(path):
    from salkit.scoring.score_files import read_scores

    read_scores(path, path.stem)


READERS = {
    'pictures': (pictures, read_pictures),
    'maps in pictures': (gray_pictures, read_maps),
    'maps in arrays': (arrays, read_maps),
    'fixation maps in pictures': (fixation_pictures, read_fixation_maps),
    'fixation maps in .mat': (mats, read_fixation_maps),
    'fixations of OSIE': (lists_of_osie, read_list_of('osie')),
    'fixations of Scene': (lists_of_scene, read_list_of('scene')),
    'fixations of LEDOV': (recordings_of_ledov, read_recordings_of_ledov),
    'fixations on films': (tables_of_films, read_films),
    'stacks of maps': (arrays_of_videos, read_stacks),
    'gray videos': (gray_videos, read_stacks),
    'videos': (videos, read_videos),
    'checkpoints': (checkpoints, read_checkpoints),
    'ONNX': (onnx_models, read_onnx),
    **({'ONNX by OpenVINO': (onnx_models, read_with_openvino)} if find_spec('openvino') else {}),
    'gaze': (tables_of_gaze, read_gaze),
    'configs': (configs, read_configs),
    'texts of configs': (texts_of_configs, read_texts),
    'lists of fixations': (lists_of_fixations, read_fixations),
    'lists of splits': (lists_of_splits, read_splits),
    'files of scores': (files_of_scores, read_scores),
}


# Mutations ---------------------------------------------------------------------------------------

# Lengths and signs that formats trip over.
_NUMBERS = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1]
_TOKENS = [b'{', b'[', b'(', b'"', b',', b':', b'\n', b'&a', b'*a', b'!!', b'1e999', b'-1', b'null']


def mutated(content, other, rng):
    """`content` with one to four faults; `other` is a second valid file."""
    content = bytearray(content)
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        # Headers decide most.
        end = min(len(content), rng.choice([64, 512, len(content), len(content)]))
        at = rng.randrange(end + 1)
        length = rng.choice([1, 2, 4, 8, rng.randrange(1, 200)])
        match rng.randrange(8):
            case 0:
                for i in range(at, min(at + length, len(content))):
                    content[i] ^= 1 << rng.randrange(8)
            case 1:
                content[at : at + length] = rng.randbytes(length)
            case 2:
                del content[at : at + length]
            case 3:
                content[at:at] = content[at : at + length] * rng.randrange(1, 50)
            case 4:
                size = rng.choice([1, 2, 4, 8])
                number = rng.choice(_NUMBERS) & (1 << 8 * size) - 1
                content[at : at + size] = number.to_bytes(size, rng.choice(['little', 'big']))
            case 5:
                del content[at:]
            case 6:
                begin = rng.randrange(len(other) + 1)
                content[at : at + length] = other[begin : begin + length]
            case 7:
                content[at:at] = rng.choice(_TOKENS) * rng.choice([1, 1, 2, 5000])
    return bytes(content)


def _with_sums(content):
    """A PNG whose checksums are right again: a decoder that looks at them sees nothing else."""
    parts, at = [content[:8]], 8
    while len(content) >= at + 12:
        length = int.from_bytes(content[at : at + 4], 'big')
        body = content[at + 4 : at + 8 + length]
        parts += [content[at : at + 4], body, zlib.crc32(body).to_bytes(4, 'big')]
        at += 12 + length
    return b''.join(parts)


def seeds_of(folder):
    """The valid files of a reader, in order."""
    return sorted(path for path in Path(folder).iterdir() if path.is_file())


def write_mutant(folder, seed, number, work):
    """Write mutant `number` of the valid files in `folder` into `work`; gives its path."""
    rng = random.Random(f'{seed} {number}')
    files = seeds_of(folder)
    chosen, other = files[number % len(files)], rng.choice(files)
    path = Path(work) / f'mutant{chosen.suffix}'
    content = mutated(chosen.read_bytes(), other.read_bytes(), rng)
    path.write_bytes(_with_sums(content) if chosen.suffix == '.png' else content)
    return path


def read_mutants(name, folder, seed, numbers, work):
    """Read mutants one after another; what a child does.

    Prints a line of JSON a mutant: its number at the beginning, then how it ended.
    """
    os.environ['SALKIT_CACHE'] = f'{work}/cache'
    read = READERS[name][1]
    for number in numbers:
        print(json.dumps(dict(number=number)), flush=True)
        path = write_mutant(folder, seed, number, work)
        try:
            read(path)
            how = dict(ended='read')
        except SalkitError as error:
            how = dict(ended='refused')
            if path.name not in str(error) and 'copy.mp4' not in str(error):
                how = dict(ended='file not named', told=str(error)[:500])
        except BaseException:
            how = dict(ended='traceback', told=traceback.format_exc())
        print(json.dumps(how), flush=True)
    return 0
