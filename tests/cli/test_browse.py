import numpy as np
import pytest
from make_data import write_dataset
from PIL import Image

from salkit.cli import main


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp('data') / 'set')


def browse(root, out, *options):
    options = [*options, '--cfg-options', f'data_root={root}']
    return main(['browse', 'demo/umt-tiny_cc-kl', '--out', str(out), *options])


def test_a_picture_a_clip(root, tmp_path, capsys):
    assert browse(root, tmp_path / 'out', '--count', '3') == 0
    names = sorted(path.name for path in (tmp_path / 'out').iterdir())
    assert [name[:17] for name in names] == [f'000{i}_set_train00{i}' for i in range(3)]
    assert np.asarray(Image.open(tmp_path / 'out' / names[0])).std() > 10
    assert '3 of 4 clips drawn' in capsys.readouterr().out


def test_other_stages_and_epochs(root, tmp_path):
    for epoch in ('0', '1'):
        assert browse(root, tmp_path / epoch, '--count', '2', '--epoch', epoch) == 0
    first, second = (
        {path.name: path.read_bytes() for path in (tmp_path / epoch).iterdir()} for epoch in '01'
    )
    assert first != second
    assert browse(root, tmp_path / 'val', '--stage', 'val', '--count', '99') == 0
    assert [path.stem[:4] for path in (tmp_path / 'val').iterdir()] == ['0000']


def test_mistakes(root, tmp_path, capsys):
    assert browse(root, tmp_path / 'out', '--count', '0') == 2
    assert '--count: expected at least 1' in capsys.readouterr().err
    assert browse(tmp_path / 'nowhere', tmp_path / 'out') == 2
    assert 'the data root does not exist' in capsys.readouterr().err
