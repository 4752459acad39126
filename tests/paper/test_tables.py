"""The paper's numbers, our counts and the scores of runs in one table."""

import json
import re

import pytest

from salkit.cli import main
from salkit.config.find import config_names, config_root
from salkit.errors import ConfigError
from salkit.paper.rows import METRICS, TABLES, rows_of, tables_of
from salkit.paper.tables import work_dir_of
from salkit.paper.zoo import params_of

SALFOM = 'salfom/umt-l16_cc-kl'


def report(protocol, dataset='DHF1KDataset', **scores):
    scores = {'CC': 0.5, 'NSS': 3.0, 'SIM': 0.4, 'AUC-J': 0.9, **scores}
    return dict(
        protocol=protocol,
        dataset=dataset,
        split='test',
        scores=scores,
        per_video={'0601': scores, '0602': scores},
        frames_per_video={'0601': 300, '0602': 282},
    )


def write_scores(root, *reports, config=SALFOM):
    path = work_dir_of(root, config) / 'scores.json'
    path.parent.mkdir(parents=True)
    content = reports[0] if len(reports) == 1 else dict(reports=reports)
    path.write_text(json.dumps(content))
    return path


def salfom_line(out):
    lines = (line.split() for line in out.replace('|', '').splitlines())
    return next(line for line in lines if line[:2] == ['CC+KL', '(SalFoM)'])


def test_every_row_is_a_config_that_comes_with_salkit():
    rows = [row for table in TABLES for row in table.rows]
    assert [len(table.rows) for table in TABLES] == [5, 7, 10, 7]
    assert {row.config for row in rows} <= set(config_names())
    assert len(rows_of(TABLES)) == 26
    same = {(row.scores, row.params_m) for row in rows if row.config == SALFOM and row.params_m}
    assert len(same) == 1


def test_the_papers_counts_are_ours_cut_to_a_decimal_but_for_two_slips():
    slips = []
    for table in TABLES[:3]:
        for row in table.rows:
            assert row.parameters == params_of(row.config)
            if int(row.parameters / 1e5) != round(row.params_m * 10):
                slips.append((row.label, row.params_m))
                assert 'its own size column' in row.note
            else:
                assert row.note is None
            # The size column agrees with ours everywhere, up to the paper's rounding.
            assert row.parameters * 4 / 1024 / 1000 == pytest.approx(row.size_mb, abs=1.3)
    assert slips == [('UMT-B-8, depth 12', 135.0), ('UMT-L-8, depth 24', 379.6)]


def test_tables_are_named_by_number():
    assert [table.number for table in tables_of(['table3', '1'])] == [3, 1]
    assert tables_of([]) == tables_of(['all']) == TABLES
    with pytest.raises(ConfigError, match="no table '5'"):
        tables_of(['5'])


def test_the_command_prints_the_paper(capsys, tmp_path):
    assert main(['tables', '--work-dirs', str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert out.count('402,945,443') == 10 and '92,158,531' in out
    assert 'ours' not in out and out.count('(!)') == 4


def test_scores_of_runs_stand_beside_the_papers(capsys, tmp_path):
    write_scores(tmp_path, report('tmfi'))
    assert main(['tables', '4', '--work-dirs', str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert salfom_line(out)[2:5] == ['0.565', '0.500', '-0.065']
    assert 'ours: protocol tmfi, DHF1KDataset test: 2 videos, 582 frames' in out
    assert 'not all measured' not in out and 'to score a run under both' not in out


@pytest.mark.parametrize('format', ['text', 'markdown'])
def test_other_protocols_stand_apart(capsys, tmp_path, format):
    exact = report('exact', CC=0.111, **{'s-AUC': 0.765})
    write_scores(tmp_path, exact, report('tmfi'))
    assert main(['tables', '4', '--work-dirs', str(tmp_path), '--format', format]) == 0
    out = capsys.readouterr().out
    beside, _, apart = out.partition('Table 4, ours under exact')
    assert salfom_line(beside)[2:5] == ['0.565', '0.500', '-0.065'] and '0.111' not in beside
    assert salfom_line(apart)[2:] == ['0.111', '3.000', '0.400', '0.900', '0.765']
    assert 'ours: protocol exact' in apart and 'ours: protocol tmfi' in apart


def test_scores_of_another_protocol_alone_leave_the_papers_column_empty(capsys, tmp_path):
    write_scores(tmp_path, report('exact', CC=0.111))
    assert main(['tables', '4', '--work-dirs', str(tmp_path)]) == 0
    beside, _, apart = capsys.readouterr().out.partition('Table 4, ours under exact')
    assert salfom_line(beside)[2:6] == ['0.565', '3.299', '0.436', '0.928']
    assert 'ours' not in beside and salfom_line(apart)[2] == '0.111'
    assert 'umt-l16_cc-kl; to score a run under both: salkit test WORK_DIR' in apart


def test_scores_on_other_data_are_called_so(capsys, tmp_path):
    write_scores(tmp_path, report('tmfi', dataset='DemoDataset'))
    assert main(['tables', '4', '--work-dirs', str(tmp_path)]) == 0
    assert "not all measured on the paper's data" in capsys.readouterr().out


def test_undefined_scores_are_called_so(capsys, tmp_path):
    write_scores(tmp_path, report('tmfi', NSS=None))
    assert main(['tables', '4', '--work-dirs', str(tmp_path)]) == 0
    line = salfom_line(capsys.readouterr().out)
    assert line[2:10] == ['0.565', '0.500', '-0.065', '3.299', 'nan', '0.436', '0.400', '-0.036']


@pytest.mark.parametrize(
    'text', ['', '{', '[]', '{"scores": 3}', '{"scores": {"CC": "high"}}', '{"scores": {}}']
)
def test_a_file_without_scores_is_an_error(text, capsys, tmp_path):
    path = write_scores(tmp_path, report('tmfi'))
    path.write_text(text)
    assert main(['tables', '4', '--work-dirs', str(tmp_path)]) == 2
    assert re.search(
        f'{path}: (expected scores as|cannot be read as JSON)', capsys.readouterr().err
    )


def test_markdown(capsys, tmp_path):
    write_scores(tmp_path, report('tmfi'))
    assert main(['tables', '1', '--work-dirs', str(tmp_path), '--format', 'markdown']) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith('|')]
    assert len({line.count('|') for line in lines}) == 1 and len(lines) == 7
    assert config_root().is_dir() and all(metric in lines[0] for metric in METRICS)
