"""What the page asks, each a function in Gradio's queue, and what the page is told of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from ..errors import DataError
from ..inference.overlay import NORMALIZE, OverlayStyle
from ..inference.regions import Rectangle, RegionReport
from ..media.images import IMAGE_SUFFIXES
from ..media.video import VIDEO_SUFFIXES
from ..utils.parallel import Stopped
from .examples import EXAMPLES
from .service import GAZE, Service
from .session import Begin, Item, Session
from .views import View

COLORS = ('turbo', 'inferno', 'magma', 'viridis', 'hot')
_MOST_REGIONS = 20
_MOST_NAME = 60

Asked = Mapping[str, Any]
# What the page is told: plain values.
Told = dict[str, object]


def _shares(values: Sequence[float]) -> list[float | None]:
    return [None if math.isnan(value) else round(float(value), 5) for value in values]


def _told_item(item: Item) -> Told:
    stimulus = item.stimulus
    rows, columns = stimulus.size
    # Videos may have pixels that are not square: they are shown wider than they are stored.
    return dict(
        key=item.folder.name,
        name=stimulus.path.name if stimulus.path else stimulus.name,
        is_picture=stimulus.kind == 'pictures',
        size=[columns, rows],
        frames=len(stimulus),
        seconds=round(len(stimulus) / stimulus.fps, 3),
    )


def _told_report(report: RegionReport) -> list[Told]:
    """Of every region, what the report says and its share in each frame."""
    keep = ('share', 'times_more', 'first_peak_s', 'rank')
    return [
        {name: record[name] for name in keep} | dict(shares=_shares(report.shares[:, number]))
        for number, record in enumerate(report.records())
    ]


def _sources(asked: Asked) -> list[str]:
    # A model and another, or gaze.
    return list(dict.fromkeys(str(source) for source in asked['sources'][:2]))


def _style(asked: Asked) -> OverlayStyle:
    colors, normalize = str(asked['colors']), str(asked['normalize'])
    if colors not in COLORS or normalize not in NORMALIZE:
        raise DataError('there are no such colors')
    return OverlayStyle(colors, float(asked['alpha']), normalize)


def _regions(asked: Asked) -> list[Rectangle]:
    regions = asked['regions'][:_MOST_REGIONS]
    return [
        Rectangle(str(one['name'])[:_MOST_NAME], *(float(one[side]) for side in ('x', 'y', 'w', 'h')))
        for one in regions
    ]


class Page:
    """What a page asks of a service.

    Attributes:
        blocks: Gradio's `Blocks`, to mount in a server; it has no component that is shown.
        functions: their numbers in Gradio, by name.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self.functions: dict[str, int] = {}
        with gr.Blocks(analytics_enabled=False) as blocks:
            for answer in (self._take, self._take_gaze, self._example, self._remove, self._stop):
                self._offer(answer, concurrency_limit=4)
            self._offer(self._look, concurrency_limit=1)
            for answer in (self._regions, self._save):
                self._offer(answer, concurrency_limit=2)
            blocks.unload(self._on_close)
        self.blocks = blocks.queue(max_size=service.limits.waiting)

    def _offer(self, answer: Callable[[Session, Asked, Begin], Told], **how: object) -> None:
        """Let pages ask for an answer, which says of an error what is wrong and no more."""

        def answered(
            asked: dict,
            request: gr.Request,
            progress: gr.Progress = gr.Progress(),  # noqa: B008  # Gradio looks for it there.
        ) -> Told:
            try:
                visitor = request.state.visitor
                session = self.service.session(str(request.session_hash), visitor)
                turn = int(asked.get('turn', 0))

                def begin(name: str, frames: int) -> Callable[[int], object]:
                    return session.begin(progress, turn, name, frames)

                return answer(session, asked, begin)
            except Stopped:
                return dict(stopped=True)
            except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError):
                return dict(error='this is not what the page asks')
            except Exception as error:
                return dict(error=self.service.reason(error))

        name = answer.__name__.strip('_')
        self.functions[name] = len(self.functions)
        ask = gr.Button().click
        ask(answered, gr.JSON(), gr.JSON(), api_visibility='private', **how)

    def setup(self) -> Told:
        """What a page has to know before it asks."""
        limits = self.service.limits
        return dict(
            functions=self.functions,
            models=[
                dict(name=name, device='CPU' if model.device == 'cpu' else 'GPU')
                for name, model in self.service.predictors.items()
            ],
            gaze=GAZE,
            colors=COLORS,
            examples=[one.title for one in EXAMPLES],
            suffixes=[*VIDEO_SUFFIXES, *IMAGE_SUFFIXES],
            limits=dict(megabytes=limits.megabytes, seconds=limits.seconds, files=limits.files),
        )

    # What a page asks --------------------------------------------------------------------------

    def _take(self, session: Session, asked: Asked, begin: Begin) -> Told:
        return _told_item(self.service.take(session, str(asked['upload'])))

    def _example(self, session: Session, asked: Asked, begin: Begin) -> Told:
        return _told_item(self.service.take_example(session, int(asked['number'])))

    def _take_gaze(self, session: Session, asked: Asked, begin: Begin) -> Told:
        return dict(videos=self.service.take_gaze(session, str(asked['upload'])))

    def _remove(self, session: Session, asked: Asked, begin: Begin) -> Told:
        self.service.remove(session, str(asked['key']))
        return {}

    def _stop(self, session: Session, asked: Asked, begin: Begin) -> Told:
        session.stopped = max(session.stopped, int(asked['turn']))
        return {}

    def _look(self, session: Session, asked: Asked, begin: Begin) -> Told:
        key, style, told, note = str(asked['key']), _style(asked), [], ''
        for source in _sources(asked):
            try:
                view = self.service.look(session, key, source, style, begin)
                told.append(self._told_view(source, view))
            except DataError as error:
                # Of many files some may have no gaze.
                if source != GAZE or not told:
                    raise
                note = self.service.reason(error)
        return dict(sources=told, note=note)

    def _told_view(self, source: str, view: View) -> Told:
        files = dict(overlay=self.service.url(view.overlay), map=self.service.url(view.map))
        return dict(source=source, **files) | view.said()

    def _regions(self, session: Session, asked: Asked, begin: Begin) -> Told:
        sources, key = _sources(asked), str(asked['key'])
        reports = self.service.shares(session, key, sources, _regions(asked), begin)
        return {
            source: _told_report(report) for source, report in zip(sources, reports, strict=True)
        }

    def _save(self, session: Session, asked: Asked, begin: Begin) -> Told:
        path: Path = self.service.save(session, str(asked['key']), str(asked['source']), begin)
        return dict(url=self.service.url(path), name=path.name)

    def _on_close(self, request: gr.Request) -> None:
        self.service.end(str(request.session_hash))
