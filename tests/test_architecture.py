"""The page about the floors, the contract that lint holds, and the folders say the same."""

import re
from pathlib import Path

import pytest

import salkit

ROOT = Path(salkit.__file__).parents[1]


def layers():
    text = (ROOT / 'pyproject.toml').read_text()
    listed = re.search(r'layers = \[(.*?)\]', text, re.DOTALL)[1]
    return [re.findall(r'\w+', line) for line in re.findall(r'"(.+?)"', listed)]


def test_the_picture_shows_the_contract():
    page = (ROOT / 'docs' / 'architecture.md').read_text()
    lines = page.split('```')[1].splitlines()
    rooms = {room for floor in layers() for room in floor}
    drawn = [[cell for cell in re.split(r'\s{2,}', line) if cell in rooms] for line in lines]
    assert [set(floor) for floor in drawn if floor] == [
        set(floor) for floor in layers() if floor != ['__main__']
    ]


@pytest.mark.parametrize('name', ['contributing', 'architecture'])
def test_links_and_files_exist(name):
    page = {'contributing': 'CONTRIBUTING.md', 'architecture': 'docs/architecture.md'}[name]
    text = (ROOT / page).read_text()
    for link in re.findall(r'\]\(([^)#]+)\)', text):
        if '://' not in link:
            assert (ROOT / page).parent.joinpath(link).exists(), link
    for path in re.findall(r'`((?:salkit|tests|configs|tools)/[\w./]*)`', text):
        assert (ROOT / path).exists(), path


def test_every_room_has_a_floor():
    package = ROOT / 'salkit'
    folders = {path.parent.name for path in package.glob('*/__init__.py')}
    files = {path.stem for path in package.glob('*.py')} - {'__init__'}
    assert {room for floor in layers() for room in floor} == folders | files
