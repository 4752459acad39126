import pytest
from hypothesis import given
from hypothesis import strategies as st

from salkit.config import load_config, parse_options
from salkit.config.option_values import parse_value
from salkit.errors import ConfigError

WORDS = st.text('abcXYZ_/.-', min_size=1, max_size=6).filter(
    lambda word: word not in ('None',) and not word.replace('.', '').replace('-', '').isdecimal()
)
# What repr puts into the quotes that we read.
QUOTED = st.text(st.characters(codec='ascii', exclude_characters='\\\'"\n\r\t'), max_size=8).filter(
    str.isprintable
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | QUOTED,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(QUOTED.filter(bool), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(VALUES)
def test_what_python_writes_is_read_back(value):
    assert parse_value(repr(value)) == value


@given(st.lists(WORDS, min_size=2, max_size=4))
def test_words_need_no_quotes(words):
    assert parse_value(','.join(words)) == words
    assert parse_value(f'[{", ".join(words)}]') == words
    assert parse_value(f'({",".join(words)},)') == tuple(words)


@pytest.mark.parametrize(
    ('text', 'value'),
    [
        ("{'type':'x'}", {'type': 'x'}),
        ('dict(type=CCLoss, weight=1.0)', {'type': 'CCLoss', 'weight': 1.0}),
        ('[dict(a=dict(b=(1,2)))]', [{'a': {'b': (1, 2)}}]),
        ('"/data/a, b [1"', '/data/a, b [1'),
        ("['/a,b',c]", ['/a,b', 'c']),
        ('/my folder/x', '/my folder/x'),
        ("/it's/[1]", "/it's/[1]"),
        ("'3'", '3'),
        ('TRUE', True),
        ('none', 'none'),
        ('', ''),
        ('a,', ['a']),
        ('[]', []),
    ],
)
def test_values(text, value):
    assert parse_value(text) == value and type(parse_value(text)) is type(value)


@pytest.mark.parametrize('text', ['[1,2', '1]', '/a(b', '[(1])', 'dict(a=1'])
def test_brackets_that_do_not_match_ask_for_quotes(text):
    with pytest.raises(ConfigError, match='Imbalanced brackets; text that holds some needs quotes'):
        parse_value(text)


@pytest.mark.parametrize('text', ['{a}', 'dict(1)', '{1: 2}', 'dict(a=1, b)'])
def test_entries_of_dicts_need_names(text):
    with pytest.raises(ConfigError, match=r'expected entries key[:=]value in a dict'):
        parse_value(text)


@pytest.mark.parametrize('text', ['[' * 100_000, '{a:' * 60 + '1' + '}' * 60])
def test_nesting_has_an_end(text):
    with pytest.raises(ConfigError, match='up to 50 deep'):
        parse_value(text)


def test_a_dict_replaces_an_entry_and_reads_like_the_configs_own():
    options = parse_options(['model.losses.cc=dict(type=NSSLoss,weight=2.0)'])
    loss = load_config('demo/umt-tiny_cc-kl', options).model.losses.cc
    assert loss == dict(type='NSSLoss', weight=2.0) and loss.weight == 2.0
