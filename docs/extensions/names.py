"""Docstrings as salkit writes them: names in backticks, and nothing else is markup."""

from __future__ import annotations

import importlib

from docutils import nodes
from markup import plain
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment


def mend_docstring(app: Sphinx, kind: str, name: str, thing: object, options: object, lines: list):
    """Keep stars and bars from being markup; examples stay as they are."""
    text, examples = [], []
    for line in lines:
        is_example = line.lstrip().startswith(('>>>', '...')) or (examples and line.strip())
        if is_example:
            examples.append(line)
        elif examples:
            text, examples = [*text, *examples, line], []
        else:
            text.append(plain(line) if line.count('`') % 2 == 0 else line)
    lines[:] = [*text, *examples]


def existing_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.Element
) -> nodes.Element | None:
    """A name of salkit that no page is about, as code: it has to exist all the same."""
    place, _, attribute = str(node.get('reftarget', '')).rpartition('.')
    if node.get('refdomain') != 'py' or not place.startswith('salkit'):
        return None
    for module, path in ((f'{place}.{attribute}', ()), (place, (attribute,))):
        try:
            found: object = importlib.import_module(module)
            for part in path:
                found = getattr(found, part)
        except (ImportError, AttributeError):
            continue
        return content
    return None


def setup(app: Sphinx) -> dict[str, bool]:
    """What Sphinx calls."""
    # Before Napoleon turns sections into fields.
    app.connect('autodoc-process-docstring', mend_docstring, priority=100)
    app.connect('missing-reference', existing_name)
    return {'parallel_read_safe': True}
