"""Small inline SVG charts: sizes in CSS pixels, colours by class, every text escaped, no script."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from examples.spam_detection.report_facts import clean

LABEL_GAP = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The outer size of a chart and the room kept at its right for labels."""

    width: int
    height: int
    labels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One line, its values from position ``first`` on, None for a gap; ``label`` stands beside its end."""

    values: Sequence[float | None]
    css: str
    title: str
    label: str | None = None
    first: int = 1
    dots: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A horizontal line with a label."""

    value: float
    label: str


def esc(text: str) -> str:
    """Escape text for HTML bodies and quoted attributes, without invisible characters."""
    return html.escape(clean(text), quote=True)


def both(draw: Callable[[Size], str], wide: Size, narrow: Size) -> str:
    """Draw a chart twice, for wide and for narrow screens; the style sheet shows one of them."""
    return f'<div class="wide">{draw(wide)}</div><div class="narrow">{draw(narrow)}</div>'


def ticks(low: float, high: float, count: int) -> list[float]:
    """Return about ``count`` round numbers within [low, high], ascending."""
    raw = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * (1 - 1e-9))
    start, end = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [index * step for index in range(start, end + 1)]


def dodge(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move labels as little as possible (least squares) so that they stay ``gap`` apart and in order.

    The positions are the isotonic regression of ``wanted[i] - i * gap`` by pooling adjacent violators,
    clamped into [low, high] as far as they fit.
    """
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    pools: list[tuple[float, int]] = []
    for rank, index in enumerate(order):
        total, count = wanted[index] - rank * gap, 1
        while pools and pools[-1][0] / pools[-1][1] >= total / count:
            total, count = total + pools[-1][0], count + pools[-1][1]
            pools.pop()
        pools.append((total, count))
    free = [total / count for total, count in pools for _ in range(count)]
    last = max(low, high - (len(order) - 1) * gap)
    placed = [0.0] * len(wanted)
    for rank, index in enumerate(order):
        placed[index] = min(max(free[rank], low), last) + rank * gap
    return placed


class _Frame:
    """Maps data to pixels and draws the axes."""

    def __init__(self, size: Size, xs: tuple[float, float], ys: tuple[float, float]) -> None:
        self.size = size
        self.left, self.right = 46.0, float(size.width - max(size.labels, 8))
        self.top, self.bottom = 10.0, float(size.height - 34)
        self.xs = xs if xs[1] > xs[0] else (xs[0] - 0.5, xs[0] + 0.5)
        self.ys = ys

    def x(self, value: float) -> float:
        low, high = self.xs
        return self.left + (value - low) / (high - low) * (self.right - self.left)

    def y(self, value: float) -> float:
        low, high = self.ys
        return self.bottom - (value - low) / (high - low) * (self.bottom - self.top)

    def axes(self) -> list[str]:
        parts: list[str] = []
        marks = ticks(*self.ys, max(2, int((self.bottom - self.top) // 48)))
        step = marks[1] - marks[0] if len(marks) > 1 else self.ys[1] - self.ys[0]
        digits = min(6, max(0, -math.floor(math.log10(step) + 1e-9)) + (_is_quarter(step)))
        for mark in marks:
            y = self.y(mark)
            css = "zero" if abs(mark) < step * 1e-6 else "grid"
            parts.append(
                f'<line class="{css}" x1="{self.left:.1f}" x2="{self.right:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
            )
            text = f"{0.0 if css == 'zero' else mark:,.{digits}f}".replace("-", "−")
            parts.append(f'<text class="tick end" x="{self.left - 8:.1f}" y="{y + 4:.1f}">{text}</text>')
        first, last = math.ceil(self.xs[0]), math.floor(self.xs[1])
        stride = max(1, math.ceil((last - first + 1) * 26 / (self.right - self.left)))
        stride = next((s for s in (1, 2, 5, 10, 20, 50, 100) if s >= stride), stride)
        for mark in range(first, last + 1):
            if mark % stride == 0 or first == last:
                y = self.bottom + 16
                parts.append(f'<text class="tick mid" x="{self.x(mark):.1f}" y="{y:.1f}">{mark}</text>')
        middle = (self.left + self.right) / 2
        parts.append(f'<text class="tick mid" x="{middle:.1f}" y="{self.bottom + 31:.1f}">round</text>')
        return parts


def _is_quarter(step: float) -> int:
    lead = step / 10.0 ** math.floor(math.log10(step) + 1e-9)
    return int(abs(lead - 2.5) < 1e-6)


def _range(
    values: Sequence[float], *, floor: float | None = None, ceiling: float | None = None
) -> tuple[float, float]:
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    margin = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
    low = low if floor is not None and low == floor else low - margin
    high = high + margin
    return low, high if ceiling is None else max(min(high, ceiling), low + margin)


def _svg(size: Size, label: str, parts: Sequence[str]) -> str:
    return (
        f'<svg role="img" viewBox="0 0 {size.width} {size.height}" aria-label="{esc(label)}">'
        f"{''.join(parts)}</svg>"
    )


def line_chart(
    size: Size,
    label: str,
    series: Sequence[Series],
    references: Sequence[Reference] = (),
    *,
    floor: float | None = None,
    ceiling: float | None = None,
) -> str:
    """Draw lines over rounds with labels at their right end.

    Args:
        size: Outer size.
        label: What a screen reader says in place of the picture.
        series: The lines, drawn in order.
        references: Dashed horizontal lines.
        floor: A natural lower bound; no margin is added below a smallest value that equals it.
        ceiling: A natural upper bound of the values.
    """
    values = [v for line in series for v in line.values if v is not None] + [r.value for r in references]
    first = min((line.first for line in series), default=1)
    last = max((line.first + len(line.values) - 1 for line in series), default=1)
    frame = _Frame(size, (first, max(last, first)), _range(values, floor=floor, ceiling=ceiling))
    parts = frame.axes()
    ends: list[tuple[float, str, str]] = []
    for ref in references:
        y = frame.y(ref.value)
        parts.append(
            f'<line class="ref" x1="{frame.left:.1f}" x2="{frame.right:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        ends.append((y, ref.label, "ref"))
    for line in series:
        parts.append(_line(frame, line))
        final = next((v for v in reversed(line.values) if v is not None), None)
        if line.label is not None and final is not None:
            ends.append((frame.y(final), line.label, line.css))
    parts += _end_labels(frame, ends)
    return _svg(size, label, parts)


def _line(frame: _Frame, line: Series) -> str:
    points = [(i, v) for i, v in enumerate(line.values, start=line.first) if v is not None]
    path = " ".join(f"{frame.x(i):.1f},{frame.y(v):.1f}" for i, v in points)
    parts = [f'<polyline points="{path}"/>']
    if line.dots or len(points) == 1:
        parts += [
            f'<circle cx="{frame.x(i):.1f}" cy="{frame.y(v):.1f}" r="3.5"><title>round {i}: '
            f"{v:.4f}</title></circle>"
            for i, v in points
        ]
    return f'<g class="line {line.css}"><title>{esc(line.title)}</title>{"".join(parts)}</g>'


def _end_labels(frame: _Frame, ends: Sequence[tuple[float, str, str]]) -> list[str]:
    spots = dodge([y for y, _, _ in ends], LABEL_GAP, frame.top, frame.bottom)
    parts: list[str] = []
    longest = max(6, int((frame.size.labels - 26) / 6.4))
    for (y, text, css), spot in zip(ends, spots, strict=True):
        x, shown = frame.right, clean(text)
        short = shown if len(shown) <= longest else f"{shown[: longest - 1]}…"
        parts.append(
            f'<g class="mark {css}"><title>{esc(text)}</title>'
            f'<polyline points="{x + 3:.1f},{y:.1f} {x + 14:.1f},{spot:.1f} {x + 18:.1f},{spot:.1f}"/>'
            f'<text x="{x + 22:.1f}" y="{spot + 4:.1f}">{esc(short)}</text></g>'
        )
    return parts


def change_chart(size: Size, label: str, pairs: Sequence[tuple[float | None, float | None]]) -> str:
    """Draw a stem per round from the value before to the value after; falls and rises differ in class."""
    values = [v for pair in pairs for v in pair if v is not None]
    frame = _Frame(size, (0.5, len(pairs) + 0.5), _range(values))
    parts = frame.axes()
    for number, (before, after) in enumerate(pairs, start=1):
        if before is None or after is None:
            continue
        x, start, end = frame.x(number), frame.y(before), frame.y(after)
        css = "fall" if after < before else "rise"
        parts.append(
            f'<g class="{css}"><title>round {number}: {before:.4f} to {after:.4f}</title>'
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{start:.1f}" y2="{end:.1f}"/>'
            f'<circle class="hollow" cx="{x:.1f}" cy="{start:.1f}" r="3.5"/>'
            f'<circle cx="{x:.1f}" cy="{end:.1f}" r="4"/></g>'
        )
    return _svg(size, label, parts)


def column_chart(size: Size, label: str, values: Sequence[float]) -> str:
    """Draw one column per round from zero."""
    low, high = min([0.0, *values]), max([0.0, *values])
    frame = _Frame(
        size, (0.5, max(len(values), 1) + 0.5), (low, (high - low) * 0.06 + high if high > low else 1.0)
    )
    parts = frame.axes()
    width = max(2.0, min(28.0, (frame.right - frame.left) / max(len(values), 1) - 2))
    for number, value in enumerate(values, start=1):
        top, base = sorted((frame.y(value), frame.y(0.0)))
        parts.append(
            f'<rect class="column" x="{frame.x(number) - width / 2:.1f}" y="{top:.1f}" width="{width:.1f}" '
            f'height="{base - top:.1f}" rx="2"><title>round {number}: {value:.6f}</title></rect>'
        )
    return _svg(size, label, parts)


def stacked_bar(width: int, label: str, parts: Sequence[tuple[str, float, str]]) -> str:
    """Draw one bar of ``(name, share, css)`` parts; a negative share has no width, the rest fill the bar."""
    total = sum(max(0.0, share) for _, share, _ in parts)
    drawn: list[str] = []
    x = 0.0
    for name, share, css in parts:
        span = width * max(0.0, share) / total if total > 0 else 0.0
        if span > 0:
            drawn.append(
                f'<rect class="{css}" x="{x:.1f}" y="0" width="{max(span - 2, 1):.1f}" height="36" rx="3">'
                f"<title>{esc(name)}: {share:.1%}</title></rect>"
            )
            if span > 52:
                drawn.append(f'<text class="on-bar {css}-text" x="{x + 10:.1f}" y="23">{share:.0%}</text>')
        x += span
    return _svg(Size(width=width, height=36, labels=0), label, drawn)
