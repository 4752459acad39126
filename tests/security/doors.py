"""Every door by which a file that somebody else made comes in: the one list of them.

A door is a function of the folder that a command runs in. It makes what lies around the file and
gives the file's path and the command's arguments; the file itself is made afterwards.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass

import hostile
import numpy as np
from make_data import write_dataset
from make_video import encode_video
from score_data import write_set
from tiny_model import write_tiny_model
from trees import write_avimos, write_dhf1k, write_films, write_gaze, write_pictures, write_scene


@dataclass(frozen=True)
class Door:
    """A way in.

    Attributes:
        open: function of a folder -> (path of the hostile file, arguments of `salkit`).
        files: what is put there.
        status: the command's exit status: 1 where a command reports what is wrong with each of many
            videos.
    """

    open: Callable
    files: tuple
    status: int = 2


def write_templates(root):
    """What doors copy: making it takes longer than all else."""
    write_tiny_model(root / 'tiny')
    write_dataset(root / 'set', dict(train=2, val=1, test=1), frames=4)
    write_set(root / 'scores', videos=('0601', '0602'), frames=4)
    write_dhf1k(root / 'dhf1k', (1,), frames=4)
    write_avimos(root / 'avimos', dict(public_test=['d']), frames=4)
    write_pictures(root / 'osie', {'1001': [[(5, 3)]]})
    write_scene(root / 'scene', {'001': [[(5, 3)]]})
    write_films(root / 'films', dict(Couple=[(0, 0.1, 5, 3, 1)]), frames=4)
    encode_video(root / 'videos' / 'clip.mp4', 4)
    write_gaze(root / 'gaze.csv', ['clip'], frames=4)
    (root / 'scores.json').write_text('{}')


TINY = ('--model', '../templates/tiny/tiny.py', '--checkpoint', '../templates/tiny/tiny.pth')
CONFIG, WEIGHTS = TINY[1], TINY[3]


def _copy(here, name):
    shutil.copytree(here.parent / 'templates' / name, here / name)
    return here / name


def _new(name, file, *argv):
    """A door for a file of its own."""

    def make(here):
        return here / file, list(argv)

    make.__name__ = name
    return make


def _within(name, place, *argv):
    """A door for a file inside one of the templates, in place of the one that is there."""

    def make(here):
        _copy(here, place.split('/')[0])
        (here / place).unlink()
        return here / place, list(argv)

    make.__name__ = name
    return make


OUT = ('--out', 'out')
ONE = ('--workers', '1')
TRAIN = (
    *('train', CONFIG, '--work-dir', 'out', '--cfg-options', 'data_root=set'),
    *('dataset_type=VideoSaliencyDataset', 'train_cfg.max_epochs=1'),
    *('train_dataloader.batch_size=1', 'train_dataloader.dataset.clip_len=4'),
    'val_dataloader.dataset.clip_len=4',
)
TEST = (
    *('test', CONFIG, WEIGHTS, '--work-dir', 'out', '--cfg-options', 'data_root=set'),
    'dataset_type=VideoSaliencyDataset',
)
BROWSE = ('browse', CONFIG, *OUT, '--stage', 'test', *TEST[-3:])
CACHE = ('cache', 'set', '--splits', 'test', '--dir', 'out', '--size', '48x32', *ONE)
TRUTH = ('predict', 'set/test/test000', '--truth', 'set/test', '--overlay', '--side-by-side')
SCORE = ('score', 'scores/pred', 'scores/truth', '--out', 'out.json', *ONE)
DENSITY = ('density', '--sigma-px', '3', *OUT, *ONE)
GAZE = ('prepare', 'folder', *ONE, '--sigma-px', '3', '--gaze')
BASELINE = ('baseline', '--dataset-root', 'set', '--split', 'train', *OUT)
AVIMOS = ('prepare', 'avimos', 'avimos', 'out', *ONE)
FILMS = ('prepare', 'xu-video', 'films', 'out', *ONE)
SERVE = ('serve', '--port', '0', '--no-open')
CLIP = ('predict', '../templates/videos/clip.mp4', *OUT)

_VIDEO, _SHOT = 'set/test/test000', 'set/train/train000'
_SCORED = 'scores/truth/val/0601'
# Each clip of training has the ground truth of its last frame.
_PICTURES = [
    _new('predict_a_picture', 'x.png', 'predict', 'x.png', *OUT, *TINY),
    _new('predict_a_jpeg', 'x.jpg', 'predict', 'x.jpg', *OUT, *TINY),
    _new('upload_a_picture', 'x.png', 'page', 'x.png'),
    _within('predict_frames', f'{_VIDEO}/images/0002.png', 'predict', _VIDEO, *OUT, *TINY),
    _within('predict_with_truth', f'{_VIDEO}/maps/0002.png', *TRUTH, *OUT, *TINY),
    _within('check_frames', f'{_VIDEO}/images/0002.png', 'check', 'set'),
    _within('check_maps', f'{_VIDEO}/maps/0002.png', 'check', 'set'),
    _within('check_fixation_maps', f'{_VIDEO}/fixation/0002.png', 'check', 'set'),
    _within('cache_frames', f'{_VIDEO}/images/0002.png', *CACHE),
    _within('browse_frames', f'{_VIDEO}/images/0001.png', *BROWSE),
    _within('train_on_frames', f'{_SHOT}/images/0002.png', *TRAIN),
    _within('train_on_maps', f'{_SHOT}/maps/0004.png', *TRAIN),
    _within('train_on_fixation_maps', f'{_SHOT}/fixation/0004.png', *TRAIN),
    _within('test_on_frames', f'{_VIDEO}/images/0002.png', *TEST),
    _within('test_on_maps', f'{_VIDEO}/maps/0002.png', *TEST),
    _within('test_on_fixation_maps', f'{_VIDEO}/fixation/0002.png', *TEST),
    _within('score_predicted_pictures', 'scores/pred/0601/0002.png', *SCORE),
    _within('score_true_maps', f'{_SCORED}/maps/0002.png', *SCORE),
    _within('score_true_fixation_maps', f'{_SCORED}/fixation/0002.png', *SCORE),
    _within('baseline_of_maps', f'{_SHOT}/maps/0002.png', *BASELINE, 'mean'),
    _within('density_of_pictures', f'{_SCORED}/fixation/0002.png', *DENSITY, f'{_SCORED}/fixation'),
]
_MATS = 'dhf1k/annotation/0001/fixation/maps'
_LISTS = [
    _within('osie_list', 'osie/data/eye/fixations.mat', 'prepare', 'osie', 'osie', 'out', *ONE),
    _within(
        'scene_list', 'scene/data/tidy/fixations.mat', 'prepare', 'scene', 'scene', 'out', *ONE
    ),
]
_DENSITY_OF_MATS = _within('density_of_mats', f'{_MATS}/0002.mat', *DENSITY, _MATS)


def _score_one_file(suffix):
    def score_one_file(here):
        folder = _copy(here, 'scores') / 'pred'
        for name in ('0601', '0602'):
            shutil.rmtree(folder / name)
        np.save(folder / '0602.npy', np.zeros((4, 24, 32)))
        return folder / f'0601.{suffix}', list(SCORE)

    score_one_file.__name__ = f'score_{suffix}_of_a_video'
    return score_one_file


def _score_frames(suffix):
    def score_frames(here):
        folder = _copy(here, 'scores') / 'pred' / '0601'
        for path in folder.iterdir():
            np.save(folder / f'{path.stem}.npy', np.eye(24, 32))
            path.unlink()
        (folder / '0002.npy').unlink()
        return folder / f'0002.{suffix}', list(SCORE)

    score_frames.__name__ = f'score_{suffix}_of_frames'
    return score_frames


def check_a_video(here):
    video = _copy(here, 'set') / 'test' / 'test000'
    shutil.rmtree(video / 'images')
    return video / 'video.mp4', ['check', 'set']


_VIDEOS = [
    _new('predict_a_video', 'x.mp4', 'predict', 'x.mp4', '--overlay', *OUT, *TINY),
    _new('predict_a_matroska', 'x.mkv', 'predict', 'x.mkv', *OUT, *TINY),
    _new('upload_a_video', 'x.mp4', 'page', 'x.mp4'),
    check_a_video,
    _score_one_file('mkv'),
    _within('prepare_videos', 'dhf1k/video/001.AVI', 'prepare', 'dhf1k', 'dhf1k', 'out', *ONE),
    _within(
        'prepare_own_videos', 'videos/clip.mp4', *GAZE, '../templates/gaze.csv', 'videos', 'out'
    ),
    _within(
        'prepare_films', 'films/videos/Couple.avi', 'prepare', 'xu-video', 'films', 'out', *ONE
    ),
    _within('prepare_gray_videos', 'avimos/SaliencyTest/Test/d.mkv', *AVIMOS),
    _within(
        'density_on_videos',
        'videos/clip.mp4',
        *DENSITY,
        '../templates/gaze.csv',
        '--videos',
        'videos',
    ),
]
_GAZE = [
    _new('density_of_gaze', 'x.csv', *DENSITY, '--size', '48x32', 'x.csv'),
    _within('films_list', 'films/fixations.csv', *FILMS),
    _new('prepare_gaze', 'x.csv', *GAZE, 'x.csv', '../templates/videos', 'out'),
    _new(
        'inter_observer_of_gaze',
        'x.csv',
        'baseline',
        'inter-observer',
        '--dataset-root',
        '../templates/set',
        '--split',
        'train',
        '--observers',
        'x.csv',
        *OUT,
    ),
]


def tabulate_scores(here):
    (here / 'runs' / 'umt-l16_cc-kl').mkdir(parents=True)
    return here / 'runs' / 'umt-l16_cc-kl' / 'scores.json', ['tables', '--work-dirs', 'runs']


_JSON = [
    _new('compare_scores', 'x.json', 'compare', 'x.json', '../templates/scores.json'),
    tabulate_scores,
    _within('prepare_lists_of_fixations', 'avimos/FixationsTest/Test/d/fixations.json', *AVIMOS),
    _within('prepare_a_list_of_splits', 'avimos/TrainTestSplit.json', *AVIMOS),
]


def _weights(suffix):
    file = f'x{suffix}'

    def on_the_set(name, *argv):
        def make(here):
            _copy(here, 'set')
            return here / file, list(argv)

        make.__name__ = f'{name}{suffix}'
        return make

    return [
        _new(f'predict_with{suffix}', file, *CLIP, '--checkpoint', file),
        _new(
            f'predict_with_a_config{suffix}', file, *CLIP, '--model', CONFIG, '--checkpoint', file
        ),
        _new(f'export{suffix}', file, 'export', CONFIG, '--checkpoint', file, '--out', 'out.onnx'),
        _new(f'convert{suffix}', file, 'convert', file, 'out.safetensors'),
        _new(f'serve{suffix}', file, *SERVE, '--model', CONFIG, '--checkpoint', file),
        on_the_set('test', 'test', CONFIG, file, *TEST[3:]),
        on_the_set('start_training', *TRAIN, f'load_from={file}'),
        on_the_set('initialize_an_encoder', *TRAIN, f'model.encoder.init_cfg={file}'),
        on_the_set('resume_training', *TRAIN, '--resume', file),
    ]


_ONNX = [
    _new('predict_with_onnx', 'x.onnx', *CLIP, '--model', 'x.onnx'),
    _new('serve_onnx', 'x.onnx', *SERVE, '--model', 'x.onnx'),
]


def _config(suffix):
    file = f'x{suffix}'
    return [
        _new(f'profile{suffix}', file, 'profile', file),
        _new(f'train{suffix}', file, 'train', file, '--work-dir', 'out'),
        _new(f'predict_with{suffix}', file, *CLIP, '--model', file, '--checkpoint', WEIGHTS),
    ]


# The list -----------------------------------------------------------------------------------------

# These go on with other videos, and report what is wrong with one.
_REPORTING = (
    *('check_', 'cache_', 'prepare_videos', 'prepare_own', 'prepare_films', 'prepare_gray'),
    'prepare_lists',
)
# In place of other files, a folder is a video of its own, and a link to nowhere is nothing.
_FILES = tuple(
    make for make in hostile.ANY if make not in (hostile.folder, hostile.link_to_nowhere)
)


def _doors(files, few, doors):
    """All `files` at the first door, and a `few` at the others: all ask one reader."""
    return [
        Door(door, few if i else files, 1 if door.__name__.startswith(_REPORTING) else 2)
        for i, door in enumerate(doors)
    ]


DOORS = [
    *_doors(
        hostile.ANY + hostile.PICTURES, (hostile.pipe, hostile.eps, hostile.png_bomb), _PICTURES
    ),
    *_doors(
        _FILES + hostile.NPY,
        (hostile.device, hostile.npy_of_objects, hostile.npy_that_claims_a_terabyte),
        [_score_one_file('npy'), _score_frames('npy')],
    ),
    *_doors(
        _FILES + hostile.NPZ,
        (hostile.device, hostile.npz_of_objects, hostile.npz_bomb),
        [_score_one_file('npz'), _score_frames('npz')],
    ),
    *_doors(hostile.ANY + hostile.MAT, (), [_DENSITY_OF_MATS]),
    *_doors(hostile.ANY + hostile.MAT + hostile.MAT_CELLS, hostile.MAT_CELLS, _LISTS),
    *_doors(
        _FILES + hostile.VIDEOS,
        (hostile.pipe, hostile.list_of_files, hostile.video_of_a_gigapixel),
        _VIDEOS,
    ),
    *_doors(hostile.ANY + hostile.CSV, (hostile.pipe, hostile.csv_of_one_endless_line), _GAZE),
    *_doors(_FILES + hostile.JSON, (hostile.pipe, hostile.deep_brackets), _JSON),
    *_doors(
        hostile.ANY + hostile.PTH,
        (hostile.pipe, hostile.pth_with_code, hostile.pth_that_names_a_config),
        _weights('.pth'),
    ),
    *_doors(
        hostile.ANY + hostile.SAFETENSORS,
        (hostile.device, hostile.safetensors_that_names_a_config),
        _weights('.safetensors'),
    ),
    *_doors(hostile.ANY + hostile.ONNX, (hostile.pipe,), _ONNX),
    *_doors(
        hostile.ANY + hostile.YAML,
        (hostile.pipe, hostile.yaml_with_code, hostile.deep_brackets),
        [*_config('.yaml'), *_config('.json')],
    ),
]
