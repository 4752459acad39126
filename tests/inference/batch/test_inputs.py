"""What a user names, and the stimuli that it stands for."""

import os

import pytest

from salkit.errors import DataError
from salkit.inference.batch import expand_inputs
from salkit.inference.batch.record import Record, stimulus_stamp


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def found(*texts, **options):
    """Names and paths of inputs; nothing may have failed."""
    inputs, failures = expand_inputs([str(text) for text in texts], **options)
    assert not failures
    return {source.name: source.path for source in inputs}


def failure(*texts):
    inputs, failures = expand_inputs([str(text) for text in texts])
    assert not inputs and len(failures) == 1
    return failures[0].note


@pytest.fixture
def root(tmp_path):
    """A folder with one of each kind."""
    touch(
        tmp_path / 'videos' / 'clip_10.mp4',
        tmp_path / 'videos' / 'clip_9.MOV',
        tmp_path / 'videos' / 'notes.txt',
        tmp_path / 'videos' / '.hidden.mp4',
        tmp_path / 'frames' / '0001.png',
        tmp_path / 'frames' / '0002.jpg',
        tmp_path / 'set' / 'val' / '0601' / 'images' / '0001.png',
        tmp_path / 'set' / 'val' / '0601' / 'maps' / '0001.png',
        tmp_path / 'set' / 'val' / '0602' / 'video.avi',
        tmp_path / 'set' / 'val' / '0602' / 'maps' / '0001.png',
        tmp_path / 'set' / 'val' / '0602' / 'fixation' / '0001.png',
        tmp_path / 'empty' / 'inside' / 'notes.txt',
    )
    return tmp_path


def test_files_and_folders(root):
    assert found(root / 'videos' / 'clip_9.MOV') == {'clip_9': root / 'videos' / 'clip_9.MOV'}
    assert list(found(root / 'videos')) == ['clip_9', 'clip_10']
    assert found(root / 'frames') == {'frames': root / 'frames'}
    assert found(root / 'frames' / '0001.png') == {'0001': root / 'frames' / '0001.png'}
    video = root / 'set' / 'val' / '0602'
    assert found(video) == {'0602': video}
    assert list(found(root / 'set' / 'val')) == list(found(root / 'set')) == ['0601', '0602']
    assert set(found(root)) == {'frames', '0601', '0602', 'clip_9', 'clip_10'}


def test_the_current_folder_has_a_name(root, monkeypatch):
    monkeypatch.chdir(root / 'frames')
    assert list(found('.')) == ['frames']
    assert list(found('../frames', '../videos/clip_9.MOV')) == ['frames', 'clip_9']


def test_each_is_taken_once(root):
    clip = root / 'videos' / 'clip_9.MOV'
    assert list(found(clip, root / 'videos', f'{root}/frames/../videos/clip_9.MOV')) == [
        'clip_9',
        'clip_10',
    ]


def test_patterns_that_the_shell_did_not_expand(root):
    assert list(found(root / 'videos' / '*')) == ['clip_9', 'clip_10']
    assert list(found(root / 'videos' / '*.MOV')) == ['clip_9']
    assert set(found(root / '**')) == set(found(root))
    assert set(found(root / '**' / '*.mp4')) == {'clip_10'}
    assert list(found(root / 'frames' / '*.png')) == ['0001']
    assert list(found(root / 'set' / '*')) == ['0601', '0602']
    assert 'holds no video' in failure(root / '*.mkv')
    assert 'holds no video' in failure(root / 'videos' / '*.txt')
    # A file that is really called so.
    touch(root / 'a[1].mp4')
    assert list(found(root / 'a[1].mp4')) == ['a[1]']


def test_what_is_neither_says_so(root):
    assert 'does not exist' in failure(root / 'gone.mp4')
    assert 'expected a video (.3gp' in failure(root / 'videos' / 'notes.txt')
    assert 'holds no video (.3gp' in failure(root / 'empty')
    touch(root / 'mixed' / 'a.mp4', root / 'mixed' / 'b.jpg')
    assert 'both videos and pictures; name those you mean' in failure(root / 'mixed')
    (root / 'lost.mp4').symlink_to(root / 'nowhere.mp4')
    assert 'expected a video' in failure(root / 'lost.mp4')
    os.mkfifo(root / 'pipe.mp4')
    assert 'expected a video' in failure(root / 'pipe.mp4')


def test_what_is_good_is_kept_beside_what_is_not(root):
    inputs, failures = expand_inputs([str(root / 'gone.mp4'), str(root / 'frames')])
    assert [source.name for source in inputs] == ['frames']
    assert [failure.source for failure in failures] == [str(root / 'gone.mp4')]
    touch(root / 'mixed' / 'a.mp4', root / 'mixed' / 'b.jpg')
    assert str(root / 'mixed') in failure(root)


def test_outputs_are_no_inputs(root):
    touch(root / 'videos' / 'out' / 'clip_9_overlay.mp4', root / 'videos' / 'out' / 'a' / '1.png')
    assert list(found(root / 'videos', without=root / 'videos' / 'out')) == ['clip_9', 'clip_10']


def test_links_in_circles(root):
    (root / 'videos' / 'again').symlink_to(root, target_is_directory=True)
    assert 'clip_9' in found(root / 'videos')


def test_names_that_two_inputs_would_share(root):
    touch(
        root / 'a' / 'x.mp4',
        root / 'a' / 'x.avi',
        root / 'b' / 'x.mp4',
        root / 'b' / 'y.mp4',
        root / 'c' / 'x' / '1.png',
    )
    same = [root / 'a' / 'x.mp4', root / 'a' / 'x.avi']
    assert set(found(*same)) == {'x_mp4', 'x_avi'}
    assert set(found(root / 'a' / 'x.mp4', root / 'b')) == {'a_x', 'b_x', 'y'}
    paths = [*same, root / 'b' / 'x.mp4', root / 'c' / 'x', root / 'b' / 'y.mp4']
    expected = {
        'a_x_mp4': paths[0],
        'a_x_avi': paths[1],
        'b_x': paths[2],
        'c_x': paths[3],
        'y': paths[4],
    }
    assert found(*paths) == expected and found(*paths[::-1]) == expected
    touch(root / 'd' / 'X.mp4', root / 'd' / 'a_x.mp4')
    names = found(root / 'a' / 'x.mp4', root / 'd')
    assert len({name.lower() for name in names}) == 3


def recorded(out, name, source, stamp=''):
    """What a run leaves about an input."""
    out.mkdir(exist_ok=True)
    record = Record(out, name, source)
    record.write({f'{name}.npz': dict(settings=dict(source=stamp))})


def test_what_has_a_record_keeps_its_name(root):
    a, b, out = root / 'a' / 'x.mp4', root / 'b' / 'x.mp4', root / 'out'
    touch(a, b, root / 'b' / 'x.avi')
    assert found(a, without=out) == {'x': a}
    recorded(out, 'x', a)
    # In a call of its own, or in one with the other.
    assert found(b, without=out) == {'b_x': b}
    assert found(b, a, without=out) == found(a, b, without=out) == {'x': a, 'b_x': b}
    recorded(out, 'b_x', b)
    assert found(b, without=out) == {'b_x': b}
    names = found(root / 'b', a, without=out)
    assert names.pop('x') == a and names.pop('b_x') == b and len(names) == 1
    touch(root / 'b_x.mp4')
    assert 'b_x' not in found(root / 'b_x.mp4', without=out)


def test_names_do_not_depend_on_where_the_command_runs(root, monkeypatch):
    touch(root / 'a' / 'x.mp4', root / 'b' / 'x.mp4')
    for folder in 'ab':
        monkeypatch.chdir(root / folder)
        (name,) = found('x.mp4', without=root / 'out')
        recorded(root / 'out', name, 'x.mp4')
    assert found(root / 'a', root / 'b', without=root / 'out') == {
        'x': root / 'a' / 'x.mp4',
        'b_x': root / 'b' / 'x.mp4',
    }


def test_what_was_moved_keeps_its_name(root):
    old, new, out = root / 'a' / 'x.mp4', root / 'b' / 'x.mp4', root / 'out'
    touch(old)
    recorded(out, 'x', old, stimulus_stamp(old))
    new.parent.mkdir()
    old.rename(new)
    assert found(new, without=out) == {'x': new}
    new.write_bytes(b'another')
    assert found(new, without=out) == {'b_x': new}


def test_a_record_is_of_one_input(root):
    touch(root / 'a' / 'x.mp4', root / 'b' / 'x.mp4')
    recorded(root / 'out', 'x', root / 'a' / 'x.mp4')
    with pytest.raises(DataError, match=r'a/x\.mp4, not of .*b/x\.mp4'):
        Record(root / 'out', 'x', root / 'b' / 'x.mp4')


def test_long_names_leave_room_for_what_is_added(root):
    paths = [root / ('x' * 250 + end + '.ts') for end in 'ab']
    touch(*paths)
    names = found(*paths)
    assert len(names) == 2
    assert all(len(os.fsencode(f'{name}_overlay.mp4')) <= 255 for name in names)
    wide = root / ('é' * 124 + '.mp4')
    touch(wide)
    (name,) = found(wide)
    assert len(os.fsencode(f'{name}_overlay.mp4')) <= 255 and name.startswith('é' * 100)
