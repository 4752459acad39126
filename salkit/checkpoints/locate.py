"""From what a user writes as a checkpoint to a file on this machine."""

from __future__ import annotations

import hashlib
import math
import os
import re
import shutil
import ssl
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from ..config.find import config_names
from ..config.kinds import CHECKPOINT, kind_of
from ..errors import CheckpointError, one_line
from ..types import is_lower_better
from ..utils.files import cache_dir, natural_key, whole_file
from ..utils.input_files import check_input_file
from ..utils.text import in_units
from .sharded import is_sharded
from .shipped import shipped_files

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# A download brings at least so many bytes in so many seconds, or ends.
WINDOW_SECONDS = 60.0
LEAST_BYTES = 6000


def find_best_checkpoint(work_dir: str | Path) -> Path | None:
    """The checkpoint with the best validation score in a work dir, or None.

    Where several scores were watched, the one by CC goes first; of several checkpoints by one, as
    a run that was killed may leave them, the one that holds the best score.
    """
    found: dict[str, list[Path]] = {}
    for path in sorted(Path(work_dir).glob('best_*.pth'), key=lambda path: natural_key(path.name)):
        match = re.fullmatch(r'best_(.+)_(?:epoch|iter)_\d+\.pth', path.name)
        found.setdefault(match[1] if match else path.stem, []).append(path)
    if not found:
        return None
    metric = min(found, key=lambda name: (name != 'CC', name))
    paths = found[metric]
    if len(paths) == 1:
        return paths[0]
    sign = -1 if is_lower_better(metric) else 1
    scores = [_score_in(path, metric) for path in paths]
    # Of two that are equal, or that hold no score, the later.
    order = range(len(paths))
    return paths[max(order, key=lambda i: (scores[i] is not None, sign * (scores[i] or 0), i))]


def _score_in(path: Path, metric: str) -> float | None:
    """The validation score for which a checkpoint was kept; None where it holds none."""
    # Most names of checkpoints are looked up without PyTorch.
    from .torch_files import load_torch_file

    try:
        content: Any = load_torch_file(check_input_file(path, CheckpointError))
        info = content['message_hub']['runtime_info']
        score = info.get(f'best_score_{metric}', info.get('best_score'))
    except Exception:
        # What is wrong with it is said when it is read.
        return None
    return float(score) if isinstance(score, (int, float)) and math.isfinite(score) else None


def locate(source: str | Path) -> Path:
    """The local file of a checkpoint, fetched first where it lies elsewhere.

    Args:
        source: a file, a checkpoint in shards, a work dir (its best checkpoint), the name of a
            model that comes with salkit, `https://HOST/FILE` or `hf://OWNER/REPO[@REVISION]/FILE`
            (Hugging Face Hub).
            What is fetched is kept in a cache and fetched once.

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
    # Of a folder and a model of one name, the model is meant.
    if text in (shipped := shipped_files()):
        return check_input_file(shipped[text], CheckpointError)
    path = Path(text)
    if is_sharded(path):
        return path
    if text and path.is_dir():
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


class _WatchedSocket(ssl.SSLSocket):
    """A connection that ends where next to nothing comes: each read has a time limit of its own,
    which a server that gives a byte now and then never reaches.
    """

    _since = 0.0
    _count = 0

    def recv_into(self, buffer: WriteableBuffer, nbytes: int | None = None, flags: int = 0) -> int:
        got = super().recv_into(buffer, nbytes, flags)
        now = time.monotonic()
        self._since = self._since or now
        self._count += got
        if now - self._since > WINDOW_SECONDS:
            if self._count < LEAST_BYTES:
                raise TimeoutError(f'only {self._count} bytes came in {now - self._since:.0f} s')
            self._since, self._count = now, 0
        return got


def _https_only() -> urllib.request.OpenerDirector:
    """What opens https addresses, and follows redirects to others of them alone."""
    context = ssl.create_default_context()
    context.sslsocket_class = _WatchedSocket
    opener = urllib.request.OpenerDirector()
    proxies = {name: at for name, at in urllib.request.getproxies().items() if name == 'https'}
    for handler in (
        urllib.request.ProxyHandler(proxies),
        urllib.request.HTTPSHandler(context=context),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _stream(url: str, path: Path) -> None:
    """Fetch `url` to a temporary file beside `path` with a progress bar, then rename it."""
    # torch.hub's own download takes a connection that broke off for the end of the file.
    with (
        whole_file(path) as temporary,
        _https_only().open(url, timeout=WINDOW_SECONDS) as answer,
        open(temporary, 'wb') as file,
    ):
        size = answer.length
        # The end of what comes in pieces is marked; whatever else has no length may be cut off.
        if size is None and not answer.chunked:
            raise ConnectionError('the server does not say how many bytes the file has')
        free = shutil.disk_usage(path.parent).free
        if (size or 0) > free:
            raise OSError(f'the file has {in_units(size)}, {in_units(free)} are free')
        with tqdm.wrapattr(answer, 'read', total=size) as watched:
            shutil.copyfileobj(watched, file, 1 << 20)
        if size is not None and file.tell() != size:
            raise ConnectionError(f'the connection ended after {file.tell()} of {size} bytes')


def _download(url: str) -> Path:
    # Its last part, without what means something to a file system; the suffix is kept.
    name = Path(urllib.parse.unquote(urllib.parse.urlsplit(url).path)).name
    name = re.sub(r'[^\w.-]', '_', name, flags=re.ASCII)[-100:].lstrip('.')
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
    # The client makes paths of its cache from these parts.
    if not match or '..' in re.split('[/@\\\\]', source) or not source.isprintable():
        raise CheckpointError(f'{source}: expected hf://OWNER/REPO[@REVISION]/FILE')
    # Takes its time, and most checkpoints lie on the disk.
    import huggingface_hub

    repo, revision, name = match.groups()
    try:
        return Path(huggingface_hub.hf_hub_download(repo, name, revision=revision))
    except Exception as error:
        raise _cannot_fetch(source, error) from error
