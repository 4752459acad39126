"""Docstrings as salkit writes them: names in backticks, and nothing else is markup."""

from __future__ import annotations

import importlib
import re

from docutils import nodes
from markup import plain
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode

# `x, y: where it is` explains two attributes. Of a field with spaces Sphinx takes the first words
# for a type, so that the names are one word until the field is read. Napoleon parts arguments.
_SECTION = re.compile(r'\s*[A-Z]\w+:')
_NAMES = re.compile(r'\s+[a-z]\w*(?:, [a-z]\w*)+: ')
_NO_SPACE = '\u200b'


def mend_docstring(app: Sphinx, kind: str, name: str, thing: object, options: object, lines: list):
    """Keep stars and bars from being markup; examples stay as they are."""
    text, examples, section = [], [], ''
    for line in lines:
        is_example = line.lstrip().startswith(('>>>', '...')) or (examples and line.strip())
        if is_example:
            examples.append(line)
        elif examples:
            text, examples = [*text, *examples, line], []
        else:
            section = line.strip() if _SECTION.fullmatch(line) else section
            if section == 'Attributes:' and (names := _NAMES.match(line)):
                line = names[0].replace(', ', f',{_NO_SPACE}') + line[names.end() :]
            text.append(plain(line) if line.count('`') % 2 == 0 else line)
    lines[:] = [*text, *examples]


def part_names(app: Sphinx, doctree: nodes.document) -> None:
    """Put the spaces back between names that one field explains."""
    for text in list(doctree.findall(nodes.Text)):
        if _NO_SPACE in text:
            text.parent.replace(text, nodes.Text(text.replace(_NO_SPACE, ' ')))


def find_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.Element
) -> nodes.Element | None:
    """A class without its module is a link, where one alone is called so.

    A name with one is code where no page is about it: it has to exist all the same.
    """
    target = str(node.get('reftarget', ''))
    if node.get('refdomain') != 'py':
        return None
    if not target.startswith('salkit.'):
        if node.get('reftype') != 'obj' or not target[:1].isupper():
            return None
        end, objects = f'.{target}', env.domains['py'].objects.items()
        found = {entry.node_id: (name, entry) for name, entry in objects if name.endswith(end)}
        if len(found) != 1:
            return None
        ((name, entry),) = found.values()
        source = node.get('refdoc', '')
        return make_refnode(app.builder, source, entry.docname, entry.node_id, content, name)
    return content if _exists(target) else None


def _exists(name: str) -> bool:
    for number in range(name.count('.') + 1, 0, -1):
        place, attributes = name.split('.')[:number], name.split('.')[number:]
        try:
            found: object = importlib.import_module('.'.join(place))
            for attribute in attributes:
                found = getattr(found, attribute)
        except (ImportError, AttributeError):
            continue
        return True
    return False


def setup(app: Sphinx) -> dict[str, bool]:
    """What Sphinx calls."""
    # Before Napoleon turns sections into fields.
    app.connect('autodoc-process-docstring', mend_docstring, priority=100)
    app.connect('doctree-read', part_names)
    app.connect('missing-reference', find_name)
    return {'parallel_read_safe': True}
