"""Planted bugs: a simulation that finds nothing proves nothing. They live here and never in the product."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

MUTANTS: dict[str, tuple[Callable[[], None], int]] = {}


def silence() -> None:
    """No log lines from the worlds."""
    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))


@contextmanager
def planted(name: str) -> Iterator[None]:
    """The product with one bug in it, for the rest of this process's child; "" = none."""
    if name:
        MUTANTS[name][0]()
    yield
