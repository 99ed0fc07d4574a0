"""Metrics as Prometheus reads them: its text exposition format, version 0.0.4."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


@dataclass
class Metric:
    """A gauge: a name, what it says, and its samples, a value for every set of labels.

    Metrics are written once a run by a process that then ends, so all are gauges, none a counter.
    """

    name: str
    help: str
    samples: list[tuple[dict[str, str], float]] = field(default_factory=list)

    def add(self, value: float, labels: Mapping[str, str]) -> None:
        """Add a sample."""
        self.samples.append((dict(labels), value))


def exposition(metrics: Iterable[Metric]) -> str:
    r"""Write metrics as text; those without samples are left out.

    >>> metric = Metric("glove_spark_cost", "Mean cost.")
    >>> metric.add(0.5, {"output": 'a "b"'})
    >>> print(exposition([metric]), end="")
    # HELP glove_spark_cost Mean cost.
    # TYPE glove_spark_cost gauge
    glove_spark_cost{output="a \"b\""} 0.5

    Raises
    ------
    ValueError
        If a name is none that Prometheus takes.
    """
    lines = []
    for metric in metrics:
        if not metric.samples:
            continue
        lines += [
            f"# HELP {_checked(metric.name)} {_escaped(metric.help)}",
            f"# TYPE {metric.name} gauge",
        ]
        for labels, value in metric.samples:
            inside = ",".join(
                f'{_checked(name)}="{_escaped(text, quotes=True)}"' for name, text in labels.items()
            )
            lines.append(f"{metric.name}{{{inside}}} {_number(value)}")
    return "".join(f"{line}\n" for line in lines)


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a metric or label; use letters, digits and '_'")
    return name


def _escaped(text: str, *, quotes: bool = False) -> str:
    text = text.replace("\\", r"\\").replace("\n", r"\n")
    return text.replace('"', r"\"") if quotes else text


def _number(value: float) -> str:
    if isinstance(value, int):
        return str(int(value))
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return "NaN" if math.isnan(value) else repr(value)
