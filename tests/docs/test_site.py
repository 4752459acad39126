"""The site of docs/: built without a warning, for files alone, with all that the code offers."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from site_pages import ROOT

from salkit.cli import COMMANDS
from salkit.config.options import RUNNER_KEYS, SALKIT_KEYS

pytest.importorskip('sphinx', reason='sphinx is not installed')
pytestmark = [
    pytest.mark.slow,
    # Takes 40 s of one core; where many processes share it, longer than a test may by default.
    pytest.mark.timeout(1200),
    pytest.mark.skipif(
        not (ROOT / 'docs' / 'conf.py').is_file(), reason='the tests run without a checkout'
    ),
]


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    """Folder of the built site."""
    out = tmp_path_factory.mktemp('site')
    options = re.search(r'sphinx-build (.+) docs build/docs', (ROOT / 'Makefile').read_text())[1]
    # A third of the time goes into functions in the tables of contents, which nothing here reads.
    options += f' -E -d {out / "trees"} -D toc_object_entries=0'
    command = [sys.executable, '-m', 'sphinx', *options.split()]
    done = subprocess.run([*command, ROOT / 'docs', out / 'html'], capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr[-4000:]
    return out / 'html'


def text_of(path):
    return path.read_text(encoding='utf-8')


def test_it_has_what_the_code_offers(site):
    for command in COMMANDS:
        assert f'usage: salkit {command} ' in text_of(site / f'reference/commands/{command}.html')
    entries = text_of(site / 'reference/config/entries.html')
    for key in (*RUNNER_KEYS, *SALKIT_KEYS):
        assert f'id="confval-{key}"' in entries, key
    assert 'drop_path' in text_of(site / 'reference/config/encoders.html')
    functions = text_of(site / 'reference/api/salkit.functional.html')
    # The example in its docstring, too.
    assert 'id="salkit.functional.cc"' in functions and '0.9487' in functions
    # Attributes that one line of a docstring explains, and arguments.
    inference = re.sub(r'<[^>]+>', '', text_of(site / 'reference/api/salkit.inference.html'))
    assert '\nvideo, model -- what they are called.' in inference
    assert '\nstride -- see SaliencyPredictor.predict' in inference


def test_pages_ask_nobody_for_anything(site):
    address = r'(?:https?:)?//[^"]+'
    loaded = re.compile(rf'<(?:script|link|img|iframe)\b[^>]*?\b(?:src|href)="({address})"')
    for path in site.rglob('*.html'):
        assert not loaded.findall(text_of(path)), path.name
    for path in Path(site, '_static').rglob('*.css'):
        assert not re.search(r'(?:@import|url\()\s*["\']?(?:https?:)?//', text_of(path)), path.name


def test_its_search_finds_things_without_a_server(site, browser):
    page = browser.new_page()
    for word, wanted in (('CC', 'salkit.functional.cc'), ('webcam', 'Prediction on your own')):
        page.goto(f'{(site / "search.html").as_uri()}?q={word}')
        page.locator('#search-results li', has_text=wanted).first.wait_for()
