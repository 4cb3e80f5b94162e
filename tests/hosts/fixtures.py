"""What pytest gets: `lab`, two hosts of this worker's own, and `hosts`, the same and whole again after each test."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.hosts.host import Host
from tests.hosts.lab import Lab
from tests.hosts.machine import left_out, must_not_skip


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """Two hosts. Without root or podman the test is skipped; in continuous integration it fails."""
    reason = left_out()
    if reason is not None:
        (pytest.fail if must_not_skip() else pytest.skip)(reason)
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def say(text: str) -> None:
        with capture.global_and_fixture_disabled():
            sys.stderr.write(f"\n{text}\n")

    made = Lab.up(2, say)
    yield made
    made.down()


@pytest.fixture
def hosts(lab: Lab) -> Iterator[tuple[Host, ...]]:
    """The hosts of `lab`; cables that the test pulled and hosts that it froze are put right after it."""
    yield lab.hosts
    lab.mend()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`-m hosts` and `-m "not hosts"` choose by what a test asks for."""
    for item in items:
        if "lab" in getattr(item, "fixturenames", ()):
            item.add_marker("hosts")
