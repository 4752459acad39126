"""Documents that lie elsewhere in the repository, as pages; and links to them."""

from __future__ import annotations

import os
import re
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).parents[2]
# File -> page. The suffix of those that are written tells them from those that somebody wrote.
COPIED = {
    'CHANGELOG.md': 'docs/reference/changelog.markdown',
    'CONTRIBUTING.md': 'docs/reference/contributing.markdown',
    'configs/salfom/README.md': 'docs/reference/salfom_configs.markdown',
    'README.md': 'docs/index.md',
}
_LINK = re.compile(r'(\]\()([^)\s#]+)')


def copied_pages() -> dict[str, str]:
    """The text of every page by its path below `docs/reference`."""
    return {
        Path(page).name: relinked((ROOT / file).read_text(encoding='utf-8'), file, page)
        for file, page in COPIED.items()
        if page.startswith('docs/reference/')
    }


def relinked(text: str, file: str, page: str) -> str:
    """The text of a file with its links to files as seen from the page that it becomes."""

    def mended(match: re.Match[str]) -> str:
        start, target = match.groups()
        if '://' in target or target.startswith('mailto:'):
            return match[0]
        path = os.path.normpath(os.path.join(os.path.dirname(file), target))
        return start + os.path.relpath(COPIED.get(path, path), os.path.dirname(page))

    return _LINK.sub(mended, text)


def link_to_copies(app: Sphinx, docname: str, source: list[str]) -> None:
    """Have pages link to the pages of what was copied."""
    path = Path(app.env.doc2path(docname)).relative_to(ROOT).as_posix()
    if path.endswith('.md'):
        source[0] = relinked(source[0], path, path)


def setup(app: Sphinx) -> dict[str, bool]:
    """What Sphinx calls."""
    app.connect('source-read', link_to_copies)
    return {'parallel_read_safe': True}
