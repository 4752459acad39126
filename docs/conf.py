"""How Sphinx builds this folder into a site: `make docs`."""

import sys
from pathlib import Path

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / 'extensions'), str(HERE.parent)]

from salkit.version import __version__  # noqa: E402

project = 'salkit'
copyright = 'the salkit developers'
version = release = __version__
html_title = f'salkit {__version__}'

extensions = [
    'myst_parser',
    'sphinx.ext.autodoc',
    'sphinx.ext.napoleon',
    'sphinx_copybutton',
    'copied_pages',
    'names',
    'reference_pages',
]
source_suffix = {'.md': 'markdown', '.markdown': 'markdown', '.rst': 'restructuredtext'}
exclude_patterns = ['extensions']

# Pages: Markdown, with the anchors that GitHub gives to headings.
myst_heading_anchors = 4
myst_enable_extensions = ['attrs_inline']
# An example that prints something is a block without a language.
highlight_language = 'none'
copybutton_exclude = '.linenos, .gp, .go'

# The reference: docstrings say `name` for whatever it is, which is a link where it is ours.
add_module_names = False
default_role = 'py:obj'
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
autodoc_member_order = 'bysource'
autodoc_typehints_format = 'short'
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
toc_object_entries_show_parents = 'hide'
# Names of salkit have to be there; those of others are in documents of their own.
nitpicky = True
nitpick_ignore_regex = [('py:.*', r'(?!salkit\.).*')]

# 'x' and --y are what is typed.
smartquotes = False
html_theme = 'furo'
html_static_path = []
html_show_sphinx = False
html_copy_source = False
# Furo's own fonts are those of the system: a page asks nobody for anything.
html_theme_options = {'navigation_with_keys': True}


def setup(app: Sphinx) -> None:
    """Have blocks of `csv`, which GitHub colors, shown as they are."""
    app.add_lexer('csv', TextLexer)
