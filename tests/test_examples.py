"""The notebooks in examples/ run from top to bottom, and what of ours is shown in a notebook."""

import os
from pathlib import Path

import nbclient
import nbformat
import pytest

import salkit

FOLDER = Path(salkit.__file__).parents[1] / 'examples'
NOTEBOOKS = sorted(FOLDER.glob('*.ipynb'))


@pytest.fixture(scope='module')
def kernel(tmp_path_factory):
    """Runs cells from nothing in a folder and gives what each of them shows; imports stay."""
    # As a worker of the suite: one process a core.
    environment = dict(os.environ, OMP_NUM_THREADS='1')
    client = nbclient.NotebookClient(nbformat.v4.new_notebook(), timeout=300, kernel_name='python3')

    def run(cells, folder, allow_errors=False):
        folder.mkdir(exist_ok=True)
        start = nbformat.v4.new_code_cell(f'%reset -f\n%cd -q {folder}')
        client.nb = nbformat.v4.new_notebook(cells=[start, *cells])
        client.allow_errors = allow_errors
        client.reset_execution_trackers()
        for number, cell in enumerate(client.nb.cells):
            client.execute_cell(cell, number)
        return [cell.get('outputs', []) for cell in client.nb.cells[1:]]

    with client.setup_kernel(env=environment):
        yield run


@pytest.fixture
def show(kernel, tmp_path):
    """Runs code in a cell each and gives what the last one shows."""

    def run(*sources):
        cells = [nbformat.v4.new_code_cell(source) for source in sources]
        return kernel(cells, tmp_path, allow_errors=True)[-1]

    return run


def text_of(outputs):
    return '\n'.join(
        output.get('text') or output.get('data', {}).get('text/html', '') for output in outputs
    )


@pytest.mark.slow
@pytest.mark.parametrize('path', NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(kernel, path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == 'code']
    assert not any(cell.outputs or cell.execution_count for cell in code), 'is stored with outputs'
    names = set(os.listdir(FOLDER))
    shown = kernel(notebook.cells, tmp_path / 'run')
    assert set(os.listdir(FOLDER)) == names
    # What libraries warn of would frighten a reader: nothing is written on stderr.
    assert not [o.text for outputs in shown for o in outputs if o.get('name') == 'stderr']
    tables = [o for outputs in shown for o in outputs if 'text/html' in o.get('data', {})]
    assert tables, 'nothing shows itself'


def test_the_four_notebooks_are_there():
    if not FOLDER.is_dir():
        pytest.skip('the tests run without a checkout')
    names = ['new_encoder', 'predict_and_look', 'score_and_compare', 'your_own_gaze']
    assert [path.stem for path in NOTEBOOKS] == names


def test_an_error_of_ours_is_a_line(show):
    wrong = "import salkit\nsalkit.load_config('salfom/nothing')"
    (output,) = show(wrong)
    assert output.ename == 'ConfigError'
    first, second = output.traceback
    assert first.startswith("ConfigError: config 'salfom/nothing'") and 'print_last()' in second
    whole = text_of(show(wrong, 'import traceback; traceback.print_last()'))
    assert 'in load_config' in whole and whole.rstrip().endswith(first.partition(': ')[2])


def test_libraries_do_not_ask_for_widgets(show):
    # As huggingface_hub does it, and timm through it.
    assert not show('import sys; sys.modules.pop("tqdm.auto", None)\nimport salkit, tqdm.auto')


def test_a_progress_bar_is_one_line(show):
    outputs = show("""
        import salkit
        from salkit.datasets import VideoSaliencyDataset
        from salkit.datasets.demo.generator import generate_demo_data
        from salkit.scoring.baselines import write_baseline

        generate_demo_data('demo', videos=dict(test=1), frames=32, size=(48, 64))
        write_baseline('center', VideoSaliencyDataset('demo', 'test'), 'center')
        salkit.score('center', 'demo', metrics=['CC'], progress=True);
    """)
    bar = ''.join(output.text for output in outputs)
    assert bar.count('\n') == 1 and '32/32' in bar
