"""The benchmark of engines asks for precisions that there are."""

from pathlib import Path

from salkit.models.precision import PRECISIONS

BENCHMARKS = Path(__file__).parents[1] / 'benchmarks'


def test_precisions_have_their_names(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import lite0_engines

    asked = []
    monkeypatch.setattr(lite0_engines, 'export_model', lambda *_, **options: None)
    monkeypatch.setattr(lite0_engines, 'find_spec', bool)
    monkeypatch.setattr(
        lite0_engines, 'SaliencyPredictor', lambda *_, **options: asked.append(options)
    )
    assert len(lite0_engines.open_all(tmp_path, (64, 64))) == len(asked) == 9
    named = [options['precision'] for options in asked if 'precision' in options]
    assert len(named) == 4 and set(named) <= set(PRECISIONS)
