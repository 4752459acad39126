"""The work behind the page, without server and browser: limits, results, clearing up."""

import os
import threading
from contextlib import ExitStack

import numpy as np
import pytest
from make_video import encode_audio, encode_video, truncate
from PIL import Image

from salkit import SaliencyPredictor
from salkit.errors import DataError
from salkit.inference.entropy import saliency_entropy
from salkit.inference.overlay import OverlayStyle
from salkit.utils.parallel import Stopped
from salkit.web.service import Service
from salkit.web.uploads import Limits


@pytest.fixture
def service(tmp_path, predictor, monkeypatch):
    monkeypatch.setenv('SALKIT_CACHE', str(tmp_path / 'cache'))
    service = Service(predictor, tmp_path / 'serve', Limits(1, 4, 80, 100 * 100))
    yield service
    service.close()


def put(service, path, key='one', visitor=''):
    """Upload a copy of a file, and take it into a session."""
    with service.receiving(visitor, path.stat().st_size) as folder:
        folder.mkdir()
        (folder / path.name).write_bytes(path.read_bytes())
    return service.upload(service.session(key, visitor), folder / path.name)


def predict(service, key='one', style=None, show=lambda share, text: None):
    return service.predict(service.session(key), style or OverlayStyle(), show)


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
    said = service.reason(service.session('one'), error.value)
    assert message in said and 'clip.mp4' in said
    assert str(service.folder) not in said, 'a path of the server is shown'
    assert not files_of(service)
    with pytest.raises(DataError, match='choose a video or a picture first'):
        predict(service)


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
    path = encode_video(tmp_path / '.. %2e$(x);<b>.mp4', 3)
    stimulus = put(service, path)
    assert stimulus.path.parent == service.session('one').folder
    assert predict(service).files['maps'].name == '.. %2e$(x);<b>_maps.npz'


def test_an_upload_that_is_gone(service):
    with pytest.raises(DataError, match=r'clip\.mp4 is gone: please upload it again'):
        service.upload(service.session('one'), service.uploads / 'same' / 'clip.mp4')


# Predictions -----------------------------------------------------------------------------------


def test_results(service, tmp_path, predictor):
    path = encode_video(tmp_path / 'clip.mp4', 12, audio=True)
    put(service, path)
    session = service.session('one')
    results = predict(service)
    expected = np.asarray(predictor.predict(path))
    with np.load(results.files['maps']) as stored:
        assert stored.files == ['saliency_map']
        np.testing.assert_allclose(stored['saliency_map'], expected, atol=1e-5)
    bits = [saliency_entropy(saliency_map) for saliency_map in expected]
    np.testing.assert_allclose(results.entropy, bits, atol=1e-4)
    pictures = {caption: np.asarray(Image.open(path)) for path, caption in results.look(3)}
    shown = session.stimulus.read(3)
    assert np.abs(pictures['Frame'].astype(int) - shown).mean() < 3
    assert pictures['Overlay'].shape == shown.shape
    assert np.abs(pictures['Overlay'].astype(int) - shown).mean() > 10
    assert np.corrcoef(pictures['Map'].ravel(), expected[3].ravel())[0, 1] > 0.99
    # Other colours need no second prediction, and nothing of the first results stays.
    again = predict(service, style=OverlayStyle('hot'))
    assert again.maps is results.maps
    assert not results.folder.exists()
    assert [path.name for path in again.files.values()] == [
        'clip_overlay.mp4',
        'clip_map.mp4',
        'clip_maps.npz',
    ]


def test_an_exported_model(tmp_path, tiny):
    pytest.importorskip('onnxruntime')
    from salkit.inference.export import export_model

    model, clip = tmp_path / 'tiny.onnx', encode_video(tmp_path / 'clip.mp4', 5)
    export_model(*map(str, tiny), model)
    service = Service(SaliencyPredictor(model), tmp_path / 'serve')
    put(service, clip)
    with np.load(predict(service).files['maps']) as stored:
        expected = np.asarray(SaliencyPredictor(model).predict(clip))
        np.testing.assert_allclose(stored['saliency_map'], expected, atol=1e-5)
    service.close()


def test_maps_that_would_fill_the_disk_are_left_out(tmp_path, predictor):
    service = Service(predictor, tmp_path / 'serve', Limits(maps_bytes=1000))
    put(service, encode_video(tmp_path / 'clip.mp4', 3))
    assert sorted(predict(service).files) == ['map', 'overlay']
    service.close()


class Watched:
    """Takes the progress of a prediction, and calls `act` at the fifth frame of a step."""

    def __init__(self, step, act):
        self.step, self.act, self.texts = step, act, []

    def __call__(self, share, text):
        self.texts.append(text)
        if text.startswith(f'{self.step}: frame 5 of '):
            self.act()


def test_cancel_in_the_middle_leaves_nothing(service, tmp_path):
    put(service, encode_video(tmp_path / 'clip.mp4', 20, fps=25))
    session = service.session('one')
    before = set(files_of(service))
    for step in ('Predicting', 'Writing the maps', 'Drawing the overlay'):
        watched = Watched(step, session.cancelled.set)
        with pytest.raises(Stopped):
            predict(service, show=watched)
        assert watched.texts[-1].startswith(f'{step}: frame 5 of 20, about ')
        assert session.results is None
        assert set(files_of(service)) == before, step
    assert predict(service) is session.results


def test_errors_name_no_path_of_the_server(service, tmp_path, monkeypatch):
    put(service, encode_video(tmp_path / 'clip.mp4', 3))
    session = service.session('one')

    def fail(windows):
        raise OSError(f'{session.stimulus.path}: no space left in {session.folder}')

    monkeypatch.setattr(service.predictor.backend, 'predict', fail)
    with pytest.raises(OSError) as error:
        predict(service)
    said = service.reason(session, error.value)
    assert said.startswith('clip.mp4: no space left in ') and str(tmp_path) not in said


def test_errors_tell_of_known_things_only(service, caplog):
    session = service.session('one')
    known = DataError("/etc/x/model.onnx: '/a/b c.txt' is not (/usr/lib/y.so) a/b or 1/2")
    said = service.reason(session, known)
    assert said == "model.onnx: 'b c.txt' is not (y.so) a/b or 1/2"
    assert '/secret' not in service.reason(session, ValueError('/secret/path'))
    assert '/secret/path' in caplog.text


# Visitors --------------------------------------------------------------------------------------


def test_sessions_and_uploads_are_their_visitors(service, tmp_path):
    path = encode_video(tmp_path / 'clip.mp4', 3)
    own, other = service.session('one', 'ann'), service.session('two', 'bob')
    with pytest.raises(DataError, match='this page is open elsewhere'):
        service.session('one', 'bob')
    with service.receiving('ann', 10) as folder:
        folder.mkdir()
        (folder / 'clip.mp4').write_bytes(path.read_bytes())
        assert not service.owns(own, folder / 'clip.mp4'), 'it is not there yet'
    assert service.owns(own, folder / 'clip.mp4')
    assert service.holds(str(folder / 'clip.mp4'), 'ann')
    assert not service.holds(str(folder / 'clip.mp4'), 'bob')
    os.mkfifo(folder / 'pipe.mp4')
    for session, name in ((other, 'clip.mp4'), (own, 'pipe.mp4'), (own, 'none.mp4'), (own, '..')):
        with pytest.raises(DataError, match='is gone: please upload it again'):
            service.upload(session, folder / name)
    service.upload(own, folder / 'clip.mp4')
    assert own.stimulus is not None and other.stimulus is None
    assert service.holds(str(own.stimulus.path), 'ann')
    assert not service.holds(str(own.stimulus.path), 'bob')


def test_an_upload_that_fails_leaves_nothing(service):
    for _ in range(10):
        with pytest.raises(KeyboardInterrupt), service.receiving('ann', 2**20) as folder:
            folder.mkdir()
            (folder / 'clip.mp4').write_text('x')
            raise KeyboardInterrupt
    assert not files_of(service)
    # One that nobody took makes room, too.
    with service.receiving('ann', 2**20) as folder:
        folder.mkdir()
        (folder / 'clip.mp4').write_text('x')
    with pytest.raises(DataError, match='too large: at most 1 MB'), service.receiving('ann', 1):
        pass
    # A folder changes when its file goes, which may be after the sweep took the time.
    service.sweep(older_than=-60)
    with service.receiving('ann', 2**20):
        pass


def test_uploads_of_all_visitors_have_a_number(service):
    with ExitStack() as stack:
        for number in range(service.limits.uploads):
            stack.enter_context(service.receiving(str(number), 1))
        with pytest.raises(DataError, match='too many uploads'), service.receiving('ann', 1):
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

    def __init__(self, service, key):
        self.begun, self.let_go, self.error = threading.Event(), threading.Event(), None
        self.session = service.session(key)
        self.thread = threading.Thread(target=self.run, args=(service,))
        self.thread.start()

    def run(self, service):
        try:
            service.predict(self.session, OverlayStyle(), Watched('Predicting', self.hold))
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


def test_closed_pages_leave_nothing(service, tmp_path):
    path = encode_video(tmp_path / 'clip.mp4', 8, fps=25)
    for key in ('done', 'running', 'waiting'):
        put(service, path, key)
    predict(service, 'done')
    running = Held(service, 'running')
    assert running.begun.wait(20)
    waiting = Held(service, 'waiting')
    service.end('waiting')
    service.end('done')
    closing = threading.Thread(target=service.end, args=('running',))
    closing.start()
    assert running.session.cancelled.wait(20)
    assert isinstance(running.end(), Stopped) and isinstance(waiting.end(), DataError)
    closing.join(20)
    service.sweep(older_than=0)
    assert not files_of(service)


def test_an_upload_ends_the_prediction_of_the_last_one(service, tmp_path):
    put(service, encode_video(tmp_path / 'clip.mp4', 20, fps=25))
    held = Held(service, 'one')
    assert held.begun.wait(20)
    other = encode_video(tmp_path / 'other.mp4', 3)
    uploading = threading.Thread(target=put, args=(service, other))
    uploading.start()
    assert held.session.cancelled.wait(20)
    assert isinstance(held.end(), Stopped)
    uploading.join(20)
    assert [path.name for path in files_of(service)] == ['other.mp4']
    assert predict(service).files['map'].name == 'other_map.mp4'


def test_frames_are_passed_over(tmp_path, predictor, monkeypatch):
    monkeypatch.setenv('SALKIT_CACHE', str(tmp_path / 'cache'))
    service, run = Service(predictor, tmp_path / 'serve', stride=4), predictor.backend.predict
    windows = []
    monkeypatch.setattr(predictor.backend, 'predict', lambda w: windows.extend(w) or run(w))
    put(service, encode_video(tmp_path / 'clip.mp4', 18))
    assert len(predict(service).entropy) == 18
    # Frames 1, 5, 9, 13, 17 and the last.
    assert len(windows) == 6
    service.close()


def test_closing_ends_predictions_and_removes_everything(tmp_path, predictor):
    service = Service(predictor, tmp_path / 'serve')
    put(service, encode_video(tmp_path / 'clip.mp4', 20))
    held = Held(service, 'one')
    assert held.begun.wait(20)
    closing = threading.Thread(target=service.close)
    closing.start()
    assert held.session.cancelled.wait(20)
    assert isinstance(held.end(), Stopped)
    closing.join(20)
    assert not service.folder.exists()


def test_litter_is_swept(service):
    (service.uploads / 'abc').mkdir()
    (service.uploads / 'abc' / 'left.mp4').write_text('x')
    service.sweep()
    assert len(files_of(service)) == 1
    service.sweep(older_than=0)
    assert not list(service.uploads.iterdir())
