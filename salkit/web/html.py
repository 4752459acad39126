"""The parts of the page that are plain HTML. Whatever comes from a user is escaped."""

from __future__ import annotations

import base64
import io
from html import escape

import numpy as np
from PIL import Image

from ..inference.stimulus import Stimulus
from ..utils.text import in_units
from .results import Results

# Columns of the pictures that are shown for one frame.
_SHOWN_COLUMNS = 960

CSS = """
.gradio-container { width: 100%; max-width: 1280px !important; margin: 0 auto !important; }
.gradio-container .html-container { padding: 0 !important; }
#salkit-head h1 { font-size: 1.6rem; font-weight: 600; margin: 0.6rem 0 0.2rem; }
#salkit-head p { margin: 0; max-width: 75ch; color: var(--body-text-color-subdued); }
#salkit-head .model { color: var(--body-text-color); }
.sk-card { display: flex; gap: 0.9rem; align-items: center; }
.sk-card img { max-height: 76px; max-width: 136px; border-radius: 6px; display: block; }
.sk-card strong { overflow-wrap: anywhere; }
.sk-card span { color: var(--body-text-color-subdued); }
.sk-box { border-radius: 8px; padding: 0.7rem 0.9rem; border: 1px solid var(--border-color-primary);
  background: var(--block-background-fill); }
.sk-box.waiting { height: 5.5rem; }
.sk-box.error { border-color: #dc2626; background: #dc262618; }
.sk-pair { display: grid; gap: 0.9rem; grid-template-columns: repeat(2, minmax(0, 1fr)); }
.sk-three { display: grid; gap: 0.6rem; grid-template-columns: repeat(3, minmax(0, 1fr)); }
.sk-pair figure, .sk-three figure { margin: 0; }
.sk-pair video, .sk-pair img, .sk-three img { width: 100%; display: block; border-radius: 6px;
  background: #000; }
.sk-pair figcaption, .sk-three figcaption { font-size: 0.85rem; margin-top: 0.3rem;
  color: var(--body-text-color-subdued); }
.sk-facts { margin: 0 0 0.5rem; font-variant-numeric: tabular-nums; }
.sk-files { display: flex; flex-wrap: wrap; gap: 0.6rem; align-items: center; }
.sk-files a { border: 1px solid var(--border-color-primary); border-radius: 8px;
  padding: 0.4rem 0.8rem; text-decoration: none; color: var(--body-text-color);
  background: var(--button-secondary-background-fill); }
.sk-files a:hover { background: var(--button-secondary-background-fill-hover); }
.sk-files small { color: var(--body-text-color-subdued); }
#salkit-results h3 { font-size: 1.05rem; font-weight: 600; margin: 0.4rem 0 0.1rem; }
@media (max-width: 640px) {
  .sk-pair { grid-template-columns: minmax(0, 1fr); }
  .sk-three { gap: 0.35rem; }
}
"""


def head(model: str, device: str, local: bool) -> str:
    """What the page is, for somebody who never saw it.

    Args:
        model: what the model is called.
        device: where it runs.
        local: whether only this machine can open the page.
    """
    where = (
        'Your files stay on this machine; nothing is sent anywhere else.'
        if local
        else 'Your files go to the machine that runs this page and nowhere else.'
    )
    return (
        '<h1>Where do people look?</h1>'
        '<p>Choose a video or a picture. A model predicts which places draw the eye, and draws '
        'them over it: the brighter a place, the more looks it should get. '
        f'{where} All files are removed when you close this page.</p>'
        f'<p class="model">Model: <strong>{escape(model)}</strong>, running on '
        f'{"the CPU" if device == "cpu" else f"the GPU ({escape(device)})"}.</p>'
    )


def message(text: str, kind: str = '') -> str:
    """A line in a box; `kind` 'error' for what went wrong, 'waiting' for where progress appears."""
    role = 'alert' if kind == 'error' else 'status'
    return f'<div class="sk-box {kind}" role="{role}">{escape(text)}</div>'


def _data_uri(picture: np.ndarray) -> str:
    image = Image.fromarray(picture)
    image.thumbnail((_SHOWN_COLUMNS, _SHOWN_COLUMNS))
    buffer = io.BytesIO()
    image.save(buffer, 'JPEG', quality=88)
    return 'data:image/jpeg;base64,' + base64.b64encode(buffer.getvalue()).decode()


def upload_card(stimulus: Stimulus, name: str) -> str:
    """The first frame of an upload and its measures.

    Args:
        stimulus: the upload.
        name: of the file.
    """
    rows, columns = stimulus.size
    measures = f'{columns} x {rows}&nbsp;pixels'
    if stimulus.kind == 'video':
        measures += f', {len(stimulus)}&nbsp;frames, {len(stimulus) / stimulus.fps:.1f}&nbsp;s'
    return (
        f'<div class="sk-box sk-card"><img src="{_data_uri(stimulus.read(0))}" alt="first frame">'
        f'<div><strong>{escape(name)}</strong><br><span>{measures}</span></div></div>'
    )


def _url(results: Results, kind: str) -> str:
    return f'results/{results.folder.name}/{kind}'


def overview(results: Results) -> str:
    """The overlay and the map, side by side."""
    captions = {
        'overlay': 'Overlay: where people look',
        'map': 'Saliency map: white draws the most looks',
    }
    figures = ''
    for kind, caption in captions.items():
        shown = f'<img src="{_url(results, kind)}" alt="{kind}">'
        if not results.is_picture:
            muted = 'muted' if kind == 'map' else ''
            shown = (
                f'<video src="{_url(results, kind)}" controls loop playsinline preload="auto" '
                f'{muted}></video>'
            )
        figures += f'<figure class="sk-{kind}">{shown}<figcaption>{caption}</figcaption></figure>'
    return f'<div class="sk-pair">{figures}</div>'


def one_frame(results: Results, index: int) -> str:
    """One frame, its overlay and its map.

    Args:
        results: whose.
        index: of the map, from 0.
    """
    pictures = results.look(index)
    number, seconds = results.maps.frames[index] + 1, results.maps.times[index]
    figures = ''.join(
        f'<figure><img src="{_data_uri(picture)}" alt="{caption}">'
        f'<figcaption>{caption}</figcaption></figure>'
        for picture, caption in zip(pictures, ('Frame', 'Overlay', 'Map'), strict=True)
    )
    return (
        f'<p class="sk-facts">Frame {number} at {seconds:.2f} s: '
        f'entropy {results.entropy[index]:.2f} bits</p><div class="sk-three">{figures}</div>'
    )


def downloads(results: Results) -> str:
    """Links to the files, and a note."""
    labels = {
        'overlay': 'Overlay',
        'map': 'Map for viewing',
        'npz': 'Maps as numbers',
        'png16': 'Maps as 16-bit pictures',
    }
    links = ''.join(
        f'<a class="sk-get-{kind}" href="{_url(results, kind)}?download=1" '
        f'download="{escape(results.files[kind].name)}">{label} '
        f'<small>{results.files[kind].suffix}, {in_units(results.files[kind].stat().st_size)}'
        '</small></a>'
        for kind, label in labels.items()
        if kind in results.files
    )
    note = message(results.note) if results.note else ''
    return f'<div class="sk-files">{links}</div>{note}'
