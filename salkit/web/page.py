"""The page: what is on it and what its parts do."""

from __future__ import annotations

import time
from html import escape

import gradio as gr
import pandas as pd  # type: ignore[import-untyped]  # it comes with Gradio, without types

from ..errors import SalkitError
from ..inference.overlay import OverlayStyle
from ..inference.stimulus import Stimulus
from ..media.images import IMAGE_SUFFIXES
from ..media.video import VIDEO_SUFFIXES
from ..utils.parallel import Stopped
from .results import Results, thumbnail
from .service import Service, Session

_HEAD = """# Where do people look?
Choose a video or a picture. A model predicts which places draw the eye, and draws them over it: the
brighter a place, the more looks it should get. Your files go to the machine that runs this page and
nowhere else, and are removed when you close it.

Model: **{model}**, running on {device}."""
_COLORS = ('turbo', 'inferno', 'magma', 'viridis', 'jet', 'hot')
# Axes of the curve.
_TIME, _BITS = 'Time (s)', 'Entropy (bits)'

# What changes on the page: a component, and its new value or properties.
Updates = dict[gr.blocks.Block, object]


def _message(text: str, is_error: bool = False) -> str:
    """A line of the status; it may hold names that users chose."""
    role, style = ('alert', ' style="color: #dc2626"') if is_error else ('status', '')
    return f'<div role="{role}"{style}>{escape(text)}</div>'


def _describe(stimulus: Stimulus) -> str:
    rows, columns = stimulus.size
    text = f'{stimulus.path.name if stimulus.path else stimulus.name}: {columns} x {rows} pixels'
    if stimulus.kind == 'video':
        text += f', {len(stimulus)} frames, {len(stimulus) / stimulus.fps:.1f} s'
    return text


def _video(label: str, elem_id: str) -> gr.Video:
    return gr.Video(label=label, loop=True, buttons=[], min_width=280, elem_id=elem_id)


def _frame(results: Results, index: int) -> gr.Gallery:
    number, seconds = results.maps.frames[index] + 1, results.maps.times[index]
    label = f'Frame {number} at {seconds:.2f} s: entropy {results.entropy[index]:.2f} bits'
    if results.is_picture:
        # There is no video: the overlay is shown large.
        return gr.Gallery(results.look(index), label=label, selected_index=1, height=600)
    return gr.Gallery(results.look(index), label=label, selected_index=None, height=280)


class Page:
    """The page of a service, which does the work.

    Attributes:
        blocks: Gradio's `Blocks`, to mount in a server.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        name, device = service.predictor.name, service.predictor.device
        device = 'the CPU' if device == 'cpu' else f'the GPU ({device})'
        with gr.Blocks(title='salkit: where do people look?', analytics_enabled=False) as blocks:
            gr.Markdown(_HEAD.format(model=name, device=device))
            with gr.Row(equal_height=False):
                with gr.Column(scale=4, min_width=320):
                    self._add_inputs()
                with gr.Column(scale=7, min_width=320):
                    self._add_outputs()
            self._connect()
            blocks.unload(self._on_close)
        self.blocks = blocks.queue(max_size=service.limits.waiting)

    # What is there -----------------------------------------------------------------------------

    def _add_inputs(self) -> None:
        limits = self.service.limits
        self.drop = gr.File(
            label=f'Video or picture (at most {limits.megabytes:g} MB, {limits.seconds:g} s)',
            file_types=[*VIDEO_SUFFIXES, *IMAGE_SUFFIXES],
            height=160,
            elem_id='salkit-drop',
        )
        self.chosen = gr.Image(
            interactive=False, visible=False, height=180, buttons=[], elem_id='salkit-chosen'
        )
        with gr.Row():
            self.predict = gr.Button(
                'Predict', variant='primary', interactive=False, elem_id='salkit-predict'
            )
            self.cancel = gr.Button('Cancel', interactive=False, elem_id='salkit-cancel')
        with gr.Accordion('Options', open=False):
            self.choices = [
                gr.Dropdown(_COLORS, value=_COLORS[0], label='Colors'),
                gr.Slider(0.1, 1.0, 0.6, step=0.05, label='Opacity of the colors'),
            ]

    def _add_outputs(self) -> None:
        welcome = _message('Choose a file, then press Predict.')
        self.status = gr.HTML(welcome, container=True, min_height=80, elem_id='salkit-status')
        with gr.Column(visible=False, elem_id='salkit-results') as self.results:
            with gr.Column(visible=False) as self.over_time:
                with gr.Row():
                    self.overlay = _video('Overlay: where people look', 'salkit-overlay')
                    self.map = _video('Saliency map: white draws the most looks', 'salkit-map')
                self.curve = gr.LinePlot(
                    x=_TIME,
                    y=_BITS,
                    height=260,
                    title='How spread out the looks are',
                    show_label=False,
                    buttons=[],
                    elem_id='salkit-curve',
                )
                self.slider = gr.Slider(1, 2, 1, step=1, label='Frame', elem_id='salkit-slider')
            self.frame = gr.Gallery(
                columns=3, object_fit='contain', buttons=['fullscreen'], elem_id='salkit-frame'
            )
            self.files = gr.File(label='Downloads', interactive=False, elem_id='salkit-files')

    def _connect(self) -> None:
        quiet = dict(show_progress='hidden', api_visibility='private')
        now = dict(queue=False, **quiet)
        inputs = [self.drop, self.chosen, self.predict, self.cancel, self.status, self.results]
        shown = [self.over_time, self.overlay, self.map, self.curve, self.slider, self.frame]
        self.drop.upload(self._on_upload, self.drop, inputs, concurrency_limit=4, **quiet)
        prediction = self.predict.click(self._on_begin, None, inputs, **now).then(
            self._on_predict,
            self.choices,
            [*inputs, *shown, self.files],
            concurrency_limit=1,
            show_progress='full',
            show_progress_on=self.status,
            api_visibility='private',
        )
        self.cancel.click(self._on_cancel, None, inputs, cancels=[prediction], **now)
        self.slider.change(
            self._on_slide, self.slider, self.frame, trigger_mode='always_last', **now
        )

    # What happens ------------------------------------------------------------------------------

    def _session(self, request: gr.Request) -> Session:
        return self.service.session(str(request.session_hash), request.state.visitor)

    def _buttons(self, at_work: bool) -> Updates:
        return {
            self.predict: gr.Button(interactive=not at_work),
            self.cancel: gr.Button(interactive=at_work),
            self.drop: gr.File(interactive=not at_work),
        }

    def _on_upload(self, path: str, request: gr.Request) -> Updates:
        session = self._session(request)
        # The place to drop files is emptied for the next one; the picture shows what there is.
        updates: Updates = {self.drop: None, self.results: gr.Column(visible=False)}
        try:
            stimulus = self.service.upload(session, path)
            first = thumbnail(stimulus.read(0))
        except Exception as error:
            return updates | {
                self.status: _message(self.service.reason(session, error), is_error=True),
                self.chosen: gr.Image(visible=False),
                self.predict: gr.Button(interactive=False),
            }
        return updates | {
            self.status: _message('Ready: press Predict.'),
            self.chosen: gr.Image(first, label=_describe(stimulus), visible=True),
            self.predict: gr.Button(interactive=True),
        }

    def _on_begin(self) -> Updates:
        hidden: Updates = {self.status: _message(''), self.results: gr.Column(visible=False)}
        return self._buttons(at_work=True) | hidden

    def _on_predict(
        self,
        colors: str,
        alpha: float,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008  # Gradio looks for it there.
    ) -> Updates:
        session, began = self._session(request), time.monotonic()
        updates = self._buttons(at_work=False)
        try:
            results = self.service.predict(session, OverlayStyle(colors, alpha), progress)
            updates |= self._show(results)
            text = f'Done in {time.monotonic() - began:.1f} s.'
            if 'maps' not in results.files:
                text += ' The maps as numbers are too large here; `salkit predict` writes them.'
            updates[self.status] = _message(text)
        except Stopped:
            updates[self.status] = _message('Cancelled.')
        except Exception as error:
            updates[self.status] = _message(self.service.reason(session, error), is_error=True)
        return updates

    def _show(self, results: Results) -> Updates:
        updates: Updates = {
            self.results: gr.Column(visible=True),
            self.over_time: gr.Column(visible=not results.is_picture),
            self.frame: _frame(results, 0),
            self.files: [str(path) for path in results.files.values()],
        }
        if results.is_picture:
            return updates
        bits = results.entropy
        # With a margin, so that a hair's breadth does not look like a mountain.
        limits = [max(0.0, float(bits.min()) - 0.25), float(bits.max()) + 0.25]
        curve = pd.DataFrame({_TIME: results.maps.times, _BITS: bits})
        return updates | {
            self.overlay: str(results.files['overlay']),
            self.map: str(results.files['map']),
            self.curve: gr.LinePlot(curve, y_lim=limits),
            self.slider: gr.Slider(1, max(2, len(bits)), 1),
        }

    def _on_cancel(self, request: gr.Request) -> Updates:
        self._session(request).cancelled.set()
        return self._buttons(at_work=False) | {self.status: _message('Cancelled.')}

    def _on_slide(self, number: int, request: gr.Request) -> object:
        results = self._session(request).results
        try:
            return gr.skip() if results is None else _frame(results, int(number) - 1)
        except (SalkitError, OSError, ValueError, IndexError):
            # Replaced while it was read.
            return gr.skip()

    def _on_close(self, request: gr.Request) -> None:
        self.service.end(str(request.session_hash))
