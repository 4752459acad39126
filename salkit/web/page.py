"""What the page asks, each a function in Gradio's queue, and what the page is told of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeVar

import gradio as gr

from ..errors import DataError
from ..inference.overlay import NORMALIZE, OverlayStyle
from ..inference.regions import Rectangle, RegionReport
from ..media.images import IMAGE_SUFFIXES
from ..media.video import VIDEO_SUFFIXES
from ..utils.parallel import Stopped
from ..utils.text import listed
from .examples import EXAMPLES
from .service import GAZE, Service
from .session import Begin, Item, Session
from .views import View

COLORS = ('turbo', 'inferno', 'magma', 'viridis', 'hot')
_MOST_REGIONS = 20
_MOST_NAME = 60

# What the page is told: plain values.
Told = dict[str, object]
Value = TypeVar('Value')


class Asked:
    """What a page sent with a question, which may be anything."""

    def __init__(self, values: object) -> None:
        self._values = values

    def get(self, name: str, kind: type[Value]) -> Value:
        """A value of a kind; int counts as float.

        Raises:
            DataError: there is no such value.
        """
        value = self._values.get(name) if isinstance(self._values, dict) else None
        if kind is float and isinstance(value, int):
            value = min(max(value, -(2**53)), 2**53)
        elif not isinstance(value, kind) or isinstance(value, bool):
            raise DataError(f'this is not what the page asks: {name}')
        return kind(value)  # type: ignore[call-arg]


def _shares(values: Iterable[float]) -> list[float | None]:
    return [None if math.isnan(value) else round(float(value), 5) for value in values]


def _told_item(item: Item) -> Told:
    stimulus = item.stimulus
    rows, columns = stimulus.size
    return dict(
        key=item.folder.name,
        name=stimulus.path.name if stimulus.path else stimulus.name,
        is_picture=stimulus.kind == 'pictures',
        size=[columns, rows],
        ratio=columns * stimulus.pixel_aspect / rows,
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
    return list(dict.fromkeys(map(str, asked.get('sources', list)[:2])))


def _style(asked: Asked) -> OverlayStyle:
    colors, normalize = asked.get('colors', str), asked.get('normalize', str)
    if colors not in COLORS or normalize not in NORMALIZE:
        raise DataError('there are no such colors')
    return OverlayStyle(colors, asked.get('alpha', float), normalize)


def _rectangles(asked: Asked) -> list[Rectangle]:
    regions = [Asked(one) for one in asked.get('regions', list)[:_MOST_REGIONS]]
    return [
        Rectangle(one.get('name', str)[:_MOST_NAME], *(one.get(side, float) for side in 'xywh'))
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
            for answer in (self._take, self._example, self._remove, self._stop):
                self._offer(answer, concurrency_limit=4)
            for answer in (self._look, self._take_gaze):
                self._offer(answer, concurrency_limit=1)
            for answer in (self._regions, self._save):
                self._offer(answer, concurrency_limit=2)
            blocks.unload(self._on_close)
        self.blocks = blocks.queue(max_size=service.limits.waiting)

    def _offer(self, answer: Callable[[Session, Asked, Begin], Told], **how: object) -> None:
        """Let pages ask for an answer, which says of an error what is wrong and no more."""

        def answered(
            values: object,
            request: gr.Request,
            progress: gr.Progress = gr.Progress(),  # noqa: B008  # Gradio looks for it there.
        ) -> Told:
            try:
                visitor = request.state.visitor
                session = self.service.session(str(request.session_hash), visitor)
                asked = Asked(values)
                turn = asked.get('turn', int)
                return answer(session, asked, partial(session.begin, progress, turn))
            except Stopped:
                return dict(stopped=True)
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
        return _told_item(self.service.take(session, asked.get('upload', str)))

    def _example(self, session: Session, asked: Asked, begin: Begin) -> Told:
        return _told_item(self.service.take_example(session, asked.get('number', int)))

    def _take_gaze(self, session: Session, asked: Asked, begin: Begin) -> Told:
        videos = self.service.take_gaze(session, asked.get('upload', str))
        return dict(videos=listed(videos, 3))

    def _remove(self, session: Session, asked: Asked, begin: Begin) -> Told:
        self.service.remove(session, asked.get('key', str))
        return {}

    def _stop(self, session: Session, asked: Asked, begin: Begin) -> Told:
        session.stopped = max(session.stopped, asked.get('turn', int))
        return {}

    def _look(self, session: Session, asked: Asked, begin: Begin) -> Told:
        key, style, told, note = asked.get('key', str), _style(asked), [], ''
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
        sources, key = _sources(asked), asked.get('key', str)
        reports = self.service.shares(session, key, sources, _rectangles(asked), begin)
        return {
            source: _told_report(report) for source, report in zip(sources, reports, strict=True)
        }

    def _save(self, session: Session, asked: Asked, begin: Begin) -> Told:
        path = self.service.save(session, asked.get('key', str), asked.get('source', str), begin)
        return dict(url=self.service.url(path), name=path.name)

    def _on_close(self, request: gr.Request) -> None:
        self.service.end(str(request.session_hash))
