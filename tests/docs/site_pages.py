"""Documents by their links and headings, without building them."""

import re
from pathlib import Path

import salkit

ROOT = Path(salkit.__file__).parents[1]
_FENCE = re.compile(r'^(`{3,}).*?^\1`*$', re.MULTILINE | re.DOTALL)
_LINK = re.compile(r'(?<!\\)\]\(([^)\s]+)\)|<(https?:[^>\s]+)>')
_HEADING = re.compile(r'^#{1,6} +(.+?) *$', re.MULTILINE)


def documents():
    """Every document of the repository that may have links."""
    patterns = ('*.md', 'docs/*.md', 'docs/tutorials/*.md', 'configs/*/*.md', 'plugins/*/*.md')
    return [path for pattern in patterns for path in sorted(ROOT.glob(pattern))]


def links(path):
    """Where the links of a document go, as they stand there."""
    text = re.sub(r'`[^`\n]+`', '', _FENCE.sub('', path.read_text(encoding='utf-8')))
    return [inline or plain for inline, plain in _LINK.findall(text)]


def anchors(path):
    """The anchors that GitHub, and the site, give to the headings of a document."""
    found = set()
    for heading in _HEADING.findall(_FENCE.sub('', path.read_text(encoding='utf-8'))):
        words = re.sub(r'\[([^\]]*)\]\([^)]*\)', r'\1', heading).lower()
        slug = re.sub(r'[^\w\- ]', '', words).replace(' ', '-')
        number = 0
        while (anchor := f'{slug}-{number}' if number else slug) in found:
            number += 1
        found.add(anchor)
    return found
