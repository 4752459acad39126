"""Packaging of salkit-peft."""

from pathlib import Path

from setuptools import setup

setup(
    name='salkit-peft',
    version='0.1.0',
    description='Parameter-efficient training of video saliency encoders for salkit, with peft',
    long_description=(Path(__file__).parent / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    python_requires='>=3.10',
    packages=['salkit_peft'],
    package_data={'salkit_peft': ['configs/*.py']},
    install_requires=['salkit', 'peft>=0.21,<0.22'],
    entry_points={'salkit': ['salkit_peft = salkit_peft']},
)
