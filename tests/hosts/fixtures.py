"""What pytest gets: two hosts as `lab`, the same as `hosts` and whole again after each test, and `make_lab`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest

from tests.hosts import ground
from tests.hosts.host import Host
from tests.hosts.lab import Lab
from tests.hosts.machine import Say, left_out, must_not_skip

WANT_HOSTS = {"lab", "ground_lab", "make_lab", "molecule"}


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """Two hosts. Without root or podman the test is skipped; in continuous integration it fails."""
    must_be_possible()
    made = Lab.up(2, teller(request.config))
    yield made
    made.down()


@pytest.fixture
def hosts(lab: Lab) -> Iterator[tuple[Host, ...]]:
    """The hosts of `lab`; cables that the test pulled and hosts that it froze are put right after it."""
    yield lab.hosts
    lab.mend()


@pytest.fixture
def make_lab(request: pytest.FixtureRequest) -> Iterator[Callable[..., Lab]]:
    """Makes further labs, as `Lab.up` does; those that the test left up are taken down after it."""
    must_be_possible()
    made: list[Lab] = []

    def make(count: int, *, containers: bool = False) -> Lab:
        made.append(Lab.up(count, teller(request.config), containers=containers))
        return made[-1]

    yield make
    for one in made:
        if one.number in ground.numbers():
            one.down()


def must_be_possible() -> None:
    """Skips the test where there can be no hosts; in continuous integration it fails."""
    reason = left_out()
    if reason is not None:
        (pytest.fail if must_not_skip() else pytest.skip)(reason)


def teller(config: pytest.Config) -> Say:
    """Speaks past pytest's capturing: whoever waits for packages to be installed should know it."""
    capture = config.pluginmanager.getplugin("capturemanager")

    def say(text: str) -> None:
        with capture.global_and_fixture_disabled():
            sys.stderr.write(f"\n{text}\n")

    return say


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`-m hosts` and `-m "not hosts"` choose by what a test asks for."""
    for item in items:
        if WANT_HOSTS & {*getattr(item, "fixturenames", ())}:
            item.add_marker("hosts")
