"""The page of a real `salkit serve` in a real browser.

    SALKIT_SCREENSHOTS=docs SALKIT_SCREENSHOTS_CHECKPOINT=work_dirs/demo pytest -k screenshots FILE

writes the pictures of the documentation, with the model that `salkit demo` trained.
"""

import os
import re
import time
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import av
import numpy as np
import pytest

from salkit.inference.entropy import saliency_entropy

# Not imported: each process that runs tests looks at this.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec('gradio') is None, reason='gradio is not installed'),
]
LIMITS = ('--max-mb', 1, '--max-seconds', 40)


class Visit:
    """One user with a browser window of their own."""

    def __init__(self, browser, server, **options):
        self.context = browser.new_context(accept_downloads=True, **options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(30_000)
        self.hosts, self.errors = set(), []
        self.page.on('request', lambda request: self.hosts.add(urlsplit(request.url)[:2]))
        self.page.on('pageerror', lambda error: self.errors.append(str(error)))
        self.server = server
        self.page.goto(server.address)
        self.page.wait_for_selector('#salkit-predict')

    def upload(self, path):
        self.page.set_input_files('#salkit-drop input[type=file]', path)

    def choose(self, path):
        """Upload what is accepted."""
        self.upload(path)
        self.page.locator('#salkit-chosen', has_text=f'{path.name}: ').wait_for()
        self.page.wait_for_selector('#salkit-predict:enabled')

    def predict(self):
        self.page.click('#salkit-predict')

    def status(self, pattern):
        """Wait until the status says something."""
        self.page.locator('#salkit-status', has_text=re.compile(pattern)).wait_for()

    def result(self, path):
        self.choose(path)
        self.predict()
        self.status('Done')
        self.page.wait_for_selector('#salkit-frame img >> visible=true')

    def download(self, kind, folder):
        with self.page.expect_download() as started:
            self.page.click(f'#salkit-files a[download*="_{kind}."]')
        path = folder / started.value.suggested_filename
        started.value.save_as(path)
        return path

    def source(self, kind):
        """Address of a video on the page."""
        return self.page.eval_on_selector(f'#salkit-{kind} video', 'e => e.src')

    def video(self, kind='overlay'):
        """What the browser makes of a video once it has played a little."""
        selector = f'#salkit-{kind} video'
        self.page.eval_on_selector(selector, 'v => { v.muted = true; return v.play() }')
        self.page.wait_for_function(f'() => document.querySelector("{selector}").currentTime > 0.1')
        return self.page.eval_on_selector(
            selector,
            'v => ({error: v.error && v.error.message, seconds: v.duration, '
            'width: v.videoWidth, height: v.videoHeight})',
        )

    def stand_at(self, share):
        """Show all videos, and the frame by itself, at a share of their length."""
        seek = (
            '(all, share) => Promise.all(all.map(v => new Promise(done => '
            '{ v.onseeked = done; v.currentTime = share * v.duration })))'
        )
        ready = '() => [...document.querySelectorAll("video")].every(v => v.duration > 0)'
        self.page.wait_for_function(ready)
        self.page.eval_on_selector_all('video', seek, share)
        number = self.page.locator('#salkit-slider input[type=number]')
        last = int(self.page.get_attribute('#salkit-slider input[type=range]', 'max'))
        number.fill(str(round(share * last) + 1))
        number.press('Tab')
        self.page.locator('#salkit-frame', has_text=f'Frame {round(share * last) + 1} ').wait_for()
        self.page.evaluate('document.activeElement.blur()')

    def fetch(self, address):
        return self.context.request.get(address)

    def leave(self):
        assert not self.errors
        own = urlsplit(self.server.address)[:2]
        assert {host for host in self.hosts if host[0] not in ('data', 'blob')} == {own}
        self.context.close()


@pytest.fixture(scope='module')
def server(tiny, start_server):
    return start_server('--model', tiny[0], '--checkpoint', tiny[1], *LIMITS)


@pytest.fixture
def visit(browser, server):
    """Function that opens the page; no page may have asked another host for anything."""
    visits = []

    def open_page(server=server, **options):
        visits.append(Visit(browser, server, **options))
        return visits[-1]

    yield open_page
    for one in visits:
        one.leave()


def test_video(visit, clips, predictor, tmp_path):
    user = visit()
    user.result(clips('short.mp4'))
    expected = np.asarray(predictor.predict(clips('short.mp4')))

    for kind in ('overlay', 'map'):
        seen = user.video(kind)
        assert seen['error'] is None and (seen['width'], seen['height']) == (80, 48)
        assert seen['seconds'] == pytest.approx(0.8, abs=0.1)
    path = user.download('overlay', tmp_path)
    assert path.name == 'short_overlay.mp4'
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.name == 'h264'
        assert len(container.streams.audio) == 1, 'the sound is kept'
        assert sum(1 for _ in container.decode(video=0)) == 20

    path = user.download('maps', tmp_path)
    assert path.name == 'short_maps.npz'
    with np.load(path) as stored:
        np.testing.assert_allclose(stored['saliency_map'], expected, atol=1e-5)

    curve = user.page.locator('#salkit-curve').locator('canvas, svg').first
    curve.wait_for(state='visible')
    assert curve.bounding_box()['width'] > 200

    def shown(frame):
        bits = saliency_entropy(expected[frame - 1])
        said = f'Frame {frame} at {(frame - 1) / 25:.2f} s: entropy {bits:.2f} bits'
        user.page.locator('#salkit-frame', has_text=said).wait_for()
        return user.page.eval_on_selector_all('#salkit-frame img', 'all => all.map(e => e.src)')

    first = shown(1)
    slider = user.page.locator('#salkit-slider input[type=range]')
    slider.focus()
    slider.press('End')
    last = shown(20)
    assert len(first) == len(last) == 3
    assert all(one != other for one, other in zip(first, last, strict=True))


def test_picture(visit, clips, predictor, tmp_path):
    user = visit()
    user.result(clips('picture.png'))
    decoded = 'image => image.decode().then(() => image.naturalWidth)'
    assert user.page.eval_on_selector('#salkit-frame img', decoded) == 80
    assert not user.page.locator('#salkit-curve').is_visible()
    assert not user.page.locator('#salkit-slider').is_visible()
    assert 'entropy' in user.page.inner_text('#salkit-frame')
    with np.load(user.download('maps', tmp_path)) as stored:
        expected = predictor.predict(clips('picture.png'))
        np.testing.assert_allclose(stored['saliency_map'], np.asarray(expected), atol=1e-5)


def test_bad_files(visit, clips):
    user = visit()
    user.choose(clips('short.mp4'))
    user.upload(clips('text.mp4'))
    user.status('text.mp4: cannot be read as a video')
    assert user.page.locator('#salkit-status [role=alert]').count() == 1
    user.page.wait_for_selector('#salkit-predict:disabled')
    assert str(user.server.folder) not in user.page.content(), 'a path of the server is shown'
    user.upload(clips('endless.mp4'))
    user.status('endless.mp4 is too long: 45.0 seconds; at most 40 are taken')
    user.upload(clips('huge.mp4'))
    user.page.locator('text=/maximum|too large/i').first.wait_for()
    # The server goes on.
    user.result(clips('short.mp4'))


def test_cancel(visit, clips):
    user = visit()
    user.choose(clips('long.mp4'))
    user.predict()
    user.status(r'Predicting: frame [1-9]\d* of 900')
    user.page.click('#salkit-cancel')
    begun = time.monotonic()
    user.status('Cancelled')
    assert time.monotonic() - begun < 10
    assert not user.page.locator('#salkit-results').is_visible()
    user.result(clips('short.mp4'))


def test_two_users(visit, clips, tmp_path):
    one, two = visit(), visit()
    one.choose(clips('long.mp4'))
    two.choose(clips('other.mp4'))
    one.predict()
    one.status('Predicting')
    two.predict()
    two.status(r'queue: 1/1')
    one.page.click('#salkit-cancel')
    one.result(clips('short.mp4'))
    two.status('Done')
    assert one.video()['seconds'] == pytest.approx(0.8, abs=0.1)
    assert two.video()['seconds'] == pytest.approx(1.2, abs=0.1)
    for user, name, frames in ((one, 'short', 20), (two, 'other', 30)):
        with np.load(user.download('maps', tmp_path)) as stored:
            assert stored['saliency_map'].shape == (frames, 48, 80)
        assert (tmp_path / f'{name}_maps.npz').exists()
    first, second = one.source('overlay'), two.source('overlay')
    assert first != second
    assert one.fetch(first.replace('_overlay', '_map')).ok
    assert two.fetch(first).status == 403
    guess = re.sub(r'/sessions/\w+/', f'/sessions/{"0" * 32}/', first)
    assert guess != first and two.fetch(guess).status == 403


def test_closed_tab_frees_the_queue_and_removes_files(visit, clips, server):
    one, two = visit(), visit()
    one.choose(clips('long.mp4'))
    one.predict()
    one.status(r'Predicting: frame [1-9]')
    one.page.close()
    two.result(clips('short.mp4'))
    two.page.close()
    # Empty files that Gradio makes and forgets are swept later.
    until(lambda: not [path for path in server.files() if path.stat().st_size], server.files)


def test_foreign_requests_are_refused(visit, server):
    user = visit()
    there = server.address + 'gradio_api/upload'
    files = {'files': dict(name='a.mp4', mimeType='video/mp4', buffer=b'x')}
    answer = user.context.request.post(there, multipart=files, headers={'Origin': 'http://evil'})
    assert answer.status == 403
    answer = user.context.request.get(server.address, headers={'Host': 'evil.example'})
    assert answer.status == 403
    for path in ('docs', 'openapi.json', 'gradio_api/info', 'monitoring'):
        content = user.fetch(server.address + path).text()
        assert 'predict' not in content.lower() or 'named_endpoints":{}' in content, path
    for path in ('/etc/hostname', str(server.temporary), os.getcwd() + '/setup.py'):
        assert user.fetch(f'{server.address}gradio_api/file={path}').status in (403, 404), path


def test_screenshots(browser, visit, clips, server, start_server, tmp_path):
    """The page fits wide and narrow windows."""
    folder = Path(os.environ.get('SALKIT_SCREENSHOTS') or tmp_path)
    checkpoint = os.environ.get('SALKIT_SCREENSHOTS_CHECKPOINT')
    path = clips('short.mp4')
    if checkpoint:
        server = start_server('--model', 'demo/umt-tiny_cc-kl', '--checkpoint', checkpoint)
        path = demo_video(tmp_path / 'coffee.mp4')
    sizes = dict(desktop=(1280, 900), phone=(420, 900))
    for name, (width, height) in sizes.items():
        user = visit(server, viewport=dict(width=width, height=height))
        user.result(path)
        user.page.locator('#salkit-curve').locator('canvas, svg').first.wait_for()
        user.stand_at(0.55)
        assert user.page.evaluate('document.documentElement.scrollWidth') <= width
        if checkpoint:
            # The browser's own sign of loading fades.
            user.page.wait_for_timeout(800)
        user.page.screenshot(path=folder / f'web_{name}.png', full_page=True)


def demo_video(path):
    """A video of the demo's test set."""
    from make_video import encode_video

    from salkit.datasets import DemoDataset
    from salkit.media.images import read_image

    frames = DemoDataset(split='test').videos[4].frames
    images = [read_image(frame) for frame in frames]
    return encode_video(path, len(images), images[0].shape[:2], images=images, fps=12)


def test_end_removes_everything(visit, clips, server):
    user = visit()
    user.choose(clips('long.mp4'))
    user.predict()
    user.status(r'Predicting: frame [1-9]')
    assert server.files()
    before = len(server.errors)
    assert server.stop() == 0
    assert not server.files()
    assert ''.join(server.errors[before:]) == 'salkit serve: stopped\n'


def until(condition, what, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what()
        time.sleep(0.1)
