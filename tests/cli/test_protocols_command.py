import pytest

from salkit.cli import main
from salkit.cli.protocols import compare
from salkit.metrics import Protocol, get_protocol, protocol_names
from salkit.metrics.codes import PROTOCOLS as BUILT_IN


def printed(capsys, *argv):
    assert main(['protocols', *argv]) == 0
    return capsys.readouterr().out


def test_all_in_short(capsys):
    text = printed(capsys)
    assert all(name in text for name in protocol_names())
    assert 'Metrics: CC, KL, SIM, NSS, AUC-J, s-AUC' in text


@pytest.mark.parametrize('name', [protocol.name for protocol in BUILT_IN])
def test_one_in_full(capsys, name):
    text = printed(capsys, name)
    words = ' '.join(text.split())
    protocol = get_protocol(name)
    assert text.startswith(f'{name} (from salkit itself)') and protocol.summary in words
    assert all(line in words for line in protocol.description)
    assert all(measure.definition in words for measure in protocol.measures.values())
    assert max(map(len, text.splitlines())) <= 100


def test_what_sets_them_apart(capsys):
    words = {name: ' '.join(printed(capsys, name).split()) for name in protocol_names()}
    assert '8-bit grey levels' in words['dhf1k-matlab'] and '50,000' in words['dhf1k-matlab']
    assert 'bicubic' in words['dhf1k-matlab'] and '10 frames of the set' in words['dhf1k-matlab']
    assert 'blur, 11 x 11' in words['tmfi'] and 'makes the mean NaN' in words['tmfi']
    assert 'number of pixels - 2' in words['ntire26'] and 'repeats' in words['ntire26']
    assert 'bootstrap' in words['exact'] and 'ties count 1/2' in words['exact']


def test_an_unknown_name(capsys):
    assert main(['protocols', 'exactly']) == 2
    assert 'did you mean exact?' in capsys.readouterr().err


def test_where_two_differ(capsys):
    text = printed(capsys, '--compare', 'tmfi', 'vinet')
    assert text.startswith('Fixations:\n  tmfi   from images before .mat files')
    assert 'counts as 0' in text and 'Prediction' in text.partition('The same:')[2]
    words = ' '.join(printed(capsys, '--compare', 'exact', 'unisal').split())
    assert 'KL: exact KL(density || prediction) in nats' in words and 'without any eps' in words
    assert 'IG: exact bits per fixation' in words and 'unisal not defined' in words
    assert 'The same: CC' in words
    text = printed(capsys, '--compare', 'exact', 'exact')
    assert text.startswith('The same: Prediction, CC') and text.count('\n') == 1
    assert main(['protocols', 'exact', '--compare', 'exact', 'tmfi']) == 2


def test_steps_of_its_own_are_told():
    class Inverted(Protocol):
        def prepare(self, prediction, size, final=False):
            return -super().prepare(prediction, size, final)

    exact = get_protocol('exact')
    own = Inverted('own', exact.summary, exact.description, exact.measures, exact.extra)
    assert 'a way of its own' in compare(exact, own).partition('The same')[0]
