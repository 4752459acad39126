"""The pages of the reference that the code writes: commands, configs, the API, the changelog.

They are written to `docs/reference/` before Sphinx looks for pages, and only where they changed.
"""

from __future__ import annotations

from pathlib import Path

from api_pages import api_pages
from command_pages import command_pages
from config_pages import config_pages
from copied_pages import copied_pages
from sphinx.application import Sphinx


def write_pages(app: Sphinx) -> None:
    """Write the pages of the reference, and remove those of an earlier time."""
    root = Path(app.srcdir) / 'reference'
    pages = {**api_pages(), **command_pages(), **config_pages(), **copied_pages()}
    for path in [path for kind in ('rst', 'markdown', 'inc') for path in root.rglob(f'*.{kind}')]:
        if path.relative_to(root).as_posix() not in pages:
            path.unlink()
    for name, text in pages.items():
        path = root / name
        if not path.is_file() or path.read_text(encoding='utf-8') != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding='utf-8')


def setup(app: Sphinx) -> dict[str, bool]:
    """What Sphinx calls."""
    app.connect('builder-inited', write_pages)
    return {'parallel_read_safe': True}
