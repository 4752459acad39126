"""Packaging of salkit-vjepa2; salkit looks for the entry point in the group `salkit`."""

from pathlib import Path

from setuptools import setup

setup(
    name='salkit-vjepa2',
    version='0.1.0',
    description='V-JEPA 2 encoders for salkit',
    long_description=(Path(__file__).parent / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    python_requires='>=3.10',
    packages=['salkit_vjepa2'],
    package_data={'salkit_vjepa2': ['configs/*.py']},
    # V-JEPA 2 came with 4.53. Tested with 4.53 and 5.23.
    install_requires=['salkit', 'transformers>=4.53'],
    extras_require={'test': ['pytest>=8']},
    entry_points={'salkit': ['salkit_vjepa2 = salkit_vjepa2']},
)
