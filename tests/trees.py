"""Data sets in the exact layouts that they are published in, small."""

import json

import numpy as np
from make_video import SIZE, encode_video
from PIL import Image
from score_data import blob, bytes_of, place, write_truth

AVI = dict(codec='mpeg4', gop=6)


def write_mats(folder, frames, size):
    from scipy.io import savemat

    (folder / 'fixation' / 'maps').mkdir()
    for i in range(frames):
        y, x = place(i, size)
        fixations = np.zeros(size, np.uint8)
        fixations[y, x] = fixations[y - 1, x + 1] = 1
        savemat(folder / 'fixation' / 'maps' / f'{i + 1:04d}.mat', {'I': fixations})


def write_dhf1k(root, numbers=(1, 2, 3, 601, 701), frames=12, size=SIZE, extra=None):
    """`video/001.AVI`, `annotation/0001/{maps,fixation}`; none of the latter after 700.

    `extra` maps numbers to how many more frames the video has than its annotation.
    """
    for number in numbers:
        count = frames + (extra or {}).get(number, 0)
        encode_video(root / 'video' / f'{number:03d}.AVI', count, size, **AVI)
        if number <= 700:
            folder = write_truth(root / 'annotation' / f'{number:04d}', frames, size)
            write_mats(folder, frames, size)
    return root


def write_shots(root, splits=None, frames=6, size=SIZE, suffixes=('png',)):
    """`training|testing/<video>/{images,maps,fixation}`, Hollywood-2 names, numbers run on."""
    for split, count in (splits or dict(training=3, testing=2)).items():
        clip = f'actionclip{split[:-3].replace("train", "train")}00001'
        first = 1
        for shot in range(1, count + 1):
            folder = write_truth(
                root / split / f'{clip}_{shot}', frames, size, clip + '_{:05d}', first
            )
            (folder / 'images').mkdir()
            for i in range(frames):
                suffix = suffixes[i % len(suffixes)]
                Image.fromarray(np.full((*size, 3), 20 * i, np.uint8)).save(
                    folder / 'images' / f'{clip}_{first + i:05d}.{suffix}'
                )
            first += frames
    return root


def write_avimos(root, splits=None, frames=5, size=SIZE):
    """Videos, grey videos of 10 bits, lists of fixations, and the split file."""
    splits = splits or dict(train=['a', 'b', 'c'], public_test=['d'], private_test=['e'])
    for key, names in splits.items():
        part = 'Train' if key == 'train' else 'Test'
        for name in names:
            encode_video(root / 'Videos' / f'{name}.mp4', frames, size, audio=True)
            maps = np.stack([blob(*place(i, size), size) for i in range(frames)])
            write_grey(root / f'Saliency{part}' / part / f'{name}.mkv', maps)
            folder = root / f'Fixations{part}' / part / name
            (folder / 'fixations').mkdir(parents=True)
            points = [[list(place(i, size)), list(place(i, size)), [0, 0]] for i in range(frames)]
            (folder / 'fixations.json').write_text(json.dumps(points))
            Image.fromarray(bytes_of(maps[0])).save(folder / 'fixations' / '0001.png')
    (root / 'TrainTestSplit.json').write_text(json.dumps(splits))
    return root


def write_grey(path, maps):
    from score_data import write_video

    path.parent.mkdir(parents=True, exist_ok=True)
    levels = np.rint(65535 * maps).astype(np.uint16)
    return write_video(path, levels, pix_fmt='gray10le')


def write_gaze(path, videos, frames=12, size=SIZE, header='video,frame,x,y,observer'):
    """Two observers who look at the same places as in the other data sets."""
    lines = [header]
    for video in videos:
        for i in range(frames):
            y, x = place(i, size)
            lines += [f'{video},{i + 1},{x}.5,{y}.5,P1', f'{video},{i + 1},{x + 1}.5,{y - 1}.5,P2']
    path.write_text('\n'.join(lines) + '\n')
    return path


def write_collection(root, folder, lists, frames=4, size=(24, 32), variable='eyeMap'):
    """The part `folder` of the audio-visual collection: frames, maps, .mat files and lists.

    `lists` has the names of the videos by what follows the folder in the name of their list.
    """
    from scipy.io import savemat

    (root / 'fold_lists').mkdir(parents=True, exist_ok=True)
    for suffix, names in lists.items():
        lines = ''.join(f'{name} {frames} 25.0\n' for name in names)
        (root / 'fold_lists' / f'{folder}_list_{suffix}_fps.txt').write_text(lines)
    for number, name in enumerate(sorted({name for names in lists.values() for name in names})):
        images = root / 'video_frames' / folder / name
        annotation = root / 'annotations' / folder / name
        images.mkdir(parents=True)
        (annotation / 'maps').mkdir(parents=True)
        for i in range(frames):
            y, x = place(i + number, size)
            write_picture(images / f'img_{i + 1:05d}.jpg', size, 10 * number + i)
            fixations = np.zeros(size, np.uint8)
            fixations[y, x] = fixations[y - 1, x + 1] = 1
            savemat(annotation / f'fixMap_{i + 1:05d}.mat', {variable: fixations})
            density = Image.fromarray(bytes_of(blob(y, x, size)))
            density.save(annotation / 'maps' / f'eyeMap_{i + 1:05d}.jpg', quality=95)
    return root


def write_davsod(root, packages, frames=3, size=(24, 32), first=41):
    """`<package>/<video>/{Imgs,Fixation_maps,Fixation_maps_smoothed}`; frames are numbered on."""
    for package, names in packages.items():
        for name in names:
            folder = write_truth(root / package / name, frames, size, first=first)
            (folder / 'maps').rename(folder / 'Fixation_maps_smoothed')
            (folder / 'fixation').rename(folder / 'Fixation_maps')
            (folder / 'GT_object_level').mkdir()
            for i in range(first, first + frames):
                write_picture(folder / 'Imgs' / f'{i:04d}.png', size, i)
    return root


def write_ledov(root, rows, frames=10, size=SIZE, fps=25.0, **fields):
    """`<video>/<video>.mp4` and `<video>/Data.mat`, by the names of the videos.

    Rows are observer, begin and duration in ms, x and y; `fields` stand in for those of `Data`.
    """
    from scipy.io import savemat

    for name, fixations in rows.items():
        encode_video(root / name / f'{name}.mp4', frames, size)
        data = dict(
            VideoName=name,
            VideoFrameRate=fps,
            VideoFrames=float(frames),
            VideoSize=np.array(size[::-1], float),
            fixdata=np.array(fixations, float),
        )
        savemat(root / name / 'Data.mat', dict(Data=data | fields), do_compression=True)
    return root


def write_pictures(root, fixations, size=SIZE):
    """`data/stimuli/<stem>.jpg` and `data/eye/fixations.mat`, as OSIE is published.

    `fixations` has for each stem the points (n, 2) x and y of every observer.
    """
    from scipy.io import savemat

    pictures = np.empty((len(fixations), 1), object)
    for index, (stem, observers) in enumerate(fixations.items()):
        write_picture(root / 'data' / 'stimuli' / f'{stem}.jpg', size, index)
        subjects = np.empty((len(observers), 1), object)
        for number, points in enumerate(observers):
            x, y = np.array(points, float).reshape(-1, 2).T[:, None]
            lasts = np.full(x.shape, 200, np.uint16)
            subjects[number, 0] = dict(fix_x=x, fix_y=y, fix_duration=lasts)
        pictures[index, 0] = dict(img=f'{stem}.jpg', subjects=subjects)
    (root / 'data' / 'eye').mkdir(parents=True)
    savemat(root / 'data' / 'eye' / 'fixations.mat', dict(fixations=pictures), do_compression=True)
    return root


def write_scene(root, fixations, size=SIZE, shape=(500, 12)):
    """`data/stimuli/001.jpg` and `data/tidy/fixations.mat`, as Scene is published.

    `fixations` has for each stem the points (n, 2) y and x of every observer.
    """
    from scipy.io import savemat

    cells = np.empty(shape, object)
    cells[:] = [[np.zeros((0, 0), np.uint8)] * shape[1]] * shape[0]
    for stem, observers in fixations.items():
        write_picture(root / 'data' / 'stimuli' / f'{stem}.jpg', size, int(stem))
        for number, points in enumerate(observers):
            rows = [(y, x, 0.3 * index, 0.25) for index, (y, x) in enumerate(points)]
            cells[int(stem) - 1, number] = np.array(rows, float).reshape(-1, 4)
    (root / 'data' / 'tidy').mkdir(parents=True)
    savemat(root / 'data' / 'tidy' / 'fixations.mat', dict(fixations=cells), do_compression=True)
    return root


def write_picture(path, size, level):
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = np.arange(size[0])[:, None, None] + np.zeros((*size, 3))
    # No two are alike.
    Image.fromarray(((rows * 3 + 7 * level) % 256).astype(np.uint8)).save(path)


def write_films(root, rows, frames=10, size=SIZE):
    """`videos/<name>.avi` at 25 frames per second, and `fixations.csv`, as the films of Xu et al.

    `rows` has for each film (time_s, duration_s, x, y, observer).
    """
    lines = ['video,time_s,duration_s,x,y,observer']
    for name, fixations in rows.items():
        encode_video(root / 'videos' / f'{name}.avi', frames, size, **AVI)
        lines += [','.join(map(str, (name, *fixation))) for fixation in fixations]
    (root / 'fixations.csv').write_text('\n'.join(lines) + '\n')
    return root


def hashes(root):
    """Every file's content by its path, links as what they point to."""
    import hashlib

    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob('*'))
        if path.is_file() and path.name != '.prepare.lock'
    }
