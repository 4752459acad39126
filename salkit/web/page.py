"""The page: what is on it and what its parts do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import gradio as gr
import pandas as pd

from ..errors import ConfigError, DataError, SalkitError, one_line
from ..inference.overlay import OverlayStyle
from ..media.images import IMAGE_SUFFIXES
from ..media.video import VIDEO_SUFFIXES
from . import html
from .results import Results
from .service import Options, Service, Session

# How often progress is shown.
_TICK_SECONDS = 0.25
_COLOURS = ('turbo', 'inferno', 'magma', 'viridis', 'jet', 'hot')
_SCALES = {
    'Same for the whole video': 'video',
    'Each frame by itself': 'frame',
    "The model's own values": 'none',
}
_FILES = {'Maps as numbers (.npz)': 'npz', '16-bit pictures (.zip)': 'png16'}
_OUTLINE = (0.5,)
_WELCOME = 'Choose a file, then press Predict.'


def theme() -> gr.themes.Base:
    """The look, with the system's fonts: none is fetched."""
    fonts = ('system-ui', 'sans-serif')
    look = gr.themes.Default(
        primary_hue='blue', neutral_hue='slate', font=fonts, font_mono=('ui-monospace', 'monospace')
    )
    # The usual grey is too pale to read.
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
        ) as page:
            predictor = service.predictor
            gr.HTML(html.head(predictor.name, predictor.device, local), elem_id='salkit-head')
            with gr.Row(equal_height=False):
                with gr.Column(scale=4, min_width=320):
                    self._inputs()
                with gr.Column(scale=7, min_width=320):
                    self._outputs()
            self._connect(page)
        self.blocks = page

    # What is there -----------------------------------------------------------------------------

    def _inputs(self) -> None:
        limits = self.service.limits
        self.drop = gr.File(
            label=f'Video or picture (at most {limits.megabytes:g} MB, {limits.seconds:g} s)',
            file_types=[*VIDEO_SUFFIXES, *IMAGE_SUFFIXES],
            height=160,
            elem_id='salkit-drop',
        )
        self.card = gr.HTML(visible=False, elem_id='salkit-card')
        with gr.Row():
            self.predict = gr.Button(
                'Predict',
                variant='primary',
                interactive=False,
                min_width=120,
                elem_id='salkit-predict',
            )
            self.cancel = gr.Button(
                'Cancel', interactive=False, min_width=120, elem_id='salkit-cancel'
            )
        with gr.Accordion('Options', open=False, elem_id='salkit-options'):
            self.colours = gr.Dropdown(_COLOURS, value=_COLOURS[0], label='Colours')
            self.alpha = gr.Slider(0.1, 1.0, 0.6, step=0.05, label='Opacity of the colours')
            self.scale = gr.Radio(
                list(_SCALES), value=next(iter(_SCALES)), label='Brightness scale'
            )
            self.outline = gr.Checkbox(
                label='Outline the strongest places', elem_id='salkit-outline'
            )
            self.files = gr.CheckboxGroup(
                list(_FILES),
                value=[next(iter(_FILES))],
                label='Also make these files',
                elem_id='salkit-files',
            )

    def _outputs(self) -> None:
        self.status = gr.HTML(html.message(_WELCOME), elem_id='salkit-status')
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

    def _connect(self, page: gr.Blocks) -> None:
        quiet: dict[str, Any] = dict(api_visibility='private', show_progress='hidden')
        choices = [self.colours, self.alpha, self.scale, self.outline, self.files]
        self.drop.upload(
            self._on_upload,
            [self.drop],
            [self.drop, self.card, self.predict, self.status, self.results],
            concurrency_limit=4,
            **quiet,
        )
        self.predict.click(
            self._on_predict,
            choices,
            [
                self.status,
                self.predict,
                self.cancel,
                self.drop,
                self.results,
                self.overview,
                self.downloads,
                self.over_time,
                self.curve,
                self.slider,
                self.frame,
            ],
            concurrency_limit=None,
            **quiet,
        )
        self.cancel.click(self._on_cancel, None, None, queue=False, **quiet)
        self.slider.change(
            self._on_slide,
            [self.slider],
            [self.frame],
            queue=False,
            trigger_mode='always_last',
            **quiet,
        )
        page.unload(self._on_close)

    # What happens ------------------------------------------------------------------------------

    def _session(self, request: gr.Request) -> Session:
        return self.service.session(str(request.session_hash))

    def _on_upload(self, path: str | None, request: gr.Request) -> dict:
        # The place to drop files is emptied for the next one; the card shows what there is.
        updates = {self.drop: None}
        if path is None:
            return updates
        session = self._session(request)
        try:
            stimulus = self.service.upload(session, path)
            card = html.upload_card(stimulus, Path(path).name)
        except (SalkitError, OSError) as error:
            updates[self.status] = html.message(one_line(error), 'error')
            if not session.busy:
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

    async def _on_predict(
        self,
        colours: str,
        alpha: float,
        scale: str,
        outline: bool,
        files: list[str],
        request: gr.Request,
    ) -> AsyncIterator[dict]:
        session = self._session(request)
        try:
            style = OverlayStyle(
                colors=colours,
                alpha=alpha,
                normalize=_SCALES.get(scale, scale),
                contours=_OUTLINE if outline else (),
            )
            options = Options(style, tuple(_FILES[name] for name in files if name in _FILES))
            job = self.service.submit(session, options)
        except (SalkitError, OSError) as error:
            yield {self.status: html.message(one_line(error), 'error')}
            return
        idle = {
            self.predict: gr.Button(interactive=True),
            self.cancel: gr.Button(interactive=False),
            self.drop: gr.File(interactive=True),
        }
        try:
            yield {
                self.predict: gr.Button(interactive=False),
                self.cancel: gr.Button(interactive=True),
                self.drop: gr.File(interactive=False),
                self.results: gr.Column(visible=False),
            }
            while not job.ended:
                yield {self.status: html.progress(job, self.service.queue.place(job))}
                await asyncio.sleep(_TICK_SECONDS)
        finally:
            # Left early: nobody is there to see the results.
            if not job.ended:
                self.service.queue.cancel(job)
        if job.state == 'done':
            shown = await asyncio.to_thread(self._shown, job.result)
            said = f'Done in {job.seconds:.1f} s.'
            yield {self.status: html.message(said)} | idle | shown
        elif job.state == 'cancelled':
            yield {self.status: html.message('Cancelled.')} | idle
        else:
            yield {self.status: html.message(job.error, 'error')} | idle

    def _shown(self, results: Results) -> dict:
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

    def _on_cancel(self, request: gr.Request) -> None:
        self.service.cancel(self._session(request))

    def _on_slide(self, number: float, request: gr.Request) -> Any:
        results = self._session(request).results
        if results is None:
            return gr.skip()
        index = min(max(int(number), 1), len(results.maps)) - 1
        try:
            return html.one_frame(results, index)
        except (DataError, ConfigError, OSError, ValueError):
            # Replaced while it was read.
            return gr.skip()

    def _on_close(self, request: gr.Request) -> None:
        self.service.end(str(request.session_hash))


def _around(results: Results) -> list[float]:
    """Limits of the curve, so that a hair's breadth does not look like a mountain."""
    low, high = float(results.entropy.min()), float(results.entropy.max())
    margin = max(0.1 * (high - low), 0.25)
    return [max(0.0, low - margin), high + margin]
