# SPDX-License-Identifier: GPL-3.0-or-later
"""SLURM clusters for tests: one for all of them, and others with settings of their own."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tracking_sessions.tests.farm.cluster import Cluster


def _made(stack: ExitStack, *settings: str, nodes: int = 3) -> Cluster:
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="farm-"))  # pytest's paths are too long for sockets
    cluster = Cluster(Path(folder), *settings, nodes=nodes)
    stack.callback(cluster.stop)
    return cluster


@pytest.fixture(scope="session")
def _shared() -> Iterator[Cluster]:
    with ExitStack() as stack:
        yield _made(stack)


@pytest.fixture
def cluster(_shared: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """Three nodes of one CPU each, without a job, which this process submits to."""
    monkeypatch.setenv("SLURM_CONF", _shared.environment["SLURM_CONF"])
    yield _shared
    _shared.clear()


@pytest.fixture
def new_cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Cluster]]:
    """Makes a cluster with settings of its own, which this process then submits to."""
    with ExitStack() as stack:

        def make(*settings: str, nodes: int = 3) -> Cluster:
            cluster = _made(stack, *settings, nodes=nodes)
            monkeypatch.setenv("SLURM_CONF", cluster.environment["SLURM_CONF"])
            return cluster

        yield make
