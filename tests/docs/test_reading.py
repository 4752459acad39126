"""Blocks and marks are found, and what a page shows is held against what is printed."""

import doc_pages
import pytest
from doc_pages import blocks_of, salkit_calls
from doc_reader import Reader, compare

PAGE = """# A page

<!-- file: a.txt -->
```
one
```

```console
$ cat a.txt
one
```

## Later
<!-- not run below: needs a GPU -->

```
salkit train demo/umt-tiny_cc-kl \\
    --test   # with scores
```
```
salkit train: error: no GPU
```

### Deeper

<!-- run -->
```python
print(1.25)
```

<!-- numbers vary -->
```
1.5
```

## Last

```bash
cat a.txt
```
"""


@pytest.fixture
def page(tmp_path, monkeypatch):
    monkeypatch.setattr(doc_pages, 'ROOT', tmp_path)
    return tmp_path / 'page.md'


def test_blocks_and_their_marks(page):
    page.write_text(PAGE)
    blocks = blocks_of(page)
    kinds = ['text', 'commands', 'commands', 'text', 'python', 'text', 'commands']
    assert [block.kind for block in blocks] == kinds
    assert [block.is_run for block in blocks] == [0, 1, 0, 0, 1, 0, 1]
    assert blocks[1].commands() == [(9, 'cat a.txt', 'one')]
    assert blocks[2].marks == {'not run': 'needs a GPU'} and blocks[2].place == 'page.md:17'
    ((_, command, _),) = blocks[2].commands()
    assert salkit_calls(command) == [['train', 'demo/umt-tiny_cc-kl', '--test']]


def test_a_page_is_followed_and_told_off(page, tmp_path):
    page.write_text(PAGE)
    Reader(tmp_path, nursery=None).follow(blocks_of(page))
    for right, wrong, told in (
        ('$ cat a.txt\none', '$ cat a.txt\ntwo', 'page.md:9: shows'),
        ('$ cat a.txt', '$ cat b.txt', 'page.md:9: cat b.txt'),
        ('print(1.25)', 'print(1)', 'page.md:33: shows'),
        ('print(1.25)', 'raise ValueError(3)', 'page.md:28: ValueError: 3'),
    ):
        page.write_text(PAGE.replace(right, wrong))
        again = tmp_path / str(len(list(tmp_path.iterdir())))
        again.mkdir()
        with pytest.raises(AssertionError, match=told):
            Reader(again, nursery=None).follow(blocks_of(page))


def test_a_mark_that_is_none(page):
    page.write_text('# Page\n\n<!-- not ran: why -->\n```\nsalkit\n```\n')
    with pytest.raises(ValueError, match=r'page.md:3: no mark'):
        blocks_of(page)


@pytest.mark.parametrize(
    ('printed', 'shown', 'numbers_vary', 'agree'),
    [
        ('a\nb\nc\n', 'b', False, True),
        ('a\nbb\nc\n', 'b', False, False),
        ('a 1\nb 2\nc 3', 'a...\n...\nc 3', False, True),
        ('CC   0.51\n', 'CC  -0.512', True, True),
        ('CC   0.51\n', 'CC  0.52', False, False),
        ('3 videos\n', '4 videos', True, False),
        ('10 %\r55 %\rdone\n', 'done', False, True),
    ],
)
def test_what_agrees(printed, shown, numbers_vary, agree):
    if agree:
        compare(printed, shown, 'page.md:1', numbers_vary)
    else:
        with pytest.raises(AssertionError, match=r'page.md:1: shows'):
            compare(printed, shown, 'page.md:1', numbers_vary)
