"""Packaging of salkit-videomae; salkit looks for the entry point in the group `salkit`."""

from pathlib import Path

from setuptools import setup

setup(
    name='salkit-videomae',
    version='0.1.0',
    description='VideoMAE encoders for salkit',
    long_description=(Path(__file__).parent / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    python_requires='>=3.10',
    packages=['salkit_videomae'],
    package_data={'salkit_videomae': ['configs/*.py']},
    # Versions 5.5 to 5.17 of transformers lose the biases of queries and values of the published
    # files, earlier ones call these parameters otherwise. Tested with 5.18 and 5.23.
    install_requires=['salkit', 'transformers>=5.18'],
    extras_require={'test': ['pytest>=8']},
    entry_points={'salkit': ['salkit_videomae = salkit_videomae']},
)
