"""The page: what is on it and what its parts do."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import gradio as gr
import pandas as pd  # type: ignore[import-untyped]  # it comes with Gradio, without types

from ..errors import SalkitError
from ..inference.overlay import OverlayStyle
from ..media.images import IMAGE_SUFFIXES
from ..media.video import VIDEO_SUFFIXES
from ..utils.parallel import Stopped
from . import html
from .results import Options, Results
from .service import Service, Session

_COLORS = ('turbo', 'inferno', 'magma', 'viridis', 'jet', 'hot')
_SCALES = [
    ('Same for the whole video', 'video'),
    ('Each frame by itself', 'frame'),
    ("The model's own values", 'none'),
]
_FILES = [('Maps as numbers (.npz)', 'npz'), ('16-bit pictures (.zip)', 'png16')]
_OUTLINE = (0.5,)

# What changes on the page: a component, and its new value or properties.
Updates = dict[gr.blocks.Block, object]


def theme() -> gr.themes.Base:
    """The look, with the system's fonts: none is fetched."""
    fonts = ('system-ui', 'sans-serif')
    look = gr.themes.Default(
        primary_hue='blue', neutral_hue='slate', font=fonts, font_mono=('ui-monospace', 'monospace')
    )
    # The usual gray is too pale to read.
    return look.set(
        body_text_color_subdued='*neutral_600', body_text_color_subdued_dark='*neutral_300'
    )


class Page:
    """The page of a service.

    Args:
        service: does the work.
        local: whether only this machine can open the page.

    Attributes:
        blocks: Gradio's `Blocks`, to mount in a server.
    """

    def __init__(self, service: Service, local: bool = True) -> None:
        self.service = service
        with gr.Blocks(
            title='salkit: where do people look?', analytics_enabled=False, fill_width=True
        ) as self.blocks:
            predictor = service.predictor
            gr.HTML(html.head(predictor.name, predictor.device, local), elem_id='salkit-head')
            with gr.Row(equal_height=False):
                with gr.Column(scale=4, min_width=320):
                    self._add_inputs()
                with gr.Column(scale=7, min_width=320):
                    self._add_outputs()
            self._connect()
        self.blocks.queue(max_size=service.limits.waiting)

    # What is there -----------------------------------------------------------------------------

    def _add_inputs(self) -> None:
        limits = self.service.limits
        self.drop = gr.File(
            label=f'Video or picture (at most {limits.megabytes:g} MB, {limits.seconds:g} s)',
            file_types=[*VIDEO_SUFFIXES, *IMAGE_SUFFIXES],
            height=160,
            elem_id='salkit-drop',
        )
        self.card = gr.HTML(visible=False, elem_id='salkit-card')
        button = dict(interactive=False, min_width=120)
        with gr.Row():
            self.predict = gr.Button(
                'Predict', variant='primary', elem_id='salkit-predict', **button
            )
            self.cancel = gr.Button('Cancel', elem_id='salkit-cancel', **button)
        with gr.Accordion('Options', open=False, elem_id='salkit-options'):
            self.choices = [
                gr.Dropdown(_COLORS, value=_COLORS[0], label='Colors'),
                gr.Slider(0.1, 1.0, 0.6, step=0.05, label='Opacity of the colors'),
                gr.Radio(_SCALES, value='video', label='Brightness scale'),
                gr.Checkbox(label='Outline the strongest places', elem_id='salkit-outline'),
                gr.CheckboxGroup(
                    _FILES, value=['npz'], label='Also make these files', elem_id='salkit-files'
                ),
            ]

    def _add_outputs(self) -> None:
        welcome = html.message('Choose a file, then press Predict.')
        self.status = gr.HTML(welcome, elem_id='salkit-status')
        with gr.Column(visible=False, elem_id='salkit-results') as self.results:
            self.overview = gr.HTML(elem_id='salkit-overview')
            self.downloads = gr.HTML(elem_id='salkit-downloads')
            with gr.Column(visible=False) as self.over_time:
                gr.HTML('<h3>How spread out the looks are</h3>')
                self.curve = gr.LinePlot(
                    x='seconds',
                    y='bits',
                    height=220,
                    show_label=False,
                    elem_id='salkit-curve',
                    x_title='Time (s)',
                    y_title='Entropy (bits)',
                    buttons=[],
                )
                gr.HTML(
                    '<p class="sk-note">Low: the looks gather in few places. '
                    'High: they spread over the frame.</p>'
                )
            gr.HTML('<h3>Frame by frame</h3>')
            self.slider = gr.Slider(1, 2, 1, step=1, label='Frame', elem_id='salkit-slider')
            self.frame = gr.HTML(elem_id='salkit-frame')

    def _connect(self) -> None:
        private = dict(api_visibility='private')
        quiet = dict(show_progress='hidden', **private)
        buttons = [self.predict, self.cancel, self.drop]
        shown = [self.overview, self.downloads, self.over_time, self.curve, self.slider, self.frame]
        self.drop.upload(
            self._on_upload,
            [self.drop],
            [self.drop, self.card, self.predict, self.status, self.results],
            concurrency_limit=4,
            **quiet,
        )
        prediction = self.predict.click(
            self._on_begin, None, [*buttons, self.status, self.results], queue=False, **quiet
        ).then(
            self._on_predict,
            self.choices,
            [*buttons, self.status, self.results, *shown],
            concurrency_limit=1,
            show_progress='full',
            show_progress_on=self.status,
            **private,
        )
        self.cancel.click(
            self._on_cancel,
            None,
            [*buttons, self.status],
            cancels=[prediction],
            queue=False,
            **quiet,
        )
        self.slider.change(
            self._on_slide,
            [self.slider],
            [self.frame],
            queue=False,
            trigger_mode='always_last',
            **quiet,
        )
        self.blocks.unload(self._on_close)

    # What happens ------------------------------------------------------------------------------

    def _session(self, request: gr.Request) -> Session:
        return self.service.session(str(request.session_hash))

    def _buttons(self, at_work: bool) -> Updates:
        return {
            self.predict: gr.Button(interactive=not at_work),
            self.cancel: gr.Button(interactive=at_work),
            self.drop: gr.File(interactive=not at_work),
        }

    def _on_upload(self, path: str | None, request: gr.Request) -> Updates:
        # The place to drop files is emptied for the next one; the card shows what there is.
        updates: Updates = {self.drop: None}
        if path is None:
            return updates
        session = self._session(request)
        try:
            stimulus = self.service.upload(session, path)
            card = html.upload_card(stimulus, Path(path).name)
        except (SalkitError, OSError) as error:
            updates[self.status] = html.message(self.service.reason(session, error), 'error')
            if session.stimulus is None:
                updates[self.card] = gr.HTML(visible=False)
                updates[self.predict] = gr.Button(interactive=False)
                updates[self.results] = gr.Column(visible=False)
            return updates
        return updates | {
            self.card: gr.HTML(card, visible=True),
            self.predict: gr.Button(interactive=True),
            self.status: html.message('Ready: press Predict.'),
            self.results: gr.Column(visible=False),
        }

    def _on_begin(self) -> Updates:
        return self._buttons(at_work=True) | {
            self.status: html.message('', 'waiting'),
            self.results: gr.Column(visible=False),
        }

    def _on_predict(
        self,
        colors: str,
        alpha: float,
        scale: str,
        outline: bool,
        files: list[str],
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008  # Gradio looks for it there.
    ) -> Updates:
        session, began = self._session(request), time.monotonic()
        updates = self._buttons(at_work=False)
        try:
            style = OverlayStyle(colors, alpha, scale, _OUTLINE if outline else ())
            results = self.service.predict(session, Options(style, tuple(files)), progress)
            updates |= self._show(results)
            updates[self.status] = html.message(f'Done in {time.monotonic() - began:.1f} s.')
        except Stopped:
            updates[self.status] = html.message('Cancelled.')
        except Exception as error:
            # Whatever a file or a model does, the page goes on.
            if not isinstance(error, (SalkitError, OSError)):
                logging.getLogger('salkit').exception('a prediction failed')
            updates[self.status] = html.message(self.service.reason(session, error), 'error')
        return updates

    def _show(self, results: Results) -> Updates:
        frames = len(results.maps)
        curve = pd.DataFrame({'seconds': results.maps.times, 'bits': results.entropy})
        return {
            self.results: gr.Column(visible=True),
            self.overview: html.overview(results),
            self.downloads: html.downloads(results),
            self.over_time: gr.Column(visible=frames > 1),
            self.curve: gr.LinePlot(curve, x='seconds', y='bits', y_lim=_around(results)),
            self.slider: gr.Slider(1, max(2, frames), 1, visible=frames > 1),
            self.frame: html.one_frame(results, 0),
        }

    def _on_cancel(self, request: gr.Request) -> Updates:
        self._session(request).cancelled.set()
        return self._buttons(at_work=False) | {self.status: html.message('Cancelled.')}

    def _on_slide(self, number: float, request: gr.Request) -> object:
        results = self._session(request).results
        if results is None:
            return gr.skip()
        index = min(max(int(number), 1), len(results.maps)) - 1
        try:
            return html.one_frame(results, index)
        except (SalkitError, OSError, ValueError):
            # Replaced while it was read.
            return gr.skip()

    def _on_close(self, request: gr.Request) -> None:
        self.service.end(str(request.session_hash))


def _around(results: Results) -> list[float]:
    """Limits of the curve, so that a hair's breadth does not look like a mountain."""
    low, high = float(results.entropy.min()), float(results.entropy.max())
    margin = max(0.1 * (high - low), 0.25)
    return [max(0.0, low - margin), high + margin]
