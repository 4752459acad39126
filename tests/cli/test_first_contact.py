"""What one meets first: a first page, short answers to mistakes, no waiting for PyTorch."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from make_data import write_dataset

import salkit
from salkit.cli import COMMANDS, FIRST_PAGE, main
from salkit.cli.json_output import with_place
from salkit.cli.parser import EXAMPLES, CommandParser

ROOT = Path(salkit.__file__).parents[1]
# What prints what it found out for programs, too.
REPORTING = [
    'reframe',
    'regions',
    *('baseline', 'benchmark', 'cache', 'check', 'compare', 'convert', 'density', 'export'),
    *('leaderboard', 'plot', 'plugins', 'predict', 'prepare', 'profile', 'protocols', 'score'),
    *('sweep', 'tables', 'test'),
]
# Each names a thing that is not there, or one of another kind.
MISTAKES = """
predict gone.mp4 | gone.mp4: the file does not exist
predict set/val --model no/such | config 'no/such' does not exist
predict set/val --model umt-tiny_cc-kl --checkpoint gone.pth | gone.pth: the checkpoint does not
serve --port 0 --model no/such | config 'no/such' does not exist
predict note.mp4 | note.mp4: cannot be read as a video
predict set/val --model umt-tiny_cc-kl | --model umt-tiny_cc-kl: give --checkpoint
predict set/val --model note.pth | note.pth: cannot be read as a checkpoint
predict set/val --out note.mp4 | --out note.mp4: expected a folder, but it is a file
predict set/val --start 5 --end 2 | --end must come after --start
reframe set/val --speed 0 | --speed must be at least 1
new-plugin mine --out note.mp4 | --out note.mp4: expected a folder
compare a.json b.json --plot a.svg | a.svg: the picture is a PNG file
predict set/val --batch-size 0 | --batch-size must be at least 1
predict set/val --overlay --truth gone | gone: the folder of ground truth does not exist
serve --port 0 --model umt-tiny_cc-kl | --model umt-tiny_cc-kl: give --checkpoint
train no/such | config 'no/such' does not exist
train umt-tiny_cc-kl --cfg-options data_root=gone | gone: the data root does not exist
train umt-tiny_cc-kl --work-dir note.mp4/run | note.mp4 is a file
train umt-tiny_cc-kl --resume gone.pth | gone.pth: the checkpoint does not exist
test umt-tiny_cc-kl | umt-tiny_cc-kl: is a config
test no/such | config 'no/such' does not exist
test no/such gone.pth | gone.pth: the checkpoint does not exist
test umt-tiny_cc-kl gone.pth | gone.pth: the checkpoint does not exist
test umt-tiny_cc-kl lite0 --cfg-options data_root=gone | gone: the data root does not exist
score gone set | gone: the folder of predictions does not exist
score maps gone | gone: the folder of ground truth does not exist
score maps set --protocol exakt | did you mean exact
export no/such --out a.onnx | config 'no/such' does not exist
export umt-tiny_cc-kl --out a.onnx | umt-tiny_cc-kl: expected either its weights
export lite0 --out a.txt | a.txt: expected the name of a file that ends in .onnx
export lite0 --out a.onnx --opset 3 | --opset must be
export umt-tiny_cc-kl --checkpoint gone.pth --out a.onnx | gone.pth: the checkpoint does not exist
convert gone.pth a.safetensors | gone.pth: the checkpoint does not exist
convert lite0 a.txt | a.txt: expected a name that ends in .safetensors
convert lite0 a.safetensors --config no/such | config 'no/such' does not exist
compare gone.json other.json | gone.json: the file does not exist
leaderboard gone.json | gone.json: the file does not exist
check note.mp4 | note.mp4: the data root is a file, expected a folder
check gone | gone: the data root does not exist
cache gone | config 'gone' does not exist
cache gone --features --dir d | config 'gone' does not exist
browse no/such --out b | config 'no/such' does not exist
browse umt-tiny_cc-kl --out b --cfg-options data_root=gone | gone: the data root does not exist
baseline center --dataset-root gone --out b | gone: the data root does not exist
baseline center no/such --out b | config 'no/such' does not exist
density gone --recipe dhf1k | gone: the file does not exist
density set --recipe dhf2k | --recipe must be one of
prepare dhf1 gone out | did you mean dhf1k
prepare folder gone out | gone: the folder does not exist
plot gone --out a.png | gone: holds no log of a training
benchmark infer no/such | config 'no/such' does not exist
benchmark train no/such | config 'no/such' does not exist
profile no/such | config 'no/such' does not exist
sweep table9 | the paper has no table '9'
demo --work-dir note.mp4 | --work-dir note.mp4: expected a folder, but it is a file
demo --cfg-options nothing=1 | the config has no 'nothing'
tables --work-dirs gone | gone: the folder of work dirs does not exist
tables 9 | the paper has no table '9'
protocols exakt | did you mean exact
"""
# Runs commands one after another, PyTorch being out of reach, and prints how each of them ended.
WITHOUT_PYTORCH = """
import contextlib, io, json, sys

class NoPyTorch:
    def find_spec(self, name, path=None, target=None):
        assert name != 'torch', 'PyTorch is imported'

sys.meta_path.insert(0, NoPyTorch())
from salkit.cli import main

ends = []
for line in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main(line)
        except (SystemExit, AssertionError) as end:
            status = str(end)
    ends.append([status, out.getvalue(), err.getvalue()])
print(json.dumps(ends))
"""


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A folder with a data set, and maps to be scored on it."""
    folder = tmp_path_factory.mktemp('first')
    write_dataset(folder / 'set', frames=9)
    for name in ('note.mp4', 'note.pth'):
        (folder / name).write_text('a note')
    for video in (folder / 'set' / 'test').iterdir():
        shutil.copytree(video / 'maps', folder / 'maps' / video.name)
    return folder


def run_without_pytorch(folder, lines):
    command = [sys.executable, '-c', WITHOUT_PYTORCH, json.dumps([line.split() for line in lines])]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_the_first_page(capsys):
    assert main([]) == 0
    out = capsys.readouterr().out
    assert out == FIRST_PAGE and max(map(len, out.splitlines())) <= 80
    named = re.findall(r'^  salkit (\S+)', out, flags=re.M)
    assert (
        {'predict', 'regions', 'reframe', 'score', 'train', 'help'}
        <= {*named}
        <= {*COMMANDS, 'help'}
    )


def test_what_is_mistyped_gets_the_nearest(capsys):
    for typed, message in (
        ('pradict', 'did you mean predict'),
        ('xyz', '`salkit help` lists'),
        ('predict --overly', '--overly; did you mean --overlay?'),
        ('predict --xyz', 'unrecognized arguments: --xyz\n'),
    ):
        with pytest.raises(SystemExit) as stopped:
            main(typed.split())
        assert stopped.value.code == 2 and message in capsys.readouterr().err


def test_help_of_a_command_by_either_way(capsys):
    texts = []
    for argv in (['help', 'tables'], ['tables', '--help'], ['help'], ['--help']):
        with pytest.raises(SystemExit) as stopped:
            main(argv)
        assert stopped.value.code == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1] != texts[2] == texts[3]
    assert texts[0].endswith('\n\nsuch as: salkit tables 3\n')


@pytest.mark.parametrize('name', COMMANDS)
def test_every_command_has_an_example_that_it_understands(name):
    command, *argv = EXAMPLES[name].split()
    module = __import__(f'salkit.cli.{name.replace("-", "_")}', fromlist=['run'])
    parser = CommandParser(f'salkit {name}', module, EXAMPLES[name])
    assert command == name and parser.read(argv) is not None
    json_options = [each for each in parser._actions if '--json' in each.option_strings]
    assert bool(json_options) == (name in REPORTING), name
    assert all(each.nargs == '?' and each.const == '-' for each in json_options)


@pytest.mark.parametrize('name', ['score', 'train', 'export', 'sweep', 'regions'])
def test_what_is_left_out_is_answered_in_four_lines(name, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([name])
    usage, example, more, error = capsys.readouterr().err.splitlines()
    assert stopped.value.code == 2 and usage.startswith(f'usage: salkit {name} [options] ')
    assert name != 'regions' or 'INPUT' in usage
    assert example == f'such as: salkit {EXAMPLES[name]}' and more.endswith('--help')
    assert error.startswith(f'salkit {name}: error: the following arguments are required: ')


def test_what_is_not_there_is_found_without_pytorch(folder):
    cases = [line.split(' | ') for line in MISTAKES.strip().splitlines()]
    ends = run_without_pytorch(folder, [line for line, _ in cases])
    for (line, message), (status, out, err) in zip(cases, ends, strict=True):
        assert (status, out) == (2, ''), (line, status, out, err)
        assert message in err and len(err.splitlines()) == 1, (line, err)
    assert not (folder / 'gone_saliency').exists()


def test_light_commands_do_all_their_work_without_pytorch(folder):
    lines = [
        *('tables', 'protocols', 'protocols exact', 'plugins', 'prepare folder x --list'),
        'check set --workers 1',
        'density set --recipe dhf1k --out densities --workers 1',
        'score maps set --split test --workers 1 --protocol exact,tmfi --out a.json',
        'compare a.json a.json --names one two --resamples 100 --plot compared.png',
        'leaderboard a.json --out board.html',
        'plot run --out curves.png',
    ]
    log = folder / 'run' / '20260101_000000' / 'vis_data' / 'scalars.json'
    log.parent.mkdir(parents=True)
    log.write_text(''.join(json.dumps(dict(loss=1 / n, step=n, iter=n)) + '\n' for n in (1, 2)))
    ends = run_without_pytorch(folder, lines)
    for line, (status, out, err) in zip(lines, ends, strict=True):
        assert status in (0, '0') and out, (line, status, err)


def test_json_is_all_that_is_printed(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    data = folder / 'set'

    def found(*argv):
        assert main([*map(str, argv)]) == 0
        printed = capsys.readouterr().out
        return json.loads(printed)

    assert found('baseline', 'center', '--dataset-root', data, '--out', 'center', '--json')[
        'written'
    ]
    scored = found('score', 'center', data, '--json', '--split', 'test', '--workers', '1')
    assert scored['protocol'] == 'exact' and len(scored['per_video']) == 2
    Path('a.json').write_text(json.dumps(scored))
    compared = found('compare', 'a.json', 'a.json', '--names', 'x', 'y', '--json')
    assert compared['command'] and compared['salkit_version'] == salkit.__version__
    assert found('leaderboard', 'a.json', '--json')['salkit_version'] == salkit.__version__
    assert found('density', data, '--json', '--recipe', 'dhf1k', '--out', 'd')['frames'] == 63
    cached = found('cache', data, '--dir', 'cache', '--size', '48x32', '--json', '--workers', '1')
    assert sum(each['written'] for each in cached['caches']) == 7 and not cached['failed']
    (exact,) = found('protocols', 'exact', '--json')['protocols']
    assert exact['name'] == 'exact' and exact['metrics']['CC']
    both = found('protocols', '--json', '--compare', 'exact', 'tmfi')['protocols']
    assert [each['name'] for each in both] == ['exact', 'tmfi']
    (table,) = found('tables', '3', '--json', '--work-dirs', tmp_path)['tables']
    assert table['rows'][0]['parameters'] == 92158531 and table['rows'][0]['ours'] == {}
    assert len(found('sweep', 'table1', '--demo', '--dry-run', '--json')['rows']) == 5
    # A file's name behind it takes a copy; what is printed stays.
    assert main(['protocols', '--json', 'p.json', 'exact']) == 0
    assert capsys.readouterr().out.startswith('exact (from ')
    assert json.loads(Path('p.json').read_text())['protocols'] == [exact]
    Path('text.json').write_text('no JSON')
    assert main(['protocols', 'exact', '--json', 'text.json']) == 2
    assert 'text.json: is there and holds no JSON' in capsys.readouterr().err


def test_what_stands_behind_json():
    for given, read in (
        (['--json'], ['--json=-']),
        (['--json', 'clip.mp4'], ['--json=-', 'clip.mp4']),
        (['--json', '--out', 'o'], ['--json=-', '--out', 'o']),
        (['--json', 'A.JSON', 'x'], ['--json', 'A.JSON', 'x']),
        (['--json', '-', 'x'], ['--json', '-', 'x']),
        (['--json=any'], ['--json=any']),
    ):
        assert with_place(given) == read


COMPLETE = """
eval "$(cat "$1")"
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
function=$(complete -p salkit | sed 's/.*-F \\([^ ]*\\).*/\\1/')
"$function" salkit "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope='module')
def script(folder):
    (status, out, err) = run_without_pytorch(folder, ['completion bash'])[0]
    assert status == 0 and not err
    (folder / 'script').write_text(out)
    return folder / 'script'


@pytest.mark.skipif(shutil.which('bash') is None, reason='needs bash')
@pytest.mark.parametrize(
    ('words', 'expected'),
    [
        ('pre', ['prepare', 'predict']),
        ('predict --ov', ['--overlay']),
        ('predict --precision fas', ['fast', 'fastest']),
        ('predict --out se', ['set']),
        ('predict --model lite0', ['lite0', 'lite0-head_cc-kl', 'lite0_cc-kl']),
        ('train umt-ti', ['umt-tiny_cc-kl', 'umt-tiny_cc-kl_modern']),
        ('train salfom/umt-l16-d6', ['salfom/umt-l16-d6_cc-kl']),
        ('baseline ce', ['center']),
        ('check se', ['set']),
        ('score maps set --protocol dhf', ['dhf1k-matlab']),
        ('protocols ntire', ['ntire26']),
        ('predict --traceb', ['--traceback']),
        ('he', ['help']),
        ('help pre', ['prepare', 'predict']),
    ],
)
def test_bash_completes(folder, script, words, expected):
    command = ['bash', '-c', COMPLETE, 'bash', str(script), 'salkit', *words.split()]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert done.stdout.split() == expected


def test_a_script_for_every_shell(capsys):
    for shell in ('zsh', 'fish'):
        assert main(['completion', shell]) == 0
        assert 'umt-tiny_cc-kl' in capsys.readouterr().out
