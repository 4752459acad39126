"""From what a user writes as a checkpoint to a file on this machine."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import urllib.parse
import urllib.request
from pathlib import Path

from tqdm import tqdm

from ..config.find import config_names
from ..config.kinds import CHECKPOINT, kind_of
from ..errors import CheckpointError, one_line
from ..utils.files import cache_dir, whole_file
from ..utils.input_files import check_input_file


def find_best_checkpoint(work_dir: str | Path) -> Path | None:
    """The checkpoint with the best validation score in a work dir, or None.

    Where several scores were watched, the one by CC goes first.
    """
    found = Path(work_dir).glob('best_*.pth')
    return min(found, key=lambda p: (not p.name.startswith('best_CC_'), p.name), default=None)


def locate(source: str | Path) -> Path:
    """The local file of a checkpoint, fetched first where it lies elsewhere.

    Args:
        source: a file, a work dir (its best checkpoint), `https://HOST/FILE` or
            `hf://OWNER/REPO[@REVISION]/FILE` (Hugging Face Hub). What is fetched is kept in a
            cache and fetched once.

    Raises:
        CheckpointError: nothing there, or it cannot be fetched.
    """
    text = str(source)
    scheme = re.match(r'([a-z][a-z0-9+.-]+)://', text)
    if scheme:
        fetch = {'https': _download, 'hf': _from_hub}.get(scheme[1])
        if fetch is None:
            raise CheckpointError(
                f'{text}: expected a local file, https://HOST/FILE or hf://OWNER/REPO/FILE'
            )
        return fetch(text)
    path = Path(text)
    if path.is_dir():
        best = find_best_checkpoint(path)
        if best is None:
            raise CheckpointError(f'{path}: the folder holds no best_*.pth of a training run')
        return check_input_file(best, CheckpointError)
    kind = kind_of(path)
    if kind not in (None, CHECKPOINT):
        raise CheckpointError(
            f'{path}: is {kind}, expected a checkpoint (a .pth or .safetensors file, or a work dir)'
        )
    if not os.path.exists(path):
        if text in config_names():
            raise CheckpointError(f'{text}: is the name of a config, expected a checkpoint')
        raise CheckpointError(f'{path}: the checkpoint does not exist')
    return check_input_file(path, CheckpointError)


def _cannot_fetch(source: str, error: Exception) -> CheckpointError:
    return CheckpointError(
        f'{source}: cannot be fetched ({type(error).__name__}: {one_line(error)[:160]}); without '
        'a connection, fetch the file elsewhere and give its local path'
    )


def _stream(url: str, path: Path) -> None:
    """Fetch `url` to a temporary file beside `path` with a progress bar, then rename it."""
    # torch.hub's own download takes a connection that broke off for the end of the file.
    with (
        whole_file(path) as temporary,
        urllib.request.urlopen(url, timeout=60) as answer,
        open(temporary, 'wb') as file,
    ):
        size = int(answer.headers.get('Content-Length', 0))
        with tqdm.wrapattr(answer, 'read', total=size or None) as watched:
            shutil.copyfileobj(watched, file, 1 << 20)
        if size and file.tell() != size:
            raise ConnectionError(f'the connection ended after {file.tell()} of {size} bytes')


def _download(url: str) -> Path:
    name = Path(urllib.parse.urlsplit(url).path).name
    if not name:
        raise CheckpointError(f'{url}: the address names no file')
    # Different addresses may end in one name.
    folder = cache_dir() / 'checkpoints' / hashlib.sha256(url.encode()).hexdigest()[:12]
    path = folder / name
    if not path.is_file():
        try:
            _stream(url, path)
        except Exception as error:
            raise _cannot_fetch(url, error) from error
    return path


def _from_hub(source: str) -> Path:
    match = re.fullmatch(r'hf://([^/@]+/[^/@]+)(?:@([^/]+))?/(.+)', source)
    if not match:
        raise CheckpointError(f'{source}: expected hf://OWNER/REPO[@REVISION]/FILE')
    # Takes its time, and most checkpoints lie on the disk.
    import huggingface_hub

    repo, revision, name = match.groups()
    try:
        return Path(huggingface_hub.hf_hub_download(repo, name, revision=revision))
    except Exception as error:
        raise _cannot_fetch(source, error) from error
