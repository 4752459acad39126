"""The work behind the page, without server and browser: limits, queue, results, clearing up."""

import threading
import time
import zipfile

import numpy as np
import pytest
from make_video import encode_audio, encode_video, truncate
from PIL import Image

from salkit.errors import DataError
from salkit.inference.entropy import saliency_entropy
from salkit.inference.overlay import OverlayStyle
from salkit.web.jobs import BusyError, JobQueue
from salkit.web.service import Options, Service
from salkit.web.uploads import Limits


@pytest.fixture
def service(tmp_path, predictor, monkeypatch):
    monkeypatch.setenv('SALKIT_CACHE', str(tmp_path / 'cache'))
    service = Service(predictor, tmp_path / 'serve', Limits(1, 4, 80, 100 * 100))
    yield service
    service.close()


def put(service, path, key='one'):
    """Upload a copy as Gradio does: below a folder named after the content."""
    target = service.uploads / str(path.stat().st_size) / path.name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(path.read_bytes())
    return service.upload(service.session(key), target)


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
        (lambda path: path.write_bytes(bytes(2**20 + 1)), 'too large: 1.0 MB; at most 1 MB'),
        (lambda path: path.write_bytes(b''), 'clip.mp4: '),
    ],
    ids=['frames', 'seconds', 'pixels', 'text', 'audio', 'truncated', 'bytes', 'empty'],
)
def test_refused_uploads(service, tmp_path, make, message):
    path = tmp_path / 'clip.mp4'
    make(path)
    with pytest.raises(DataError) as error:
        put(service, path)
    assert message in str(error.value) and 'clip.mp4' in str(error.value)
    assert str(service.folder) not in str(error.value), 'a path of the server is shown'
    assert not files_of(service)
    with pytest.raises(DataError, match='choose a video or a picture first'):
        service.submit(service.session('one'), Options())


def test_large_picture_is_refused_before_it_is_decoded(service, tmp_path):
    path = tmp_path / 'wide.png'
    Image.new('L', (40_000, 2000)).save(path)
    with pytest.raises(DataError, match=r'wide.png is too large: 40000 x 2000 pix'):
        put(service, path)


def test_other_kinds_are_refused(service, tmp_path):
    (tmp_path / 'notes.txt').write_text('notes')
    with pytest.raises(DataError, match=r'notes\.txt is neither a video'):
        put(service, tmp_path / 'notes.txt')


def test_names_of_users_are_no_paths(service, tmp_path):
    path = encode_video(tmp_path / '.. %2e$(x);<b>.mp4', 3)
    stimulus = put(service, path)
    assert stimulus.path.parent == service.session('one').folder
    assert stimulus.path.name.replace('.mp4', '').isalnum()
    job = service.submit(service.session('one'), Options())
    assert job.wait(60) and job.state == 'done', job.error
    assert job.result.download_name('npz') == '.. %2e$(x);<b>_maps.npz'


def test_same_upload_of_two(service, tmp_path):
    path = encode_video(tmp_path / 'clip.mp4', 5)
    gradio_path = service.uploads / 'same' / path.name
    gradio_path.parent.mkdir()
    gradio_path.write_bytes(path.read_bytes())
    one = service.upload(service.session('one'), gradio_path)
    assert not gradio_path.exists()
    two = service.upload(service.session('two'), gradio_path)
    service.end('one')
    assert not one.path.exists() and two.path.exists()
    assert (two.read(3) == 0).mean() < 1


# Jobs ------------------------------------------------------------------------------------------


def test_results(service, tmp_path, predictor):
    path = encode_video(tmp_path / 'clip.mp4', 12, audio=True)
    put(service, path)
    session = service.session('one')
    job = service.submit(session, Options(downloads=('npz', 'png16')))
    assert job.wait(60) and job.state == 'done', job.error
    results = job.result
    expected = np.asarray(predictor.predict(path))
    with np.load(results.files['npz']) as stored:
        assert stored.files == ['saliency_map']
        np.testing.assert_allclose(stored['saliency_map'], expected, atol=1e-6)
    with zipfile.ZipFile(results.files['png16']) as archive:
        assert archive.namelist() == [f'{n:04d}.png' for n in range(1, 13)]
        stored = np.asarray(Image.open(archive.open('0003.png')))
        np.testing.assert_allclose(stored / 65535, expected[2], atol=1e-5)
    bits = [saliency_entropy(saliency_map) for saliency_map in expected]
    np.testing.assert_allclose(results.entropy, bits, atol=1e-4)
    frame, overlay, grey = results.look(3)
    assert (frame == session.stimulus.read(3)).all()
    assert overlay.shape == frame.shape and (overlay != frame).any()
    assert np.corrcoef(grey.ravel(), expected[3].ravel())[0, 1] > 0.999
    # Other colours need no second prediction, and nothing of the first results stays.
    again = service.submit(session, Options(OverlayStyle(colors='hot'), ()))
    assert again.wait(60) and again.state == 'done', again.error
    assert again.result.maps is results.maps
    assert not results.folder.exists()
    assert sorted(again.result.files) == ['map', 'overlay']
    token = again.result.folder.name
    assert service.result_file(token, 'overlay')[1] == 'clip_overlay.mp4'
    assert service.result_file(token, 'npz') is None
    assert service.result_file(token, '../lock') is None
    assert service.result_file('ü', 'overlay') is None


def test_maps_that_would_fill_the_disk_are_left_out(tmp_path, predictor):
    service = Service(predictor, tmp_path / 'serve', Limits(maps_bytes=1000))
    put(service, encode_video(tmp_path / 'clip.mp4', 3))
    job = service.submit(service.session('one'), Options())
    assert job.wait(60) and job.state == 'done', job.error
    assert sorted(job.result.files) == ['map', 'overlay']
    assert 'left out' in job.result.notes[0]
    service.close()


class Held:
    """Work that goes on until it is let go."""

    def __init__(self):
        self.begun, self.let_go = threading.Event(), threading.Event()

    def __call__(self, job):
        job.begin('Holding', 10)
        self.begun.set()
        while not self.let_go.wait(0.01):
            job.check()
        return 'held'


def test_queue_takes_turns():
    queue = JobQueue(waiting=2)
    held = Held()
    first = queue.submit(held)
    assert held.begun.wait(5)
    second, third = (queue.submit(lambda job: 'done') for _ in range(2))
    assert [queue.place(job) for job in (first, second, third)] == [0, 1, 2]
    with pytest.raises(BusyError, match='Too many people are waiting'):
        queue.submit(lambda job: None)
    queue.cancel(second)
    assert second.ended and second.state == 'cancelled'
    assert queue.place(third) == 1 and third.state == 'waiting'
    held.let_go.set()
    assert third.wait(5) and third.result == 'done' and first.result == 'held'
    queue.close()
    assert not queue._thread.is_alive()


def test_jobs_that_fail_or_are_cancelled_hold_nobody_up():
    queue = JobQueue(waiting=9)

    def fail(job):
        raise RuntimeError('out of\nluck')

    held = Held()
    running, failing, last = queue.submit(held), queue.submit(fail), queue.submit(lambda job: 1)
    assert held.begun.wait(5)
    queue.cancel(running)
    assert last.wait(5) and last.state == 'done'
    assert running.state == 'cancelled'
    assert failing.state == 'failed' and failing.error == 'RuntimeError: out of luck'
    queue.close()


def test_cancel_in_the_middle_leaves_nothing(service, tmp_path):
    put(service, encode_video(tmp_path / 'clip.mp4', 80, fps=25))
    session = service.session('one')
    before = set(files_of(service))
    for step in ('Predicting', 'Writing the maps', 'Drawing the overlay'):
        job = service.submit(session, Options(downloads=('npz', 'png16')))
        cancel_in(service, session, job, step)
        assert job.wait(10) and job.state == 'cancelled', (step, job.state, job.error)
        assert session.results is None
        assert set(files_of(service)) == before, step
    job = service.submit(session, Options())
    assert job.wait(60) and job.state == 'done', job.error


def cancel_in(service, session, job, step):
    """Cancel a job from inside, at the fifth frame of a step."""
    advance = job.advance

    def watched(count=1):
        if job.step == step and job.done == 5:
            service.cancel(session)
        advance(count)

    job.advance = watched


# Clearing up -----------------------------------------------------------------------------------


def test_closed_page_leaves_nothing(service, tmp_path, monkeypatch):
    path = encode_video(tmp_path / 'clip.mp4', 8, fps=25)
    put(service, path, 'done')
    job = service.submit(service.session('done'), Options())
    assert job.wait(60) and job.state == 'done', job.error
    # So slow that it cannot be through before it is ended.
    backend = service.predictor.backend
    predict = backend.predict

    def slowly(windows):
        time.sleep(0.2)
        return predict(windows)

    monkeypatch.setattr(backend, 'predict', slowly)
    path = encode_video(tmp_path / 'long.mp4', 80, fps=25)
    put(service, path, 'running')
    running = service.submit(service.session('running'), Options())
    put(service, path, 'waiting')
    waiting = service.submit(service.session('waiting'), Options())
    until(lambda: running.done > 3)
    for key in ('waiting', 'running', 'done'):
        service.end(key)
    assert running.wait(10) and waiting.wait(10)
    assert {running.state, waiting.state} == {'cancelled'}
    assert not files_of(service)
    assert not list(service.folder.glob('session-*'))


def test_closing_ends_jobs_and_removes_everything(tmp_path, predictor):
    service = Service(predictor, tmp_path / 'serve')
    put(service, encode_video(tmp_path / 'clip.mp4', 80))
    job = service.submit(service.session('one'), Options())
    until(lambda: job.done > 3)
    service.close()
    assert job.state == 'cancelled'
    assert not service.folder.exists()


def test_litter_is_swept(service):
    (service.uploads / 'abc').mkdir()
    (service.uploads / 'abc' / 'left.mp4').write_text('x')
    service.sweep()
    assert len(files_of(service)) == 1
    service.sweep(older_than=0)
    assert not list(service.uploads.iterdir())


def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)
