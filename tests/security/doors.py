"""Every door by which a file that somebody else made comes in: the one list of them.

A door is a function of the folder that a command runs in. It makes what lies around the file and
gives the file's path and the command's arguments; the file itself is made afterwards.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import hostile
import numpy as np
from make_data import write_dataset
from make_video import encode_video
from score_data import write_set
from tiny_model import write_tiny_model
from trees import write_avimos, write_dhf1k, write_gaze


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
    encode_video(root / 'videos' / 'clip.mp4', 4)
    write_gaze(root / 'gaze.csv', ['clip'], frames=4)
    (root / 'scores.json').write_text('{}')


TEMPLATES = Path('templates')
TINY = ('--model', '../templates/tiny/tiny.py', '--checkpoint', '../templates/tiny/tiny.pth')
CONFIG, WEIGHTS = TINY[1], TINY[3]


def _copy(here, name):
    shutil.copytree(here.parent / 'templates' / name, here / name)
    return here / name


def _instead_of(path):
    """The path of a file that was there."""
    path.unlink()
    return path


# Pictures, maps, arrays ---------------------------------------------------------------------------


def predict_a_picture(here):
    return here / 'x.png', ['predict', 'x.png', '--out', 'out', *TINY]


def predict_a_jpeg(here):
    return here / 'x.jpg', ['predict', 'x.jpg', '--out', 'out', *TINY]


def upload_a_picture(here):
    return here / 'x.png', ['page', 'x.png']


def predict_frames(here):
    video = _copy(here, 'set') / 'test' / 'test000' / 'images'
    return _instead_of(video / '0002.png'), ['predict', str(video), '--out', 'out', *TINY]


def predict_with_truth(here):
    path = _instead_of(_copy(here, 'set') / 'test' / 'test000' / 'maps' / '0002.png')
    argv = ['predict', 'set/test/test000', '--truth', 'set/test', '--overlay', '--side-by-side']
    return path, [*argv, '--out', 'out', *TINY]


def check_frames(here):
    path = _instead_of(_copy(here, 'set') / 'test' / 'test000' / 'images' / '0002.png')
    return path, ['check', 'set']


def check_maps(here):
    path = _instead_of(_copy(here, 'set') / 'test' / 'test000' / 'maps' / '0002.png')
    return path, ['check', 'set']


def check_fixation_maps(here):
    path = _instead_of(_copy(here, 'set') / 'test' / 'test000' / 'fixation' / '0002.png')
    return path, ['check', 'set']


def _train(*more):
    return [
        *('train', CONFIG, '--work-dir', 'out', '--cfg-options', 'data_root=set'),
        *(
            'dataset_type=VideoSaliencyDataset',
            'train_cfg.max_epochs=1',
            'train_dataloader.batch_size=1',
        ),
        *(f'{stage}_dataloader.dataset.clip_len=4' for stage in ('train', 'val')),
        *more,
    ]


def train_on_frames(here):
    path = _instead_of(_copy(here, 'set') / 'train' / 'train000' / 'images' / '0002.png')
    return path, _train()


def train_on_maps(here):
    # Each clip has the ground truth of its last frame.
    path = _copy(here, 'set') / 'train' / 'train000' / 'maps' / '0004.png'
    return _instead_of(path), _train()


def train_on_fixation_maps(here):
    # Each clip has the ground truth of its last frame.
    path = _copy(here, 'set') / 'train' / 'train000' / 'fixation' / '0004.png'
    return _instead_of(path), _train()


def _test(*more):
    return [
        *('test', CONFIG, WEIGHTS, '--work-dir', 'out', '--cfg-options', 'data_root=set'),
        *('dataset_type=VideoSaliencyDataset', *more),
    ]


def test_on_frames(here):
    path = _copy(here, 'set') / 'test' / 'test000' / 'images' / '0002.png'
    return _instead_of(path), _test()


def test_on_maps(here):
    path = _copy(here, 'set') / 'test' / 'test000' / 'maps' / '0002.png'
    return _instead_of(path), _test()


def test_on_fixation_maps(here):
    path = _copy(here, 'set') / 'test' / 'test000' / 'fixation' / '0002.png'
    return _instead_of(path), _test()


def cache_frames(here):
    path = _copy(here, 'set') / 'test' / 'test000' / 'images' / '0002.png'
    argv = ['cache', 'set', '--splits', 'test', '--dir', 'out', '--workers', '1']
    argv += ['--size', '48x32']
    return _instead_of(path), argv


def browse_frames(here):
    path = _copy(here, 'set') / 'test' / 'test000' / 'images' / '0001.png'
    argv = ['browse', CONFIG, '--out', 'out', '--stage', 'test', '--cfg-options', 'data_root=set']
    return _instead_of(path), [*argv, 'dataset_type=VideoSaliencyDataset']


def _score(name, *more):
    return ['score', name, 'scores/truth', '--out', 'out.json', '--workers', '1', *more]


def score_predicted_pictures(here):
    path = _copy(here, 'scores') / 'pred' / '0601' / '0002.png'
    return _instead_of(path), _score('scores/pred')


def score_true_maps(here):
    path = _copy(here, 'scores') / 'truth' / 'val' / '0601' / 'maps' / '0002.png'
    return _instead_of(path), _score('scores/pred')


def score_true_fixation_maps(here):
    path = _copy(here, 'scores') / 'truth' / 'val' / '0601' / 'fixation' / '0002.png'
    return _instead_of(path), _score('scores/pred')


def _score_one_file(suffix):
    def score_one_file(here):
        folder = _copy(here, 'scores') / 'pred'
        for name in ('0601', '0602'):
            shutil.rmtree(folder / name)
        np.save(folder / '0602.npy', np.zeros((4, 24, 32)))
        return here / 'scores' / 'pred' / f'0601.{suffix}', _score('scores/pred')

    score_one_file.__name__ = f'score_{suffix}_of_a_video'
    return score_one_file


def _score_frames(suffix):
    def score_frames(here):
        folder = _copy(here, 'scores') / 'pred' / '0601'
        for path in folder.iterdir():
            np.save(folder / f'{path.stem}.npy', np.eye(24, 32))
            path.unlink()
        path = _instead_of(folder / '0002.npy')
        return path.with_suffix(f'.{suffix}'), _score('scores/pred')

    score_frames.__name__ = f'score_{suffix}_of_frames'
    return score_frames


def baseline_of_maps(here):
    path = _copy(here, 'set') / 'train' / 'train000' / 'maps' / '0002.png'
    argv = ['baseline', 'mean', '--dataset-root', 'set', '--split', 'train']
    return _instead_of(path), [*argv, '--out', 'out']


def density_of_pictures(here):
    folder = _copy(here, 'scores') / 'truth' / 'val' / '0601' / 'fixation'
    return _instead_of(folder / '0002.png'), _density(folder)


def density_of_mats(here):
    folder = _copy(here, 'dhf1k') / 'annotation' / '0001' / 'fixation' / 'maps'
    return _instead_of(folder / '0002.mat'), _density(folder)


def _density(folder):
    argv = ['density', str(folder), '--sigma-px', '3', '--out', 'out', '--workers', '1']
    return argv


# Videos -------------------------------------------------------------------------------------------


def predict_a_video(here):
    return here / 'x.mp4', ['predict', 'x.mp4', '--out', 'out', '--overlay', *TINY]


def upload_a_video(here):
    return here / 'x.mp4', ['page', 'x.mp4']


def predict_a_matroska(here):
    return here / 'x.mkv', ['predict', 'x.mkv', '--out', 'out', *TINY]


def score_a_gray_video(here):
    path, argv = _score_one_file('mkv')(here)
    return path, argv


def prepare_videos(here):
    path = _instead_of(_copy(here, 'dhf1k') / 'video' / '001.AVI')
    return path, ['prepare', 'dhf1k', 'dhf1k', 'out', '--workers', '1']


def prepare_own_videos(here):
    path = _instead_of(_copy(here, 'videos') / 'clip.mp4')
    argv = ['prepare', 'folder', 'videos', 'out', '--workers', '1']
    return path, [*argv, '--gaze', '../templates/gaze.csv', '--sigma-px', '3']


def prepare_gray_videos(here):
    path = _instead_of(_copy(here, 'avimos') / 'SaliencyTest' / 'Test' / 'd.mkv')
    return path, ['prepare', 'avimos', 'avimos', 'out', '--workers', '1']


def check_a_video(here):
    video = _copy(here, 'set') / 'test' / 'test000'
    shutil.rmtree(video / 'images')
    return video / 'video.mp4', ['check', 'set']


def density_on_videos(here):
    path = _instead_of(_copy(here, 'videos') / 'clip.mp4')
    argv = ['density', '../templates/gaze.csv', '--sigma-px', '3', '--out', 'out']
    return path, [*argv, '--videos', 'videos', '--workers', '1']


# Ground truth of other kinds ----------------------------------------------------------------------


def prepare_gaze(here):
    argv = ['prepare', 'folder', '../templates/videos', 'out', '--workers', '1']
    return here / 'x.csv', [*argv, '--gaze', 'x.csv', '--sigma-px', '3']


def density_of_gaze(here):
    argv = ['density', 'x.csv', '--sigma-px', '3', '--out', 'out', '--size', '48x32']
    return here / 'x.csv', argv


def inter_observer_of_gaze(here):
    argv = ['baseline', 'inter-observer', '--dataset-root', '../templates/set']
    return here / 'x.csv', [*argv, '--split', 'val', '--observers', 'x.csv', '--out', 'out']


def prepare_lists_of_fixations(here):
    folder = _copy(here, 'avimos') / 'FixationsTest' / 'Test' / 'd'
    path = _instead_of(folder / 'fixations.json')
    return path, ['prepare', 'avimos', 'avimos', 'out', '--workers', '1']


def prepare_a_list_of_splits(here):
    path = _instead_of(_copy(here, 'avimos') / 'TrainTestSplit.json')
    return path, ['prepare', 'avimos', 'avimos', 'out', '--workers', '1']


def compare_scores(here):
    argv = ['compare', 'x.json', '../templates/scores.json', '--json', 'out.json']
    return here / 'x.json', argv


def tabulate_scores(here):
    (here / 'runs' / 'umt-l16_cc-kl').mkdir(parents=True)
    return here / 'runs' / 'umt-l16_cc-kl' / 'scores.json', ['tables', '--work-dirs', 'runs']


# Weights and configs ------------------------------------------------------------------------------


def _weights(suffix):
    def predict_with(here):
        return here / f'x{suffix}', ['predict', *CLIP, '--out', 'out', '--checkpoint', f'x{suffix}']

    def predict_with_a_config(here):
        argv = ['predict', *CLIP, '--out', 'out', '--model', CONFIG, '--checkpoint', f'x{suffix}']
        return here / f'x{suffix}', argv

    def test(here):
        _copy(here, 'set')
        argv = ['test', CONFIG, f'x{suffix}', '--work-dir', 'out', '--cfg-options', 'data_root=set']
        return here / f'x{suffix}', argv

    def export(here):
        argv = ['export', CONFIG, '--checkpoint', f'x{suffix}', '--out', 'out.onnx']
        return here / f'x{suffix}', argv

    def convert(here):
        return here / f'x{suffix}', ['convert', f'x{suffix}', 'out.safetensors']

    def start_training(here):
        _copy(here, 'set')
        return here / f'x{suffix}', _train(f'load_from=x{suffix}')

    def initialize_an_encoder(here):
        _copy(here, 'set')
        return here / f'x{suffix}', _train(f'model.encoder.init_cfg=x{suffix}')

    def resume_training(here):
        _copy(here, 'set')
        return here / f'x{suffix}', [*_train(), '--resume', f'x{suffix}']

    def serve(here):
        argv = ['serve', '--model', CONFIG, '--checkpoint', f'x{suffix}', '--port', '0']
        return here / f'x{suffix}', [*argv, '--no-open']

    doors = (
        *(predict_with, predict_with_a_config, test, export, convert, start_training),
        *(initialize_an_encoder, resume_training, serve),
    )
    for door in doors:
        door.__name__ = f'{door.__name__}{suffix}'
    return doors


CLIP = ('../templates/videos/clip.mp4',)


def predict_with_onnx(here):
    return here / 'x.onnx', ['predict', *CLIP, '--out', 'out', '--model', 'x.onnx']


def serve_onnx(here):
    return here / 'x.onnx', ['serve', '--model', 'x.onnx', '--port', '0', '--no-open']


def _config(suffix):
    def train(here):
        _copy(here, 'set')
        return here / f'x{suffix}', ['train', f'x{suffix}', '--work-dir', 'out']

    def predict_with(here):
        argv = ['predict', *CLIP, '--out', 'out', '--model', f'x{suffix}', '--checkpoint', WEIGHTS]
        return here / f'x{suffix}', argv

    def profile(here):
        return here / f'x{suffix}', ['profile', f'x{suffix}']

    for door in (train, predict_with, profile):
        door.__name__ = f'{door.__name__}{suffix}'
    return train, predict_with, profile


# The list -----------------------------------------------------------------------------------------

# These go on with other videos, and report what is wrong with one.
_REPORTING = (
    *(check_frames, check_maps, check_fixation_maps, cache_frames, check_a_video),
    *(prepare_videos, prepare_own_videos, prepare_gray_videos, prepare_lists_of_fixations),
)
# In place of other files, a folder is a video of its own, and a link to nowhere is nothing.
_FILES = tuple(
    make for make in hostile.ANY if make not in (hostile.folder, hostile.link_to_nowhere)
)


def _doors(files, few, doors):
    """All `files` at the first door, and a `few` at the others: all ask one reader."""
    return [
        Door(door, few if i else files, 1 if door in _REPORTING else 2)
        for i, door in enumerate(doors)
    ]


DOORS = [
    *_doors(
        hostile.ANY + hostile.PICTURES,
        (hostile.pipe, hostile.eps, hostile.png_bomb),
        [
            *(predict_a_picture, predict_a_jpeg, predict_frames, predict_with_truth),
            *(upload_a_picture, check_frames, check_maps, check_fixation_maps, cache_frames),
            *(browse_frames, train_on_frames, train_on_maps, train_on_fixation_maps),
            *(test_on_frames, test_on_maps, test_on_fixation_maps, score_predicted_pictures),
            *(score_true_maps, score_true_fixation_maps, baseline_of_maps, density_of_pictures),
        ],
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
    *_doors(hostile.ANY + hostile.MAT, (), [density_of_mats]),
    *_doors(
        _FILES + hostile.VIDEOS,
        (hostile.pipe, hostile.list_of_files, hostile.video_of_a_gigapixel),
        [
            *(predict_a_video, predict_a_matroska, upload_a_video, check_a_video),
            *(score_a_gray_video, prepare_videos, prepare_own_videos, prepare_gray_videos),
            density_on_videos,
        ],
    ),
    *_doors(
        hostile.ANY + hostile.CSV,
        (hostile.pipe, hostile.csv_of_one_endless_line),
        [density_of_gaze, prepare_gaze, inter_observer_of_gaze],
    ),
    *_doors(
        _FILES + hostile.JSON,
        (hostile.pipe, hostile.deep_brackets),
        [compare_scores, tabulate_scores, prepare_lists_of_fixations, prepare_a_list_of_splits],
    ),
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
    *_doors(hostile.ANY + hostile.ONNX, (hostile.pipe,), [predict_with_onnx, serve_onnx]),
    *_doors(
        hostile.ANY + hostile.YAML,
        (hostile.pipe, hostile.yaml_with_code, hostile.deep_brackets),
        [*_config('.yaml'), *_config('.json')],
    ),
]
