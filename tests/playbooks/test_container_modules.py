"""By which words a container is made anew or copied, and when that cannot be said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

IMAGE = "localhost/app:v1"


@pytest.fixture
def past(load: Callable[[str], Any]) -> Any:
    return load("deploy_container/library/container_past.py")


@pytest.fixture
def copy(load: Callable[[str], Any]) -> Any:
    return load("scale_container/library/container_copy.py")


def found(*words: str, labels: dict[str, str] | None = None, pod: str = "", volume: str = "data") -> dict[str, Any]:
    """What podman says of a container that was made so."""
    return {
        "ImageName": IMAGE,
        "Pod": pod,
        "Mounts": [{"Type": "volume", "Name": volume}],
        "Config": {"CreateCommand": ["/usr/bin/podman", *words], "Image": IMAGE, "Labels": labels},
    }


@pytest.mark.parametrize(
    ("words", "running", "anew"),
    [
        (["run", "-d", "--name=a", "app:v1", "sh"], True, ["run", "--detach", "-d", "--name=a", "app:v1", "sh"]),
        (["run", "-d", "--name", "a", IMAGE], True, ["run", "--detach", "-d", "--name", "a", IMAGE]),
        (["run", "--name", "a", IMAGE, "-d"], True, ["run", "--detach", "--name", "a", IMAGE, "-d"]),
        (["container", "run", "--detach=True", "--name", "a", IMAGE], False, ["create", "--name", "a", IMAGE]),
        (["run", "-d", "--name=a", "-e", "A=-d", IMAGE, "-d"], False, ["create", "--name=a", "-e", "A=-d", IMAGE, "-d"]),
        (["create", "--name", "a", IMAGE], True, ["create", "--name", "a", IMAGE]),
        (["create", "--name", "a", IMAGE], False, ["create", "--name", "a", IMAGE]),
    ],
)
def test_it_is_made_anew_by_the_words_that_made_it(past: Any, words: list[str], running: bool, anew: list[str]) -> None:
    assert past.making("a", found(*words), running) == anew


@pytest.mark.parametrize(
    "about",
    [
        found("play", "kube", "a.yml"),
        found("kube", "play", "a.yml"),
        found(),
        found("--root", "/x", "run", "--name", "a", IMAGE),
        found("run", "--name", "a", IMAGE, labels={"PODMAN_SYSTEMD_UNIT": "a.service"}),
        found("run", "--name", "a", IMAGE, pod="0123"),
        found("run", "--name", "a", IMAGE, volume="0123456789abcdef" * 4),
        found("run", "-d", IMAGE),
        found("run", "--name", "renamed", IMAGE),
        found("run", "--name", "a", "another"),
        found("run", "--name", "a", "--cidfile", "/run/a", IMAGE),
        found("run", "--name", "a", "--pidfile=/run/a", IMAGE),
        found("run", "--name", "a", "--env-file", "/etc/a", IMAGE),
        found("run", "--name", "a", "--env-host", IMAGE),
        found("run", "--name", "a", "-e", "HOME", IMAGE),
        found("run", "--name", "a", "--env=HOME", IMAGE),
        found("run", "--name", "a", "-v", "./data:/data", IMAGE),
        found("run", "--name", "a", "--pull=always", IMAGE),
        found("run", "--name", "a", "--pull", "newer", IMAGE),
    ],
)
@pytest.mark.parametrize("running", [True, False])
def test_what_could_not_be_made_anew_is_refused(past: Any, about: dict[str, Any], running: bool) -> None:
    with pytest.raises(past.Refused, match=r"Nothing was changed\."):
        past.making("a", about, running)


@pytest.mark.parametrize("words", [["run", "-dit", "--name", "a", IMAGE], ["run", "--name=a", "-td", IMAGE]])
def test_what_could_only_be_made_running_is_refused_if_it_is_stopped(past: Any, words: list[str]) -> None:
    assert past.making("a", found(*words), running=True)[:2] == ["run", "--detach"]
    with pytest.raises(past.Refused, match="could only be made anew running"):
        past.making("a", found(*words), running=False)


@pytest.mark.parametrize("state", ["paused", "removing", "unknown", "stopping", ""])
def test_what_neither_runs_nor_is_stopped_is_refused(past: Any, state: str) -> None:
    with pytest.raises(past.Refused, match="neither running nor stopped"):
        past.is_running("a", {"State": {"Status": state}})


@pytest.mark.parametrize("token", ["", "../../etc/passwd", "0123456789ABCDEF", "0123456789abcdef/", "0" * 17])
def test_a_token_that_is_none_leads_to_no_file(past: Any, token: str) -> None:
    with pytest.raises(past.Refused):
        past.path_of(token)


@pytest.mark.parametrize(
    ("options", "copied"),
    [
        (["--name", "a-1", "-p", "8081:80"], ["--name", "a-3", "--publish", "8083:80"]),
        (["--name=a-1", "--publish=127.0.0.1:8081:80/tcp"], ["--name", "a-3", "--publish", "127.0.0.1:8083:80/tcp"]),
        (["-e", "A=b", "--restart=always"], ["-e", "A=b", "--restart=always"]),
        (["--publish", "65533:80/udp"], ["--publish", "65535:80/udp"]),
    ],
)
def test_a_copy_has_another_name_and_other_ports(copy: Any, options: list[str], copied: list[str]) -> None:
    assert copy.copied(options, "a-3", 3) == copied


@pytest.mark.parametrize(
    "options",
    [
        ["--ip", "10.0.0.1"], ["--ip=10.0.0.1"], ["-h", "a"], ["--hostname=a"], ["--cidfile", "/x"], ["-P"], ["-dp", "1:1"],
        ["-p8080:80"],
        ["--pod", "x"], ["-p", "80"], ["-p", "8080-8090:80"], ["-p", "65534:80"], ["-p", "[::1]:80:80"], ["-p", ":80"],
    ],
)  # fmt: skip
def test_what_only_one_container_can_have_is_not_copied(copy: Any, options: list[str]) -> None:
    with pytest.raises(copy.Refused, match=r"Nothing was changed\."):
        copy.copied(options, "a-3", 3)


def test_words_behind_the_image_are_the_containers_own(copy: Any) -> None:
    options, rest = copy.words_of(found("run", "-d", "--name", "a-1", IMAGE, "sh", "-p", "1"))
    assert (options, rest) == (["--name", "a-1"], [IMAGE, "sh", "-p", "1"])


@pytest.mark.parametrize("words", [["run", "app"], ["play", "kube", IMAGE], []])
def test_what_was_made_otherwise_is_not_copied(copy: Any, words: list[str]) -> None:
    with pytest.raises(copy.Refused):
        copy.words_of(found(*words))
