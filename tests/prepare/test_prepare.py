"""Published data sets become the layout that the data set classes read."""

import functools
import json
import os
import shutil
import socket
import subprocess

import numpy as np
import pytest
from make_video import SIZE, decode_all, encode_video, frame_number, numbered_frame, truncate
from PIL import Image
from score_data import write_truth
from trees import AVI, hashes, write_avimos, write_dhf1k, write_gaze, write_shots

import salkit.prepare.run as prepare_run
from salkit.cli import main
from salkit.config.load import load_config
from salkit.datasets import DHF1KDataset, Hollywood2Dataset, VideoSaliencyDataset
from salkit.datasets.layout import read_video
from salkit.errors import ConfigError, DataError
from salkit.media.images import read_image
from salkit.media.maps import read_fixation_map, read_map
from salkit.prepare import FolderOptions, PrepareOptions, prepare
from salkit.prepare.folder import split_videos
from salkit.prepare.run import LOCK
from salkit.prepare.stimulus import VideoFile
from salkit.utils import files


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv('SALKIT_CACHE', str(tmp_path / 'cache'))


def run(kind, source, target, *, workers=1, **options):
    names = PrepareOptions.__dataclass_fields__
    how = {k: options.pop(k) for k in list(options) if k in names}
    return prepare(kind, source, target, PrepareOptions(workers=workers, **how), **options)


def unfinished(folder):
    """Where a process that is gone was making a folder."""
    process = subprocess.Popen(['true'])
    process.wait()
    name = f'.{folder.name}.{process.pid}@{socket.gethostname()}.unfinished'
    return folder.with_name(name)


def names_in(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith('.'))


# DHF1K ------------------------------------------------------------------------------------------


def test_dhf1k_as_published(tmp_path):
    source = write_dhf1k(tmp_path / 'source', extra={3: 2})
    before = hashes(source)
    report = run('dhf1k', source, tmp_path / 'out', workers=2)
    assert names_in(tmp_path / 'out' / 'train') == ['0001', '0002']
    assert names_in(tmp_path / 'out' / 'val') == ['0601']
    assert not (tmp_path / 'out' / 'test').exists()
    (failed,) = report.failed
    assert failed.name == '0003'
    assert '14 frames, 12 density maps, 12 fixation maps' in failed.note
    assert ['0701'] in report.left_out.values()
    text = '\n'.join(report.lines())
    assert 'train: 2 prepared, 1 failed; 2 videos, 24 frames; published: 600 videos' in text
    assert hashes(source) == before
    assert len(DHF1KDataset(str(tmp_path / 'out'), 'test', sampling='all')) == 12


@pytest.mark.parametrize('format', ['png', 'jpg'])
def test_every_frame_once_in_order_under_the_names_of_the_annotation(tmp_path, format):
    source = write_dhf1k(tmp_path / 'source', numbers=(1,))
    run('dhf1k', source, tmp_path / 'out', format=format, quality=90)
    video = read_video(tmp_path / 'out' / 'train' / '0001')
    stems = [f'{i + 1:04d}' for i in range(12)]
    for paths in (video.frames, video.densities, video.fixations):
        assert [os.path.splitext(os.path.basename(path))[0] for path in paths] == stems
    frames = [read_image(path) for path in video.frames]
    assert [frame_number(frame) for frame in frames] == list(range(12))
    if format == 'png':
        np.testing.assert_array_equal(frames, decode_all(source / 'video' / '001.AVI'))
    assert all(path.endswith(format) for path in video.frames)


def test_published_files_are_linked_or_copied(tmp_path):
    source = write_dhf1k(tmp_path / 'source', numbers=(1,))
    published = source / 'annotation' / '0001' / 'maps' / '0001.png'
    run('dhf1k', source, tmp_path / 'linked')
    linked = tmp_path / 'linked' / 'train' / '0001'
    assert (linked / 'maps' / '0001.png').samefile(published)
    assert (linked / 'fixation' / 'maps' / '0012.mat').is_file()
    run('dhf1k', source, tmp_path / 'copied', copy=True)
    copied = tmp_path / 'copied' / 'train' / '0001' / 'maps' / '0001.png'
    assert not copied.samefile(published)
    assert copied.read_bytes() == published.read_bytes()


def test_copies_where_links_are_impossible(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(18, 'Invalid cross-device link')

    source = write_dhf1k(tmp_path / 'source', numbers=(1,))
    monkeypatch.setattr(os, 'link', refuse)
    monkeypatch.setattr(os, 'symlink', refuse)
    assert not run('dhf1k', source, tmp_path / 'out', keep_video=True).failed
    video = read_video(tmp_path / 'out' / 'train' / '0001')
    assert len(video.densities) == 12
    kept = tmp_path / 'out' / 'train' / '0001' / 'video.avi'
    assert not kept.is_symlink()
    assert kept.read_bytes() == (source / 'video' / '001.AVI').read_bytes()
    # Of the original, and of the copy, where it will be looked for.
    assert len(list((tmp_path / 'cache' / 'video-index').iterdir())) == 2


def test_keep_video_links_the_file_and_makes_its_index(tmp_path):
    source = write_dhf1k(tmp_path / 'source', numbers=(1, 601))
    run('dhf1k', source, tmp_path / 'out', keep_video=True)
    folder = tmp_path / 'out' / 'train' / '0001'
    assert not (folder / 'images').exists()
    assert (folder / 'video.avi').is_symlink()
    assert (folder / 'video.avi').resolve() == source / 'video' / '001.AVI'
    assert len(list((tmp_path / 'cache' / 'video-index').iterdir())) == 2
    assert len(read_video(folder).frames) == 12


def test_extracted_frames_and_canonical_folders_are_taken(tmp_path):
    source = write_dhf1k(tmp_path / 'source', numbers=(1, 2))
    run('dhf1k', source, tmp_path / 'canonical')
    # Frames in folders of their own, and annotation elsewhere.
    frames = tmp_path / 'extracted' / 'DHF1K' / 'frames'
    for name in ('0001', '0002'):
        images = tmp_path / 'canonical' / 'train' / name / 'images'
        shutil.copytree(images, frames / name / ('images' if name == '0002' else ''))
    shutil.copytree(source / 'annotation', tmp_path / 'extracted' / 'DHF1K' / 'annotation')
    wanted = hashes(tmp_path / 'canonical')
    for kind in ('extracted', 'canonical'):
        run('dhf1k', tmp_path / kind, tmp_path / 'again')
        found = {k: v for k, v in hashes(tmp_path / 'again').items() if '.prepared' not in k}
        assert found == {k: v for k, v in wanted.items() if '.prepared' not in k}
        shutil.rmtree(tmp_path / 'again')


def test_videos_without_ground_truth_on_demand(tmp_path):
    source = write_dhf1k(tmp_path / 'source', numbers=(1, 2, 701))
    shutil.rmtree(source / 'annotation' / '0002')
    report = run('dhf1k', source, tmp_path / 'out')
    assert report.left_out['no annotation, part of train'] == ['0002']
    run('dhf1k', source, tmp_path / 'out', unannotated=True)
    assert names_in(tmp_path / 'out' / 'test' / '0701') == ['images']
    assert names_in(tmp_path / 'out' / 'unannotated') == ['0002']


@pytest.mark.parametrize('extra', [2, -2])
@pytest.mark.parametrize('keep_video', [False, True])
def test_allow_trim_cuts_both_to_the_shorter(tmp_path, extra, keep_video):
    source = write_dhf1k(tmp_path / 'source', numbers=(1,), extra={1: extra})
    assert run('dhf1k', source, tmp_path / 'out', allow_trim=1).failed
    options = dict(allow_trim=2, keep_video=keep_video)
    (outcome,) = run('dhf1k', source, tmp_path / 'out', **options).outcomes
    assert outcome.frames == min(12, 12 + extra)
    assert f'cut to {outcome.frames} frames' in outcome.note
    video = read_video(tmp_path / 'out' / 'train' / '0001')
    assert len(video.frames) == len(video.densities) == len(video.fixations) == outcome.frames
    assert bool(video.video_path) == (keep_video and extra < 0)
    assert len(list((tmp_path / 'out/train/0001/fixation/maps').iterdir())) == outcome.frames
    with pytest.raises(ConfigError, match='2 frames cut off, now at most 0'):
        run('dhf1k', source, tmp_path / 'out', keep_video=keep_video)


def test_a_map_missing_in_the_middle_is_no_matter_of_the_end(tmp_path):
    source = write_dhf1k(tmp_path / 'source', numbers=(1,))
    for place in ('maps', 'fixation'):
        (source / 'annotation' / '0001' / place / '0005.png').unlink()
    (failed,) = run('dhf1k', source, tmp_path / 'out', allow_trim=3).failed
    assert 'jump from number 4 to 6' in failed.note


def test_what_cannot_be_prepared_is_told_and_the_rest_is_made(tmp_path):
    source = write_dhf1k(tmp_path / 'source', numbers=(1, 2, 3, 4))
    video = source / 'video'
    (video / '001.AVI').write_bytes(b'no video at all' * 100)
    truncate(video / '002.AVI', video / '002.AVI', 0.9)
    shutil.rmtree(source / 'annotation' / '0003')
    write_truth(source / 'annotation' / '0003', 12, (24, 40))
    report = run('dhf1k', source, tmp_path / 'out', workers=2)
    notes = {outcome.name: outcome.note for outcome in report.failed}
    assert '001.AVI: ' in notes['0001']
    assert 'cut off' in notes['0002']
    assert 'frames of 48 x 80 pixels, density maps of 24 x 40' in notes['0003']
    assert names_in(tmp_path / 'out' / 'train') == ['0004']
    assert not list((tmp_path / 'out').rglob('.*unfinished*'))


def test_the_same_number_twice(tmp_path):
    source = write_dhf1k(tmp_path / 'source', numbers=(1, 2))
    shutil.copy(source / 'video' / '001.AVI', source / 'video' / '0001.avi')
    report = run('dhf1k', source, tmp_path / 'out')
    (reason,) = report.left_out
    assert reason.startswith('there twice')
    assert names_in(tmp_path / 'out' / 'train') == ['0002']


# Running it again -------------------------------------------------------------------------------


def test_finished_videos_are_not_made_again(tmp_path):
    source = write_dhf1k(tmp_path / 'source', numbers=(1, 2))
    run('dhf1k', source, tmp_path / 'out')
    first = tmp_path / 'out' / 'train' / '0001' / 'images' / '0001.png'
    stamp = first.stat().st_mtime_ns
    shutil.rmtree(tmp_path / 'out' / 'train' / '0002')
    # What a killed run leaves behind.
    leftovers = [unfinished(tmp_path / 'out' / 'train' / name) for name in ('0002', 'gone')]
    for folder in leftovers:
        (folder / 'images').mkdir(parents=True)
    report = run('dhf1k', source, tmp_path / 'out')
    assert [outcome.status for outcome in report.outcomes] == ['finished before', 'prepared']
    assert first.stat().st_mtime_ns == stamp
    assert not any(folder.exists() for folder in leftovers)


def test_killed_between_two_renames(tmp_path):
    source = write_dhf1k(tmp_path / 'source', numbers=(1,))
    run('dhf1k', source, tmp_path / 'out')
    folder = tmp_path / 'out' / 'train' / '0001'
    waiting = unfinished(folder) / '.replaced'
    waiting.mkdir(parents=True)
    folder.rename(waiting / '0001')
    (outcome,) = run('dhf1k', source, tmp_path / 'out').outcomes
    assert outcome.status == 'finished before'
    assert len(read_video(folder).frames) == 12


def test_other_options_are_refused_and_overwrite_makes_them(tmp_path):
    source = write_dhf1k(tmp_path / 'source', numbers=(1, 2))
    run('dhf1k', source, tmp_path / 'out')
    with pytest.raises(ConfigError, match=r"stimulus 'png', now 'jpg-95'.*--overwrite"):
        run('dhf1k', source, tmp_path / 'out', format='jpg')
    run('dhf1k', source, tmp_path / 'out', format='jpg', overwrite=True)
    assert {path.suffix for path in (tmp_path / 'out').rglob('images/*')} == {'.jpg'}


def test_a_folder_of_the_user_is_left_alone(tmp_path):
    source = write_dhf1k(tmp_path / 'source', numbers=(1, 2))
    mine = tmp_path / 'out' / 'train' / '0001' / 'notes.txt'
    mine.parent.mkdir(parents=True)
    mine.write_text('mine')
    (failed,) = run('dhf1k', source, tmp_path / 'out', overwrite=True).failed
    assert 'not made by salkit prepare' in failed.note
    assert mine.read_text() == 'mine'


def test_a_kept_video_whose_original_moved_is_linked_again(tmp_path):
    source = write_dhf1k(tmp_path / 'source', numbers=(1,))
    run('dhf1k', source, tmp_path / 'out', keep_video=True)
    source.rename(tmp_path / 'moved')
    run('dhf1k', tmp_path / 'moved', tmp_path / 'out', keep_video=True)
    assert (tmp_path / 'out' / 'train' / '0001' / 'video.avi').exists()


def test_two_runs_at_once(tmp_path, monkeypatch):
    impatient = functools.partial(files.locked_folder, patience=0)
    monkeypatch.setattr(prepare_run, 'locked_folder', impatient)
    source = write_dhf1k(tmp_path / 'source', numbers=(1,))
    (tmp_path / 'out').mkdir()
    lock = files.locked_folder(tmp_path / 'out', LOCK, 'a test')
    with lock, pytest.raises(ConfigError, match='another run of salkit prepare is at work'):
        run('dhf1k', source, tmp_path / 'out')


# Places and space -------------------------------------------------------------------------------


@pytest.mark.parametrize('kind', ['dhf1k', 'hollywood2', 'ucf-sports', 'avimos'])
def test_archives_have_to_be_unpacked(tmp_path, kind):
    (tmp_path / 'source').mkdir()
    (tmp_path / 'source' / 'video.rar').write_bytes(b'Rar!')
    with pytest.raises(DataError, match=r'unpack video\.rar first'):
        run(kind, tmp_path / 'source', tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


def test_annotation_alone(tmp_path):
    source = write_dhf1k(tmp_path / 'source', numbers=(1,))
    shutil.rmtree(source / 'video')
    with pytest.raises(DataError, match='annotation of 1 videos and none of the videos'):
        run('dhf1k', source, tmp_path / 'out')


def test_source_that_is_not_there_or_holds_the_destination(tmp_path):
    with pytest.raises(DataError, match='does not exist'):
        run('dhf1k', tmp_path / 'nowhere', tmp_path / 'out')
    source = write_dhf1k(tmp_path / 'source', numbers=(1,))
    for target in (source, source / 'out'):
        with pytest.raises(ConfigError, match='outside of the source'):
            run('dhf1k', source, target)


def test_a_full_disk_ends_the_run_and_keeps_what_is_done(tmp_path, monkeypatch):
    source = write_dhf1k(tmp_path / 'source', numbers=(1, 2))
    write = VideoFile.write

    def fill_up(self, *arguments):
        if '002' in self.path.name:
            raise OSError(28, 'No space left on device')
        write(self, *arguments)

    monkeypatch.setattr(VideoFile, 'write', fill_up)
    with pytest.raises(DataError, match='No space left on device; what is done is kept'):
        run('dhf1k', source, tmp_path / 'out')
    assert names_in(tmp_path / 'out' / 'train') == ['0001']


# Hollywood-2, UCF-Sports, AViMoS ----------------------------------------------------------------


@pytest.mark.parametrize('nested', [False, True])
def test_shots_keep_their_names_and_mixed_suffixes(tmp_path, nested):
    source = tmp_path / 'source'
    write_shots(source / 'Hollywood2' if nested else source, suffixes=('png', 'jpg'))
    report = run('hollywood2', source, tmp_path / 'out', workers=2)
    assert names_in(tmp_path / 'out') == ['test', 'train']
    shot = tmp_path / 'out' / 'test' / 'actioncliptest00001_2'
    assert names_in(shot / 'images')[0] == 'actioncliptest00001_00007.png'
    assert names_in(shot / 'images')[1] == 'actioncliptest00001_00008.jpg'
    assert 'published: 3,558 videos' in '\n'.join(report.lines())
    data = Hollywood2Dataset(str(tmp_path / 'out'), 'test', sampling='all')
    assert len(data) == 12


def test_ucf_sports_with_mat_files_only(tmp_path):
    source = write_shots(tmp_path / 'source', dict(training=1))
    folder = source / 'training' / 'actioncliptrain00001_1'
    from trees import write_mats

    write_mats(folder, 6, SIZE)
    for path in (folder / 'fixation').glob('*.png'):
        path.unlink()
    assert not run('ucf-sports', source, tmp_path / 'out').failed
    video = read_video(tmp_path / 'out' / 'train' / folder.name)
    assert all(path.endswith('.mat') for path in video.fixations)


def test_a_frame_missing_in_the_middle_of_a_shot(tmp_path):
    source = write_shots(tmp_path / 'source', dict(training=1))
    folder = source / 'training' / 'actioncliptrain00001_1'
    (folder / 'images' / 'actioncliptrain00001_00003.png').unlink()
    (failed,) = run('ucf-sports', source, tmp_path / 'out', allow_trim=1).failed
    assert 'actioncliptrain00001_00003.png: this density map would be paired' in failed.note
    assert str(tmp_path / 'out' / 'train') in failed.note and 'unfinished' not in failed.note


def test_the_real_sequence(tmp_path, sample_sequence):
    report = run('ucf-sports', sample_sequence.parents[1], tmp_path / 'out')
    assert not report.failed
    video = read_video(tmp_path / 'out' / 'test' / 'Diving-Side-001')
    assert len(video.frames) == 54
    assert {os.path.splitext(path)[1] for path in video.frames} == {'.png', '.jpg'}


@pytest.mark.parametrize('bits', [8, 16])
def test_avimos(tmp_path, bits):
    source = write_avimos(tmp_path / 'source')
    report = run('avimos', source, tmp_path / 'out', map_bits=bits, workers=2)
    assert not report.failed
    counts = {split: counts['prepared'] for split, counts in report.splits.items()}
    assert counts == {'train': 3, 'test': 2}
    data = VideoSaliencyDataset(str(tmp_path / 'out'), 'test', sampling='all')
    assert len(data) == 10
    sample = data.sample_files(1)
    points = np.argwhere(read_fixation_map(sample['fixation_path']))
    np.testing.assert_array_equal(points, [[0, 0], [SIZE[0] // 2, 5]])
    density = read_map(sample['density_path'])
    assert density.dtype == (np.uint8 if bits == 8 else np.uint16)
    assert np.unravel_index(density.argmax(), density.shape) == (SIZE[0] // 2, 5)
    assert density.max() == np.iinfo(density.dtype).max


def test_avimos_with_parts_missing(tmp_path):
    source = write_avimos(tmp_path / 'source')
    (source / 'Videos' / 'a.mp4').unlink()
    shutil.rmtree(source / 'FixationsTrain' / 'Train' / 'b')
    points = source / 'FixationsTrain' / 'Train' / 'c' / 'fixations.json'
    points.write_text(json.dumps(json.loads(points.read_text())[:-1]))
    report = run('avimos', source, tmp_path / 'out')
    assert report.left_out == {'no video': ['a'], 'no annotation, part of train': ['b']}
    (failed,) = report.failed
    assert '5 frames, 5 saliency frames, 4 entries in fixations.json' in failed.note


def test_avimos_without_the_list_of_splits(tmp_path):
    source = write_avimos(tmp_path / 'source')
    (source / 'TrainTestSplit.json').unlink()
    shutil.rmtree(source / 'FixationsTrain' / 'Train' / 'b')
    report = run('avimos', source, tmp_path / 'out')
    # Folders of fixations are called after their splits.
    assert {outcome.name: outcome.split for outcome in report.outcomes} == dict(
        a='train', c='train', d='test', e='test'
    )
    assert report.left_out == {'of no split of AViMoS': ['b']}


def test_a_list_of_splits_that_holds_a_name_in_place_of_names(tmp_path):
    source = write_avimos(tmp_path / 'source')
    (source / 'TrainTestSplit.json').write_text('{"train": "abc"}')
    with pytest.raises(DataError, match='expected lists of videos by split'):
        run('avimos', source, tmp_path / 'out')


# A folder of videos -----------------------------------------------------------------------------


def write_folder(root, count=6, frames=12):
    for i in range(count):
        encode_video(root / ('more' if i % 2 else '') / f'clip {i}.mp4', frames, fps=25)
    return root


def test_folder_with_gaze_gives_a_config_that_loads(tmp_path, capsys):
    source = write_folder(tmp_path / 'source')
    called = [f'clip {i}' if i % 3 else f'clip {i}.mp4' for i in range(6)]
    gaze = write_gaze(tmp_path / 'gaze.csv', [*called, 'nobody'])
    config = tmp_path / 'mine.py'
    command = ['prepare', 'folder', str(source), str(tmp_path / 'out'), '--gaze', str(gaze)]
    assert main([*command, '--sigma-px', '4', '--val', '0.2', '--workers', '1']) == 0
    printed = capsys.readouterr().out
    assert 'left out, gaze without a video: 1 video(s): nobody' in printed
    assert 'train salfom/umt-l16_cc-kl --cfg-options dataset_type=VideoSaliencyDataset' in printed
    assert main([*command, '--sigma-px', '4', '--val', '0.2', '--config', str(config)]) == 0
    assert f'train with: salkit train {config}' in capsys.readouterr().out
    cfg = load_config(config)
    assert cfg.model.encoder.arch == 'large'
    for name, count in (('train', 4), ('val', 1), ('test', 1)):
        dataset = dict(cfg[f'{name}_dataloader'].dataset)
        assert dataset.pop('type') == 'VideoSaliencyDataset'
        assert len(VideoSaliencyDataset(**dataset).videos) == count
    video = read_video(next((tmp_path / 'out' / 'train').iterdir()))
    points = np.argwhere(read_fixation_map(video.fixations[2]))
    np.testing.assert_array_equal(points, [[SIZE[0] // 2 - 1, 7], [SIZE[0] // 2, 6]])
    assert read_map(video.densities[2]).max() == 255


def test_folder_without_gaze_is_for_prediction(tmp_path, capsys):
    source = write_folder(tmp_path / 'source', 2)
    Image.fromarray(numbered_frame(0)).save(tmp_path / 'source' / 'more' / '01.png')
    out = tmp_path / 'out'
    assert main(['prepare', 'folder', str(source), str(out), '--format', 'jpg']) == 0
    assert 'holds no ground truth to train with' in capsys.readouterr().out
    assert names_in(out / 'test') == ['clip 0', 'more', 'more_clip 1']
    assert names_in(out / 'test' / 'clip 0') == ['images']
    assert main(['prepare', 'folder', str(source), str(out), '--val', '0.2']) == 2


def test_other_gaze_or_another_seed_is_not_mixed_in(tmp_path):
    source = write_folder(tmp_path / 'source', 4)
    names = [f'clip {i}' for i in range(4)]
    gaze = write_gaze(tmp_path / 'gaze.csv', names)
    command = ['prepare', 'folder', str(source), str(tmp_path / 'out'), '--gaze', str(gaze)]
    command += ['--ppd', '5', '--workers', '1']
    assert main(command) == 0
    before = hashes(tmp_path / 'out')
    assert main([*command, '--seed', '1']) == 2
    assert main([*command[:-4], '--ppd', '6']) == 2
    write_gaze(gaze, names, frames=11)
    assert main(command) == 2
    assert hashes(tmp_path / 'out') == before
    write_gaze(gaze, names)
    assert main([*command, '--seed', '1', '--overwrite']) == 0
    assert sum(len(names_in(tmp_path / 'out' / s)) for s in ('train', 'val', 'test')) == 4


@pytest.mark.parametrize(
    'arguments',
    [
        ['--gaze', 'gaze.csv'],
        ['--gaze', 'gaze.csv', '--ppd', '5', '--sigma-px', '4'],
        ['--gaze', 'gaze.csv', '--recipe', 'nobody'],
        ['--gaze', 'gaze.csv', '--ppd', '5', '--val', '0.5', '--test', '0.5'],
        ['--gaze', 'gaze.csv', '--ppd', '5', '--screen', '1080'],
        ['--gaze', 'missing.csv', '--ppd', '5'],
        ['--quality', '0'],
        ['--allow-trim', '-1'],
        ['--workers', '0'],
        ['--base', 'salkit::demo/umt-tiny_cc-kl'],
        ['--base', 'no/such', '--config', 'mine.py'],
    ],
)
def test_arguments_that_do_not_fit(tmp_path, arguments, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_folder(tmp_path / 'source', 1)
    write_gaze(tmp_path / 'gaze.csv', ['clip 0'])
    assert main(['prepare', 'folder', 'source', 'out', *arguments]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not (tmp_path / 'out').exists()


def test_gaze_whose_names_are_ambiguous(tmp_path, capsys):
    source = write_folder(tmp_path / 'source', 2)
    command = ['prepare', 'folder', str(source), str(tmp_path / 'out'), '--ppd', '5', '--gaze']
    twice = write_gaze(tmp_path / 'twice.csv', ['clip 0', 'clip 0.mp4'])
    assert main([*command, str(twice)]) == 2
    assert "gaze on 'clip 0' and on 'clip 0.mp4' is on one video" in capsys.readouterr().err
    encode_video(source / 'other' / 'clip 1.mp4')
    several = write_gaze(tmp_path / 'several.csv', ['clip 1'])
    assert main([*command, str(several)]) == 2
    assert "'clip 1' fits several videos: more_clip 1, other_clip 1" in capsys.readouterr().err
    nobody = write_gaze(tmp_path / 'nobody.csv', ['x'])
    assert main([*command, str(nobody)]) == 2
    assert 'names none of the videos' in capsys.readouterr().err


def test_splits_are_stable():
    names = [f'{i:03d}' for i in range(100)]
    splits = split_videos(names, FolderOptions(val=0.1, test=0.2))
    counts = {split: list(splits.values()).count(split) for split in ('train', 'val', 'test')}
    assert counts == dict(train=70, val=10, test=20)
    assert split_videos(names[::-1], FolderOptions(val=0.1, test=0.2)) == splits
    assert split_videos(names, FolderOptions(val=0.1, test=0.2, seed=1)) != splits
    more = split_videos([*names, 'new'], FolderOptions(val=0.1, test=0.2))
    assert sum(more[name] != splits[name] for name in names) <= 2
    assert split_videos(['a'], FolderOptions()) == {'a': 'train'}
    assert sorted(split_videos(['a', 'b', 'c'], FolderOptions()).values()) == [
        'test',
        'train',
        'val',
    ]


# The command ------------------------------------------------------------------------------------


def test_status_and_json(tmp_path, capsys):
    source = write_dhf1k(tmp_path / 'source', numbers=(1, 2), extra={2: 1})
    file = tmp_path / 'report.json'
    command = ['prepare', 'dhf1k', str(source), str(tmp_path / 'out'), '--json', str(file)]
    assert main(command) == 1
    printed = capsys.readouterr()
    assert '2 videos to prepare' in printed.err
    assert 'dataset_type=DHF1KDataset' in printed.out
    content = json.loads(file.read_text())
    assert [video['status'] for video in content['videos']] == ['prepared', 'failed']
    assert content['splits']['train']['frames'] == 12
    assert content['published']['val'] == dict(videos=100, frames=60273)
    assert main([*command, '--allow-trim', '1']) == 0
    assert main([*command, '--gaze', 'x.csv']) == 2


def test_which_data_sets_there_are(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(['prepare', '--list'])
    assert ended.value.code == 0
    assert 'dhf1k (DHF1K): video/001.AVI and annotation/0001/' in capsys.readouterr().out
    (tmp_path / 'source').mkdir()
    command = ['prepare', 'ucf_sports', str(tmp_path / 'source'), str(tmp_path / 'out')]
    assert main(command) == 2
    assert (
        "unknown public data set 'ucf_sports'; did you mean ucf-sports?" in capsys.readouterr().err
    )


def test_suffixes_in_any_case_and_hidden_files(tmp_path):
    source = write_dhf1k(tmp_path / 'source', numbers=(1,))
    encode_video(source / 'video' / '002.avi', 12, SIZE, **AVI)
    write_truth(source / 'annotation' / '0002', 12, SIZE)
    (source / 'video' / '._001.AVI').write_bytes(b'junk')
    (source / '__MACOSX').mkdir()
    assert not run('dhf1k', source, tmp_path / 'out').failed
    assert names_in(tmp_path / 'out' / 'train') == ['0001', '0002']
