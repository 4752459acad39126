"""Links of documents lead somewhere, and the README is as short as it wants to be."""

import re
from urllib.parse import urlsplit

import pytest
from site_pages import ROOT, anchors, documents, links

DOCUMENTS = documents()
pytestmark = pytest.mark.skipif(not DOCUMENTS, reason='the tests run without a checkout')


@pytest.mark.parametrize('path', DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    for link in links(path):
        if ':' in link:
            address = urlsplit(link)
            assert address.scheme in ('http', 'https') and '.' in address.netloc, link
            assert re.fullmatch(r'[!-~]+', link), link
            continue
        name, _, anchor = link.partition('#')
        target = (path.parent / name).resolve() if name else path
        assert target.exists() and target.is_relative_to(ROOT), link
        assert not anchor or anchor in anchors(target), link


def test_the_readme_is_short_and_sets_up():
    text = (ROOT / 'README.md').read_text(encoding='utf-8')
    assert len(text) <= 6000
    for wanted in ('\nmake demo', '\nmake test', '](docs/index.md)', '\n@software{', '\n@misc{'):
        assert wanted in text, wanted
    assert re.search(r'^!\[.+\]\(docs/.+\)$', text, re.MULTILINE)


def test_every_page_has_a_place_in_the_index():
    index = (ROOT / 'docs' / 'index.md').read_text(encoding='utf-8')
    listed = set(re.findall(r'^[\w/]+$', index, re.MULTILINE))
    assert {path.stem for path in (ROOT / 'docs').glob('*.md')} - {'index'} <= listed
