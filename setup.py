"""Packaging of salkit; the build system is named in pyproject.toml."""

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent


class BuildWithConfigs(build_py):
    """Copies `configs/` into the package, so that the wheel finds them by name."""

    def run(self):
        """Build the modules, then copy the configs; an editable install reads the checkout."""
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib) / 'salkit' / '_configs'
            shutil.rmtree(target, ignore_errors=True)
            ignore = shutil.ignore_patterns('__pycache__')
            shutil.copytree(ROOT / 'configs', target, ignore=ignore)


def read_version():
    """The version in salkit/version.py, read without importing it."""
    text = (ROOT / 'salkit' / 'version.py').read_text(encoding='utf-8')
    return re.search(r"^__version__ = '(.+)'$", text, re.MULTILINE)[1]


ONNX = ['onnx>=1.19', 'onnxruntime>=1.22', 'onnxscript>=0.5']
OPENVINO = ['onnx>=1.19', 'openvino>=2026.0']
WEB = ['gradio>=6.31']
RAY = ['ray>=2.60']
COMPLETION = ['shtab>=1.7']
DOCS = ['furo>=2025.7', 'myst-parser>=4', 'sphinx>=8', 'sphinx-copybutton>=0.5']

setup(
    name='salkit',
    version=read_version(),
    description='Toolkit for video saliency prediction with video foundation models',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    license_files=['LICENSE', 'NOTICE'],
    python_requires='>=3.10',
    packages=find_packages(include=['salkit', 'salkit.*']),
    package_data={
        'salkit': ['py.typed'],
        'salkit.models': ['shipped/*.safetensors'],
        'salkit.plugin': ['templates/**/*.tmpl'],
    },
    cmdclass={'build_py': BuildWithConfigs},
    install_requires=[
        'av>=18',
        'einops>=0.8',
        'filelock>=3.16',
        'huggingface_hub>=0.30',
        'matplotlib>=3.9',
        'mmcv-lite>=2.2',
        'mmengine>=0.10.7',
        'numpy>=2.0',
        'opencv-python>=4.10',
        'pillow>=10',
        'pluggy>=1.5',
        'pyyaml>=6',
        'safetensors>=0.5',
        'scikit-image>=0.25',
        'scipy>=1.13',
        'tensorboard>=2.18',
        'threadpoolctl>=3.5',
        'timm>=1.0.12',
        'torch>=2.6',
        'torchvision>=0.21',
        'tqdm>=4.66',
    ],
    extras_require={
        'onnx': ONNX,
        'openvino': OPENVINO,
        'web': WEB,
        'ray': RAY,
        'completion': COMPLETION,
        'docs': DOCS,
        'dev': [
            *ONNX,
            *OPENVINO,
            *WEB,
            *RAY,
            *COMPLETION,
            *DOCS,
            'build>=1.2',
            'hypothesis>=6.100',
            'import-linter>=2.5',
            'ipykernel>=6.29',
            'mypy>=1.15',
            'nbclient>=0.10',
            'pandas>=2.2',
            'playwright>=1.50',
            'pytest>=8',
            'pytest-cov>=6',
            'pytest-timeout>=2.3',
            'pytest-xdist>=3.6',
            'ruff>=0.14',
            'trustme>=1.2',
        ],
    },
    entry_points={
        'console_scripts': ['salkit = salkit.cli:main'],
        'pytest11': ['salkit = salkit.testing.pytest_plugin'],
    },
    classifiers=[
        'Programming Language :: Python :: 3',
        'Typing :: Typed',
        'Topic :: Scientific/Engineering :: Image Recognition',
    ],
)
