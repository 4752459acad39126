"""The work behind the page, without server and browser: limits, results, clearing up."""

import threading
import time
from contextlib import ExitStack
from functools import partial
from urllib.parse import unquote

import numpy as np
import pytest
from make_video import encode_audio, encode_video, truncate
from PIL import Image

from salkit.errors import DataError
from salkit.inference.entropy import saliency_entropy
from salkit.inference.outputs import save_maps
from salkit.inference.overlay import OverlayStyle
from salkit.inference.regions import Rectangle
from salkit.media.video import VideoReader
from salkit.utils.parallel import Stopped
from salkit.web.examples import EXAMPLES
from salkit.web.service import GAZE, Service
from salkit.web.uploads import Limits


@pytest.fixture
def service(tmp_path, predictor, monkeypatch):
    monkeypatch.setenv('SALKIT_CACHE', str(tmp_path / 'cache'))
    service = Service({'tiny': predictor}, tmp_path / 'serve', Limits(1, 4, 80, 100 * 100))
    yield service
    service.close()


def send(service, path, visitor=''):
    """Upload a copy of a file; what takes it."""
    with service.uploads.receiving(visitor, path.stat().st_size) as folder:
        folder.mkdir()
        (folder / path.name).write_bytes(path.read_bytes())
    return folder.name


def put(service, path, key='one', visitor=''):
    """Upload a copy of a file, and take it into a session."""
    return service.take(service.session(key, visitor), send(service, path, visitor))


def look(service, item, key='one', source='tiny', style=None, show=lambda share, text: None):
    session = service.session(key)
    turn = session.stopped + 1
    begin = partial(session.begin, show, turn)
    return service.look(session, item.folder.name, source, style or OverlayStyle(), begin)


def quiet(name, frames):
    """Begins a step that nobody watches."""
    return lambda count: None


def files_of(service):
    return [path for path in service.folder.rglob('*') if path.is_file()]


def test_entropy():
    one = np.zeros((4, 8), np.float32)
    assert saliency_entropy(np.ones((4, 8), np.float32)) == pytest.approx(5)
    assert saliency_entropy(one) == pytest.approx(5)
    one[2, 3] = 0.3
    assert saliency_entropy(one) == 0
    one[1, 1] = 0.3
    assert saliency_entropy(one) == pytest.approx(1)
    with pytest.raises(ValueError, match='finite values of at least 0'):
        saliency_entropy(-one)


# Uploads ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('make', 'message'),
    [
        (lambda path: encode_video(path, 100, fps=50), '100 frames; at most 80'),
        (lambda path: encode_video(path, 45, fps=10), '4.5 seconds; at most 4'),
        (lambda path: encode_video(path, 3, (112, 112)), '112 x 112 pixels; at most 0.0 million'),
        (lambda path: path.write_text('no video'), 'clip.mp4: '),
        (encode_audio, 'clip.mp4: '),
        (lambda path: truncate(encode_video(path.with_name('whole.mp4')), path, 0.6), 'clip.mp4: '),
        (lambda path: path.write_bytes(b''), 'clip.mp4: '),
    ],
    ids=['frames', 'seconds', 'pixels', 'text', 'audio', 'truncated', 'empty'],
)
def test_refused_uploads(service, tmp_path, make, message):
    path = tmp_path / 'clip.mp4'
    make(path)
    with pytest.raises(DataError) as error:
        put(service, path)
    said = service.reason(error.value)
    assert message in said and 'clip.mp4' in said
    assert str(service.folder) not in said, 'a path of the server is shown'
    assert not files_of(service)


def test_large_picture_is_refused_before_it_is_decoded(service, tmp_path):
    path = tmp_path / 'wide.png'
    Image.new('L', (40_000, 2000)).save(path)
    with pytest.raises(DataError, match=r'wide\.png: has 40000 x 2000 pixels, expected at most 67'):
        put(service, path)
    Image.new('L', (10_000, 2000)).save(path)
    with pytest.raises(DataError, match=r'wide\.png is too large: 10000 x 2000 pix'):
        put(service, path)


def test_other_kinds_are_refused(service, tmp_path):
    (tmp_path / 'notes.txt').write_text('notes')
    with pytest.raises(DataError, match=r'notes\.txt is neither a video'):
        put(service, tmp_path / 'notes.txt')


def test_names_of_users_are_no_paths(service, tmp_path):
    item = put(service, encode_video(tmp_path / '.. %2e$(x);<b>.mp4', 3))
    assert item.stimulus.path.parent == item.folder
    view = look(service, item)
    assert view.map.name == '.. %2e$(x);<b>_map.mp4'
    url = service.url(view.map)
    assert service.file(unquote(url).removeprefix('/files/'), '') == view.map


def test_an_upload_that_is_gone(service):
    with pytest.raises(DataError, match='this upload is gone: please upload the file again'):
        service.take(service.session('one'), 'x')


def test_a_page_holds_some_files_of_some_bytes(tmp_path, predictor):
    path = encode_video(tmp_path / 'clip.mp4', 3)
    for limits, most in (
        (Limits(files=2), 'at most 2 files'),
        (Limits(megabytes=1.2 * path.stat().st_size / 2**20), 'at most 0 MB'),
    ):
        service = Service({'tiny': predictor}, tmp_path / 'serve', limits)
        for _ in range(2):
            put(service, path)
        with pytest.raises(DataError, match=most):
            put(service, path)
        assert len(files_of(service)) == 2
        service.remove(service.session('one'), next(iter(service.session('one').items)))
        put(service, path)
        service.close()


# Predictions -----------------------------------------------------------------------------------


def test_views(service, tmp_path, predictor):
    path = encode_video(tmp_path / 'clip.mp4', 12, audio=True)
    item, session = put(service, path), service.session('one')
    view = look(service, item)
    expected = np.asarray(predictor.predict(path))
    with np.load(service.save(session, item.folder.name, 'tiny', quiet)) as stored:
        assert stored.files == ['saliency_map']
        np.testing.assert_allclose(stored['saliency_map'], expected, atol=1e-5)
    bits = [saliency_entropy(saliency_map) for saliency_map in expected]
    np.testing.assert_allclose(view.entropy, bits, atol=1e-4)
    told = view.said()
    assert told['best'] == np.argmin(bits) and 'lower right.' in told['words']
    assert told['times'] == pytest.approx(predictor.predict(path).times, abs=1e-3)
    # Each frame shows its own peak: nothing is black.
    with VideoReader(view.map) as video:
        shown = np.stack(list(video))
    assert shown.shape == (12, *item.stimulus.size, 3)
    assert shown.max((1, 2, 3)).min() > 120
    # Other colors need no second prediction, and nothing of the first view stays.
    again = look(service, item, style=OverlayStyle('hot', normalize='video'))
    assert again.maps is view.maps and again.overlay.name == 'clip_overlay.mp4'
    assert not view.folder.exists() and look(service, item, style=again.style) is again


def test_regions_of_a_model_and_of_gaze(service, tmp_path, predictor):
    path = encode_video(tmp_path / 'clip.mp4', 6, (48, 80), fps=4)
    item, session = put(service, path), service.session('one')
    regions = [Rectangle('left', 0, 0, 40, 48), Rectangle('all', 0, 0, 80, 48)]
    expected = predictor.predict(path).regions(regions)
    gaze = tmp_path / 'gaze.csv'
    # Nobody looks at the last frame.
    rows = [f'clip.mp4,{10 if frame < 4 else 70},24,{frame}' for frame in range(1, 6)]
    gaze.write_text('\n'.join(['video,x,y,frame', *rows]))
    with pytest.raises(DataError, match='there is no gaze yet'):
        look(service, item, source=GAZE)
    assert service.take_gaze(session, send(service, gaze)) == ['clip.mp4']
    words = look(service, item, source=GAZE).said()['words']
    assert 'left (0.0-0.8 s) to right (0.8-1.2 s)' in words
    sources = ['tiny', GAZE]
    model, own = service.shares(session, item.folder.name, sources, regions, quiet)
    np.testing.assert_allclose(model.shares, expected.shares, atol=1e-6)
    np.testing.assert_allclose(own.shares[:, 0], [1, 1, 1, 0, 0, np.nan], atol=1e-3)
    np.testing.assert_allclose(own.shares[:, 1], [1, 1, 1, 1, 1, np.nan], atol=1e-6)
    # Other gaze is another view.
    gaze.write_text('video,x,y,frame\nclip,70,24,1\nclip,70,24,2\n')
    service.take_gaze(session, send(service, gaze))
    assert look(service, item, source=GAZE).said()['words'].endswith('in one place: right.')
    gaze.write_text('video,x,y,frame\nother,1,1,1\n')
    service.take_gaze(session, send(service, gaze))
    with pytest.raises(DataError) as error:
        look(service, item, source=GAZE)
    assert service.reason(error.value) == 'gaze.csv: holds no gaze on clip, but on other'


def test_examples(tmp_path, predictor):
    service = Service({'tiny': predictor}, tmp_path / 'serve')
    for number, example in enumerate(EXAMPLES):
        item = service.take_example(service.session('one'), number)
        assert item.stimulus.path.name == example.name
        assert example.thumbnail().startswith(b'\xff\xd8')
    service.close()


def test_maps_that_would_fill_the_disk(tmp_path, predictor):
    service = Service({'tiny': predictor}, tmp_path / 'serve', Limits(maps_bytes=10_000))
    one, other = (put(service, encode_video(tmp_path / f'{name}.mp4', 3)) for name in 'ab')
    look(service, one)
    assert one.maps['tiny'].bytes > 5000
    look(service, other)
    assert not one.maps and other.maps, 'maps of the file before are forgotten'
    session = service.session('one')
    regions = [Rectangle('all', 0, 0, 9, 9)]
    [report] = service.shares(session, one.folder.name, ['tiny'], regions, quiet)
    assert len(report.times) == 3
    with pytest.raises(DataError, match='these maps are too large here; `salkit predict`'):
        service.save(session, one.folder.name, 'tiny', quiet)
    service.close()


def test_maps_that_were_written_stay_until_others_are(service, tmp_path, monkeypatch):
    keys = [put(service, encode_video(tmp_path / f'{n}.mp4', 3)).folder.name for n in 'ab']
    session, write = service.session('one'), save_maps
    first = service.save(session, keys[0], 'tiny', quiet)

    def written(*how):
        assert first.exists(), 'its page may be fetching it'
        return write(*how)

    monkeypatch.setattr('salkit.web.service.save_maps', written)
    second = service.save(session, keys[1], 'tiny', quiet)
    assert second.exists() and not first.parent.exists()


def test_a_file_that_goes_while_others_wait_for_it(service, tmp_path):
    item, session = put(service, encode_video(tmp_path / 'a.mp4', 3)), service.session('one')

    class Lock:
        """Is had only when the file has been removed."""

        def __enter__(self):
            item.lock = threading.Lock()
            service.remove(session, item.folder.name)

        def __exit__(self, *error):
            pass

    for work in (
        lambda: look(service, item),
        lambda: service.save(session, item.folder.name, 'tiny', quiet),
        lambda: service.shares(session, item.folder.name, ['tiny'], [], quiet),
    ):
        session.items[item.folder.name], item.lock = item, Lock()
        with pytest.raises(DataError, match='this file was removed'):
            work()
        assert not files_of(service) and not item.maps


class Watched:
    """Takes the progress of a prediction, and calls `act` at the fifth frame of a step."""

    def __init__(self, step, act):
        self.step, self.act, self.texts = step, act, []

    def __call__(self, share, text):
        self.texts.append(text)
        if text.startswith(f'{self.step}: frame 5 of '):
            self.act()


def test_stop_in_the_middle_leaves_nothing(service, tmp_path):
    item = put(service, encode_video(tmp_path / 'clip.mp4', 20, fps=25))
    session = service.session('one')
    before = set(files_of(service))

    def stop():
        session.stopped += 1

    for step in ('Predicting with tiny', 'Drawing the maps', 'Drawing the overlay'):
        watched = Watched(step, stop)
        with pytest.raises(Stopped):
            look(service, item, show=watched)
        assert watched.texts[-1].startswith(f'{step}: frame 5 of 20, about ')
        assert not item.views
        assert set(files_of(service)) == before, step
    assert look(service, item) is item.views['tiny']


def test_errors_name_no_path_of_the_server(service, tmp_path, predictor, monkeypatch):
    item = put(service, encode_video(tmp_path / 'clip.mp4', 3))

    def fail(windows):
        raise OSError(f'{item.stimulus.path}: no space left in {item.folder}')

    monkeypatch.setattr(predictor.backend, 'predict', fail)
    with pytest.raises(OSError) as error:
        look(service, item)
    said = service.reason(error.value)
    assert said.startswith('clip.mp4: no space left in ') and str(tmp_path) not in said


def test_errors_tell_of_known_things_only(service, caplog):
    known = DataError("/etc/x/model.onnx: '/a/b c.txt' is not (/usr/lib/y.so) a/b or 1/2")
    assert service.reason(known) == "model.onnx: 'b c.txt' is not (y.so) a/b or 1/2"
    assert '/secret' not in service.reason(ValueError('/secret/path'))
    assert '/secret/path' in caplog.text


# Visitors --------------------------------------------------------------------------------------


def test_sessions_and_uploads_are_their_visitors(service, tmp_path):
    path = encode_video(tmp_path / 'clip.mp4', 3)
    own, other = service.session('one', 'ann'), service.session('two', 'bob')
    with pytest.raises(DataError, match='this page is open elsewhere'):
        service.session('one', 'bob')
    gone = pytest.raises(DataError, match='this upload is gone')
    with service.uploads.receiving('ann', 10) as folder:
        folder.mkdir()
        (folder / 'clip.mp4').write_bytes(path.read_bytes())
        with gone:
            service.take(own, folder.name)
    with gone:
        service.take(other, folder.name)
    item = service.take(own, folder.name)
    with gone:
        service.take(own, folder.name)
    assert list(own.items.values()) == [item] and not other.items
    name = item.stimulus.path.relative_to(service.sessions).as_posix()
    assert service.file(name, 'ann') == item.stimulus.path
    assert service.file(name, 'bob') is None
    inside = own.folder.name
    for other_name in (
        inside,
        '',
        '.',
        f'{inside}/../../x',
        f'{inside}/{"a" * 300}',
        '\0',
        '/etc/hosts',
    ):
        assert service.file(other_name, 'ann') is None
    (item.folder / 'link').symlink_to('/etc/hostname')
    assert service.file(f'{inside}/{item.folder.name}/link', 'ann') is None


def test_an_upload_that_fails_leaves_nothing(service):
    for _ in range(10):
        with pytest.raises(KeyboardInterrupt), service.uploads.receiving('ann', 2**20) as folder:
            folder.mkdir()
            (folder / 'clip.mp4').write_text('x')
            raise KeyboardInterrupt
    assert not files_of(service)
    # One that nobody took makes room, too.
    with service.uploads.receiving('ann', 2**20) as folder:
        folder.mkdir()
        (folder / 'clip.mp4').write_text('x')
    with (
        pytest.raises(DataError, match='too large: at most 1 MB'),
        service.uploads.receiving('ann', 1),
    ):
        pass
    service.sweep()
    assert len(files_of(service)) == 1, 'its time has not come'
    service.sweep(older_than=0)
    assert not files_of(service)
    with service.uploads.receiving('ann', 2**20):
        pass


def test_uploads_of_all_visitors_have_a_number(service):
    with ExitStack() as stack:
        for number in range(service.limits.uploads):
            stack.enter_context(service.uploads.receiving(str(number), 1))
        with (
            pytest.raises(DataError, match='too many uploads'),
            service.uploads.receiving('ann', 1),
        ):
            pass


def test_sessions_have_a_number_and_an_age(service, tmp_path, monkeypatch):
    put(service, encode_video(tmp_path / 'clip.mp4', 3), 'left')
    looked_at = service.session('looked at')
    with looked_at.connected():
        for number in range(service.limits.sessions - 2):
            service.session(str(number))
        with pytest.raises(DataError, match='too many pages are open'):
            service.session('new')
        service.sweep()
        assert files_of(service), 'their time has not come'
        monkeypatch.setattr('salkit.web.session.LOST_SECONDS', 0.0)
        service.sweep()
        assert not files_of(service) and service.session('looked at') is looked_at
        service.session('new')
        monkeypatch.setattr('salkit.web.session.IDLE_SECONDS', 0.0)
        service.sweep()
        assert service.session('looked at') is not looked_at


class Held:
    """A prediction in a thread, held at the fifth of its frames until it is let go."""

    def __init__(self, service, item, key):
        self.begun, self.let_go, self.error = threading.Event(), threading.Event(), None
        self.session = service.session(key)
        self.thread = threading.Thread(target=self.run, args=(service, item, key))
        self.thread.start()

    def run(self, service, item, key):
        try:
            look(service, item, key, show=Watched('Predicting with tiny', self.hold))
        except Exception as error:
            self.error = error

    def hold(self):
        self.begun.set()
        assert self.let_go.wait(20)

    def end(self):
        self.let_go.set()
        self.thread.join(20)
        return self.error


# Clearing up -----------------------------------------------------------------------------------


def until(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_closed_pages_leave_nothing(service, tmp_path):
    path = encode_video(tmp_path / 'clip.mp4', 8, fps=25)
    items = {key: put(service, path, key) for key in ('done', 'running', 'waiting')}
    look(service, items['done'], 'done')
    running = Held(service, items['running'], 'running')
    assert running.begun.wait(20)
    waiting = Held(service, items['waiting'], 'waiting')
    service.end('done')
    ending = [threading.Thread(target=service.end, args=(key,)) for key in ('waiting', 'running')]
    for thread in ending:
        thread.start()
    until(lambda: running.session.closed and waiting.session.closed)
    assert isinstance(running.end(), Stopped)
    assert isinstance(waiting.end(), (Stopped, DataError))
    for thread in ending:
        thread.join(20)
    assert not files_of(service)


def test_a_file_is_removed_while_it_is_predicted(service, tmp_path):
    item = put(service, encode_video(tmp_path / 'clip.mp4', 20, fps=25))
    held, session = Held(service, item, 'one'), service.session('one')
    assert held.begun.wait(20)
    removing = threading.Thread(target=service.remove, args=(session, item.folder.name))
    session.stopped = 1
    removing.start()
    assert isinstance(held.end(), Stopped)
    removing.join(20)
    assert not files_of(service) and not session.items
    with pytest.raises(DataError, match='this file was removed'):
        look(service, item)


def test_frames_are_passed_over(tmp_path, predictor, monkeypatch):
    monkeypatch.setenv('SALKIT_CACHE', str(tmp_path / 'cache'))
    service = Service({'tiny': predictor}, tmp_path / 'serve', stride=4)
    windows, run = [], predictor.backend.predict
    monkeypatch.setattr(predictor.backend, 'predict', lambda w: windows.extend(w) or run(w))
    item = put(service, encode_video(tmp_path / 'clip.mp4', 18))
    assert len(look(service, item).entropy) == 18
    # Frames 1, 5, 9, 13, 17 and the last.
    assert len(windows) == 6
    service.close()


def test_closing_ends_predictions_and_removes_everything(tmp_path, predictor):
    service = Service({'tiny': predictor}, tmp_path / 'serve')
    held = Held(service, put(service, encode_video(tmp_path / 'clip.mp4', 20)), 'one')
    assert held.begun.wait(20)
    closing = threading.Thread(target=service.close)
    closing.start()
    until(lambda: held.session.closed)
    assert isinstance(held.end(), Stopped)
    closing.join(20)
    assert not service.folder.exists()
