"""Packaging of salkit-tiny; salkit looks for the entry point in the group `salkit`."""

from pathlib import Path

from setuptools import setup

setup(
    name='salkit-tiny',
    version='0.1.0',
    description='TinyEncoder for salkit',
    long_description=(Path(__file__).parent / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    python_requires='>=3.10',
    packages=['salkit_tiny'],
    package_data={'salkit_tiny': ['configs/*.py']},
    install_requires=['salkit'],
    extras_require={'test': ['pytest>=8']},
    entry_points={'salkit': ['salkit_tiny = salkit_tiny']},
)
