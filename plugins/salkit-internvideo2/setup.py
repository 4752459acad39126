"""Packaging of salkit-internvideo2; the build system is named in pyproject.toml."""

from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).parent

setup(
    name='salkit-internvideo2',
    version='0.1.0',
    description='InternVideo2 video encoders (S, B, L, 1B, 6B) for salkit, on plain PyTorch',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    python_requires='>=3.10',
    packages=['salkit_internvideo2'],
    package_data={'salkit_internvideo2': ['configs/*.py']},
    install_requires=['salkit', 'einops>=0.8', 'timm>=1.0.12', 'torch>=2.6'],
    extras_require={'test': ['pytest>=8']},
    entry_points={'salkit': ['salkit_internvideo2 = salkit_internvideo2']},
)
