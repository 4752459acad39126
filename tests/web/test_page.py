"""The page of a real `salkit serve` in a real browser.

    SALKIT_SCREENSHOTS=docs pytest -k screenshots FILE

writes the pictures of the documentation. axe-core, which looks for barriers, is the file that
SALKIT_AXE names, or npm brings it.
"""

import csv
import io
import os
import re
import shutil
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import av
import numpy as np
import pytest
from PIL import Image
from tiny_model import write_tiny_model

from salkit.cli import main
from salkit.inference.entropy import saliency_entropy
from salkit.inference.regions import Rectangle

# Not imported: each process that runs tests looks at this.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec('gradio') is None, reason='gradio is not installed'),
]
LIMITS = ('--max-mb', 1, '--max-seconds', 40)
DESKTOP, TABLET, PHONE = (1280, 900), (768, 1024), (390, 844)


class Visit:
    """One user with a browser window of their own."""

    def __init__(self, browser, server, size=DESKTOP, **options):
        small = dict(has_touch=True, is_mobile=True) if size != DESKTOP else {}
        viewport = dict(width=size[0], height=size[1])
        self.context = browser.new_context(
            accept_downloads=True, viewport=viewport, **small, **options
        )
        self.page = self.context.new_page()
        self.page.set_default_timeout(60_000)
        self.hosts, self.errors = set(), []
        self.page.on('request', lambda request: self.hosts.add(urlsplit(request.url)[:2]))
        self.page.on('pageerror', lambda error: self.errors.append(str(error)))
        self.page.on('console', self._hear)
        self.server = server
        self.page.goto(server.address)
        self.page.wait_for_selector('#examples button')

    def _hear(self, message):
        # What the page's policy refused is said here only.
        if message.type == 'error' and 'status of 4' not in message.text:
            self.errors.append(message.text)

    def upload(self, *paths):
        self.page.set_input_files('#files', paths)

    def item(self, name):
        return self.page.locator('.item', has_text=name).last

    def state(self, name, pattern):
        """Wait until a file in the list has a state."""
        self.page.locator('.item', has_text=name).last.locator(
            '.state', has_text=re.compile(pattern)
        ).wait_for()

    def result(self, path):
        self.upload(path)
        self.state(path.name, 'done')
        self.item(path.name).click()
        self.page.locator('#stage-title', has_text=path.name).wait_for()
        self.page.locator('#result').wait_for()

    def work(self, pattern):
        """Wait until the work on the shown file says something."""
        self.page.locator('#work-text', has_text=re.compile(pattern)).wait_for()

    def only(self, source=''):
        """Show one source beside the first, or none."""
        self.page.select_option('#beside', source, force=True)

    def save(self, selector, folder):
        with self.page.expect_download() as started:
            self.page.click(selector)
        path = folder / started.value.suggested_filename
        started.value.save_as(path)
        return path

    def shown_at(self, index=0):
        """Seconds at which a video stands."""
        moment = '([v, i]) => v[i].seeking ? -1 : v[i].currentTime'
        all_videos = self.page.query_selector_all('video')
        return self.page.evaluate(moment, [all_videos, index])

    def stands_at(self, index, seconds):
        until(lambda: abs(self.shown_at(index) - seconds) < 0.01, lambda: self.shown_at(index))

    def sides(self, number=0):
        """What is typed in a region's fields."""
        fields = self.page.locator('.region').nth(number).locator('.sides input')
        return [float(field.input_value()) for field in fields.all()]

    def draw(self, left, top, right, bottom, panel=0):
        """Draw a region by shares of the frame, or drag one where it has a line."""
        layer = self.page.locator('.frame svg').nth(panel)
        layer.scroll_into_view_if_needed()
        box = layer.bounding_box()
        mouse = self.page.mouse
        mouse.move(box['x'] + left * box['width'], box['y'] + top * box['height'])
        mouse.down()
        mouse.move(box['x'] + right * box['width'], box['y'] + bottom * box['height'], steps=3)
        mouse.up()

    def measured(self, count):
        """Wait until regions have shares."""
        said = self.page.locator('.said', has_text='of the attention')
        said.nth(count - 1).wait_for()
        self.page.wait_for_selector('#csv:enabled')

    def leave(self):
        assert not self.errors
        own = urlsplit(self.server.address)[:2]
        assert {host for host in self.hosts if host[0] not in ('data', 'blob')} == {own}
        self.context.close()


@pytest.fixture(scope='module')
def other(tmp_path_factory):
    """Another tiny model, exported."""
    folder = tmp_path_factory.mktemp('other')
    config, checkpoint = write_tiny_model(folder, clip_len=2)
    path = folder / 'other.onnx'
    assert main(['export', str(config), '--checkpoint', str(checkpoint), '--out', str(path)]) == 0
    return path


@pytest.fixture(scope='module')
def server(tiny, other, start_server):
    models = [*('--model', tiny[0], '--checkpoint', tiny[1]), '--model', other, '--checkpoint', '']
    return start_server(*models, *LIMITS)


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


def test_video_of_two_models(visit, clips, predictor, tmp_path):
    user = visit()
    user.result(clips('short.mp4'))
    page = user.page
    assert page.locator('figure').all_inner_texts()[0].startswith('tiny')
    assert page.locator('figcaption').all_inner_texts()[1] == 'other.onnx'
    expected = np.asarray(predictor.predict(clips('short.mp4')))
    bits = [saliency_entropy(saliency_map) for saliency_map in expected]
    # A visitor sees the strongest moment, of both, and is told of it.
    best = int(np.argmin(bits))
    assert page.inner_text('#now') == f'Frame {best + 1} of 20, {best / 25:.2f} s'
    for index in (0, 1):
        user.stands_at(index, (best + 0.5) / 25)
    assert 'The peak ' in page.inner_text('.words >> nth=0')
    for selector, name in (('a[download][href*=_overlay]', 'overlay'), ('a[href*=_map]', 'map')):
        path = user.save(f'#downloads li:first-child {selector}', tmp_path)
        assert path.name == f'short_{name}.mp4'
        with av.open(str(path)) as container:
            assert container.streams.video[0].codec_context.name == 'h264'
            assert len(container.streams.audio) == 1, 'the sound is kept'
            assert sum(1 for _ in container.decode(video=0)) == 20
    path = user.save('#downloads li:first-child button', tmp_path)
    assert path.name == 'short_maps.npz'
    with np.load(path) as stored:
        np.testing.assert_allclose(stored['saliency_map'], expected, atol=1e-5)

    # The frame under the pointer, and at the keys.
    chart = page.locator('#chart')
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    page.mouse.move(box['x'] + box['width'] * 0.5, box['y'] + 50)
    assert page.inner_text('#now').startswith(('Frame 10 ', 'Frame 11 ', 'Frame 12 '))
    chart.press('End')
    chart.press('ArrowLeft')
    assert page.inner_text('#now') == 'Frame 19 of 20, 0.72 s'
    assert f'tiny.py {bits[18]:.2f} bits' in chart.get_attribute('aria-valuetext')
    for index in (0, 1):
        user.stands_at(index, 18.5 / 25)
    page.check('[name=kind][value=map]')
    until(lambda: '_map.mp4' in page.get_attribute('video', 'src') and user.shown_at() > 0.7)
    chart.press('Home')
    # A pointer that passes the curve does not end what plays.
    slow = 'video => { video.playbackRate = video.defaultPlaybackRate = %s; }'
    page.eval_on_selector('video', slow % 0.1)
    page.click('#play')
    page.mouse.move(box['x'] + box['width'] * 0.5, chart.bounding_box()['y'] + 50)
    page.locator('#play', has_text='Pause').wait_for()
    page.mouse.move(0, 0)
    page.eval_on_selector('video', slow % 1)
    page.locator('#play', has_text='Play').wait_for()
    assert page.inner_text('#now').startswith(('Frame 19', 'Frame 20'))


def test_regions_and_gaze(visit, clips, predictor, tmp_path):
    user = visit()
    user.result(clips('short.mp4'))
    user.only()
    until(lambda: user.page.locator('figure').count() == 1)
    user.draw(0.25, 0.25, 0.75, 0.75)
    user.measured(1)
    assert user.sides() == pytest.approx((20, 12, 40, 24), abs=1)
    # By its line it is moved, by a corner sized.
    user.draw(0.25, 0.5, 0.35, 0.4)
    assert user.sides() == pytest.approx((28, 7, 40, 24), abs=1)
    user.draw(28 / 80, 31 / 48, 0.3, 0.9)
    x, y, w, h = user.sides()
    assert (x, y, w, h) == pytest.approx((24, 7, 44, 36), abs=1)
    user.page.wait_for_selector('#csv:enabled')
    expected = predictor.predict(clips('short.mp4')).regions([Rectangle('a', x, y, w, h)])
    [record] = expected.records()
    said = user.page.inner_text('.said')
    assert f'{record["share"]:.0%}'.replace('%', ' %') in said
    assert f'{record["times_more"]:.1f} times its area' in said
    # Any name is one, also of characters that no terminal shows.
    name = '<b>the "cup" \N{WOMAN}\N{ZERO WIDTH JOINER}\N{ROCKET}'
    user.page.fill('.region .bar input', name)
    user.page.locator('#legend li', has_text=name).wait_for()

    # Beside it, where people really looked.
    gaze = tmp_path / 'gaze.csv'
    rows = [f'short,40,24,{n}\n' for n in range(1, 11)] + [f'{n},1,1,1\n' for n in 'abcd']
    gaze.write_text('video,x,y,frame\n' + ''.join(rows))
    user.page.set_input_files('#gaze', gaze)
    user.page.locator('figcaption', has_text='Recorded gaze').wait_for()
    user.page.locator('.said', has_text='Recorded gaze').wait_for()
    assert user.page.inner_text('#gaze-note') == 'gaze.csv: gaze on short, a, b and 2 more'
    assert user.page.locator('#chart .curve').count() == 2
    path = user.save('#csv', tmp_path)
    assert path.name == 'short_regions.csv'
    with path.open(newline='') as file:
        rows = list(csv.DictReader(file))
    assert {row['region'] for row in rows} == {name} and len(rows) == 40
    shares = [float(row['share']) for row in rows if row['source'] == 'tiny.py']
    np.testing.assert_allclose(shares, expected.shares[:, 0], atol=1e-4)
    looked = [row['share'] for row in rows if row['source'] == 'Recorded gaze']
    assert all(float(share) > 0.9 for share in looked[:10]) and looked[10:] == [''] * 10
    # Of another file there is none: the model is shown all the same.
    user.upload(clips('other.mp4'))
    user.state('other.mp4', 'done')
    user.item('other.mp4').click()
    user.page.locator('#note', has_text='gaze.csv: holds no gaze on other').wait_for()
    assert user.page.locator('figure').count() == 1 and user.page.locator('.region').count() == 0
    assert user.page.is_checked('[name=curves][value=gathered]'), 'it has that curve'
    user.item('short.mp4').click()
    assert user.page.locator('.region').count() == 1
    # What is said of a region goes with it.
    user.draw(0.1, 0.95, 0.6, 0.99)
    user.measured(2)
    said = user.page.locator('.said').all_inner_texts()
    order = user.page.inner_text('#order').splitlines()
    assert order[1].startswith(f'Recorded gaze: most attention: {name} (')
    assert f'Stands out first: {name} (0.00 s)' in order[1]
    user.page.click('.region button >> nth=0')
    assert user.page.locator('.said').all_inner_texts() == said[1:] and said[0] != said[1]
    assert user.page.locator('#csv').is_disabled()
    user.page.click('.region button')
    assert user.page.inner_text('#curves-note').startswith('Entropy')


def test_twenty_files_and_bad_ones(visit, clips, tmp_path):
    user = visit()
    user.only()
    names = [*(f'{number}.png' for number in range(14)), '<img src=x onerror=alert(1)>.png']
    for name in names:
        shutil.copy(clips('picture.png'), tmp_path / name)
    bad = [clips(name) for name in ('text.mp4', 'endless.mp4', 'huge.mp4')]
    user.upload(*bad, *(tmp_path / name for name in names), clips('one.mp4'), clips('short.mp4'))
    first = user.page.query_selector('.item')
    user.state('text.mp4', 'failed: text.mp4: cannot be read as a video')
    user.state('endless.mp4', r'endless.mp4 is too long: 45.0 seconds; at most 40 are taken')
    user.state('huge.mp4', 'huge.mp4 is too large: at most 1 MB')
    assert str(user.server.folder) not in user.page.content(), 'a path of the server is shown'
    until(lambda: user.page.locator('.state.done').count() == 17)
    assert user.page.locator('.item').count() == 20
    assert first.evaluate('row => row.isConnected'), 'a row that is made anew loses clicks on it'
    user.item('one.mp4').click()
    user.page.locator('#stage-title', has_text='one.mp4').wait_for()
    user.stands_at(0, 0.02)
    assert not user.page.locator('#chart').is_visible(), 'one moment is no curve'
    user.item(names[-1]).click()
    until(lambda: user.page.text_content('#stage-title') == names[-1])
    user.page.locator('.words', has_text='Most attention: ').wait_for()
    decoded = 'image => image.decode().then(() => image.naturalWidth)'
    assert user.page.eval_on_selector('.frame img', decoded) == 80
    assert not user.page.locator('#chart').is_visible()
    user.draw(0.1, 0.1, 0.6, 0.6)
    for _ in range(19):
        user.page.click('#add-region')
    user.measured(20)
    assert user.sides(1) != user.sides(2), 'one would hide the other'
    assert user.page.locator('#add-region').is_disabled()
    user.draw(0.75, 0.75, 0.9, 0.9)
    assert user.page.locator('.region').count() == 20
    # What failed makes no room; more than twenty are refused, until one goes.
    user.upload(*[tmp_path / name for name in names[:4]])
    user.state('3.png', 'failed: a page holds at most 20 files: remove some')
    user.page.click('[aria-label="Remove short.mp4"]')
    assert user.page.locator('.item', has_text='short.mp4').count() == 0
    user.result(clips('other.mp4'))


def test_stop(visit, clips):
    user = visit()
    user.only()
    user.upload(clips('long.mp4'), clips('short.mp4'))
    user.work(r'Predicting with tiny.py: frame [1-9]\d* of 900')
    user.page.click('#stop')
    user.page.locator('#why', has_text='Stopped').wait_for()
    user.state('short.mp4', 'stopped')
    assert not user.page.locator('#result').is_visible()
    user.item('short.mp4').click()
    user.page.click('#again')
    user.state('short.mp4', 'done')
    user.state('long.mp4', 'stopped')
    # Of what is made anew a part may be gone.
    user.page.route('**/queue/join', lambda route: None)
    user.page.select_option('#colors', 'hot', force=True)
    user.state('short.mp4', 'at work')
    user.page.click('#stop')
    user.page.locator('#why', has_text='Stopped').wait_for()
    assert not user.page.locator('#result').is_visible()


def test_two_users(visit, clips, server):
    one, two = visit(), visit()
    for user in (one, two):
        user.only()
    one.upload(clips('long.mp4'))
    one.work('Predicting')
    two.upload(clips('other.mp4'))
    two.work('In the queue: 1 before this one|Waiting')
    one.page.click('#stop')
    one.result(clips('short.mp4'))
    two.state('other.mp4', 'done')
    assert ' of 30, ' in two.page.inner_text('#now')
    first, second = (user.page.get_attribute('video', 'src') for user in (one, two))
    base = server.address.rstrip('/')
    assert first != second and one.context.request.get(base + first).ok
    assert two.context.request.get(base + first).status == 403
    # A link of another page takes nothing from the pages that are open.
    third = two.context.new_page()
    third.goto(f'data:text/html,<a href="{base}/">here</a>')
    third.click('a')
    third.wait_for_selector('#examples button')
    two.result(clips('short.mp4'))
    third.close()
    guess = re.sub(r'/files/\w+/', f'/files/{"0" * 32}/', first)
    assert two.context.request.get(base + guess).status == 403
    # A foreign page, and what Gradio has besides.
    files = {'files': dict(name='a.mp4', mimeType='video/mp4', buffer=b'x')}
    there = f'{base}/gradio_api/upload'
    answer = two.context.request.post(there, multipart=files, headers={'Origin': 'http://evil'})
    assert answer.status == 403
    answer = two.context.request.get(base, headers={'Host': 'evil.example'})
    assert answer.status == 403
    for path in ('docs', 'openapi.json', 'config', 'gradio_api/info', 'monitoring'):
        assert two.context.request.get(f'{base}/{path}').status == 404, path
    # A closed page frees the queue, and its files go.
    one.upload(clips('long.mp4'))
    one.state('long.mp4', 'at work, ')
    one.page.close()
    # A page that the browser kept and shows again has lost its files: it begins anew.
    with two.page.expect_navigation():
        two.page.evaluate('dispatchEvent(new PageTransitionEvent("pageshow", {persisted: true}))')
    two.page.close()
    until(lambda: not [path for path in server.files() if 'sessions' in path.parts], server.files)


def test_keys_alone(visit, tmp_path):
    """From the empty page to the share of a named region, without a pointer."""
    user = visit(reduced_motion='reduce')
    page = user.page

    def go(selector, key='Tab', most=40):
        """Press a key until something has the focus, which is to be seen."""
        for _ in range(most):
            page.keyboard.press(key)
            if page.evaluate(f'document.activeElement.matches({selector!r})'):
                seen = page.evaluate(
                    """() => [document.activeElement, document.activeElement.parentElement,
                    document.activeElement.nextElementSibling].some(
                      e => e && getComputedStyle(e).outlineStyle !== 'none')"""
                )
                assert seen, f'the focus on {selector} is not seen'
                return
        raise AssertionError(f'{selector} is not reached')

    go('#files')
    go('#examples li:nth-child(2) button')
    page.keyboard.press('Enter')
    user.state('coffee.mp4', 'done')
    assert page.evaluate('document.activeElement.className') == 'item'
    go('#stop, #beside')
    go('#skip', key='Shift+Tab')
    page.keyboard.press('Enter')
    go('#stage input[value=overlay]')
    page.keyboard.press('ArrowRight')
    assert page.is_checked('[name=kind][value=map]')
    go('#chart')
    before = page.inner_text('#now')
    page.keyboard.press('PageUp')
    assert page.inner_text('#now') != before
    go('#add-region')
    page.keyboard.press('Enter')
    assert page.evaluate('document.activeElement.ariaLabel') == 'Name of region 1'
    page.keyboard.type('Cup')
    go('.sides input')
    page.keyboard.press('ArrowUp')
    user.measured(1)
    assert page.input_value('.sides input') == '214', 'a third of 640, and one'
    page.keyboard.type('9')
    page.keyboard.press('Tab')
    assert page.input_value('.sides input') == '639', 'a region lies in the frame'
    page.locator('#legend li', has_text='Cup').first.wait_for()
    go('.region button', key='Shift+Tab')
    page.keyboard.press('Enter')
    assert page.evaluate('document.activeElement.id') == 'add-region'


@pytest.fixture(scope='module')
def axe(tmp_path_factory):
    """The script of axe-core."""
    if named := os.environ.get('SALKIT_AXE'):
        return Path(named).read_text('utf-8')
    if shutil.which('npm') is None:
        pytest.skip('axe-core is not here: no npm, and SALKIT_AXE names no axe.min.js')
    folder = tmp_path_factory.mktemp('axe')
    options = ['--prefer-offline', '--no-audit', '--no-fund', '--fetch-retries=0']
    command = ['npm', 'install', '--prefix', str(folder), *options, 'axe-core@4']
    try:
        subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    except subprocess.SubprocessError as error:
        pytest.skip(f'npm gives no axe-core: {(error.stderr or error)!s:.200}')
    return (folder / 'node_modules' / 'axe-core' / 'axe.min.js').read_text('utf-8')


TAGS = ('wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice')


@pytest.mark.parametrize('size', [DESKTOP, TABLET, PHONE])
def test_barriers_and_widths(visit, axe, clips, size):
    # The script of axe is no part of the page, whose policy would refuse it. No color fades.
    user = visit(size=size, bypass_csp=True, reduced_motion='reduce')
    page = user.page
    page.evaluate(axe)

    def check():
        for scheme in ('dark', 'light'):
            page.emulate_media(color_scheme=scheme)
            found = page.evaluate(
                'tags => axe.run(document, {runOnly: {type: "tag", values: tags}})', TAGS
            )
            said = [
                (one['id'], one['help'], one['nodes'][0]['html']) for one in found['violations']
            ]
            assert not said and len(found['passes']) > 20
        assert page.evaluate('document.documentElement.scrollWidth') <= size[0]

    check()
    user.upload(clips('short.mp4'), clips('text.mp4'))
    user.state('short.mp4', 'done')
    user.state('text.mp4', 'failed')
    if size != DESKTOP:
        assert page.get_attribute('#draw', 'aria-pressed') == 'false', 'a finger scrolls'
        page.click('#draw')
        page.click('#settings summary')
    user.draw(0.2, 0.2, 0.6, 0.8, panel=1)
    user.measured(1)
    page.fill('.region .bar input', 'W' * 60)
    user.draw(0.9, 0.9, 1, 1)
    user.measured(2)
    check()
    # The last region's.
    label, frame = (page.locator(f'.frame{part}').first for part in (' span', ''))
    assert label.inner_text() == 'Region 2'
    inside, around = label.bounding_box(), frame.bounding_box()
    for start, length in (('x', 'width'), ('y', 'height')):
        assert inside[start] + inside[length] <= around[start] + around[length] + 1
    if size == DESKTOP:
        page.emulate_media(forced_colors='active')
        colors = [
            page.eval_on_selector(one, 'e => getComputedStyle(e).backgroundColor')
            for one in ('[name=kind]:checked + span', '#kind')
        ]
        assert colors[0] != colors[1], 'what is chosen is seen'
        page.emulate_media(forced_colors='none')
        user.item('text.mp4').click()
        page.locator('#why', has_text='cannot be read').wait_for()
        check()


def test_end_removes_everything(visit, clips, server):
    user = visit()
    user.upload(clips('long.mp4'))
    user.work(r'Predicting with tiny.py: frame [1-9]')
    assert server.files()
    before = len(server.errors)
    assert server.stop() == 0
    assert not server.files()
    assert ''.join(server.errors[before:]) == 'salkit serve: stopped\n'
    user.page.locator('#why, #work-text', has_text='connection').first.wait_for()
    user.errors.clear()


@pytest.mark.skipif('SALKIT_SCREENSHOTS' not in os.environ, reason='SALKIT_SCREENSHOTS names none')
def test_screenshots(visit, start_server):
    """Pictures for the documentation."""
    folder, server = Path(os.environ['SALKIT_SCREENSHOTS']), start_server()

    def picture(page, name, **how):
        # The browser's own sign of loading fades.
        page.wait_for_timeout(1000)
        shot = Image.open(io.BytesIO(page.screenshot(**how))).convert('RGB')
        shot.quantize(256).save(folder / f'web_{name}.png', optimize=True)

    for name, size, scheme in (
        ('desktop', DESKTOP, 'light'),
        ('dark', DESKTOP, 'dark'),
        ('phone', PHONE, 'light'),
    ):
        user = visit(server, size=size, color_scheme=scheme)
        page = user.page
        page.set_default_timeout(120_000)
        if name == 'desktop':
            picture(page, 'empty')
        page.click('#examples button >> nth=0')
        user.state('cat-coffee-motorcycle.mp4', 'done')
        if page.get_attribute('#draw', 'aria-pressed') == 'false':
            page.click('#draw')
        user.draw(0.6, 0.05, 0.88, 0.47)
        user.measured(1)
        page.fill('.region .bar input', 'right eye')
        page.locator('#chart').press('Home')
        for _ in range(2):
            page.locator('#chart').press('PageUp')
        page.evaluate('document.activeElement.blur(); scrollTo(0, 0)')
        picture(page, name, full_page=True)


def until(condition, what=lambda: '', seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what()
        time.sleep(0.1)
