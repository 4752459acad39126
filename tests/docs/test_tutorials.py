"""The tutorials, followed from the first block to the last."""

import pytest
from doc_pages import PAGES, blocks_of
from doc_reader import Reader

TUTORIALS = [page for page in PAGES if page.parent.name == 'tutorials' and page.stem != 'index']
pytestmark = pytest.mark.skipif(not TUTORIALS, reason='the tests run without a checkout')


@pytest.mark.slow
@pytest.mark.parametrize('page', TUTORIALS, ids=lambda page: page.stem)
def test_it_works_as_written(page, nursery, tmp_path):
    Reader(tmp_path, nursery).follow(blocks_of(page))
