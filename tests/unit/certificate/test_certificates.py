"""A certificate certifies exactly what was proved, or nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gate.certificate.model import Certificate, ProvedCase
from gate.certificate.store import Certificates
from gate.values.errors import CertificateError
from gate.values.keys import make_key

MADE = Certificate(
    action="set_config_value",
    digest="sha256:" + "a" * 64,
    hosts={"proof-01": "Debian GNU/Linux 12 (bookworm), x86_64"},
    cases=(
        ProvedCase(
            name="a file that is there",
            parameters={"path": "/etc/app/app.ini", "workers": 8},
            changed=("files",),
            broken_off=("Record the evidence",),
            do_s=0.4,
            undo_s=0.3,
        ),
    ),
    fingerprint="sha256:" + "b" * 64,
    ansible_core="2.19.14",
    python="3.11.2",
    proved_at=datetime(2026, 11, 26, 12, tzinfo=UTC),
)


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    make_key(tmp_path, "certificate")
    return Certificates(tmp_path / "certificates", tmp_path)


def test_what_is_given_is_read_again(certificates: Certificates) -> None:
    certificates.give(MADE)
    assert certificates.read("set_config_value") == MADE
    assert certificates.has("set_config_value", MADE.digest)


def test_nothing_is_certified_before_and_after(certificates: Certificates) -> None:
    assert not certificates.has("set_config_value", MADE.digest)
    certificates.give(MADE)
    certificates.take_away("set_config_value")
    assert not certificates.has("set_config_value", MADE.digest)
    certificates.take_away("set_config_value")


def test_an_edited_action_has_lost_it(certificates: Certificates) -> None:
    certificates.give(MADE)
    assert not certificates.has("set_config_value", "sha256:" + "c" * 64)


def test_a_new_proof_takes_the_place_of_the_old_one(certificates: Certificates) -> None:
    certificates.give(MADE)
    assert certificates.has("set_config_value", MADE.digest)
    certificates.give(replace(MADE, digest="sha256:" + "c" * 64))
    assert not certificates.has("set_config_value", MADE.digest)
    assert certificates.has("set_config_value", "sha256:" + "c" * 64)


def test_one_action_cannot_use_the_certificate_of_another(certificates: Certificates) -> None:
    path = certificates.give(MADE)
    path.rename(path.with_name("deploy_release.json"))
    assert not certificates.has("deploy_release", MADE.digest)
    with pytest.raises(CertificateError, match="is that of set_config_value"):
        certificates.read("deploy_release")


def test_a_word_that_was_changed_is_no_certificate(certificates: Certificates) -> None:
    path = certificates.give(MADE)
    outer = json.loads(path.read_text())
    outer["certificate"] = outer["certificate"].replace("a" * 64, "d" * 64)
    path.write_text(json.dumps(outer))
    assert not certificates.has("set_config_value", "sha256:" + "d" * 64)


def test_the_certificate_of_another_site_is_none(certificates: Certificates, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    make_key(tmp_path / "other", "certificate")
    path = Certificates(tmp_path / "elsewhere", tmp_path / "other").give(MADE)
    certificates.folder.mkdir()
    path.rename(certificates.folder / path.name)
    assert not certificates.has("set_config_value", MADE.digest)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        "\0",
        '{"certificate": 1, "signature": ""}',
        '{"certificate": "x", "signature": "!"}',
        "[" * 100_000,
    ],
    ids=["empty", "no-keys", "a-list", "null", "nul", "a-number", "no-base64", "deep"],
)
def test_nonsense_is_no_certificate(certificates: Certificates, text: str) -> None:
    certificates.give(MADE).write_text(text)
    assert not certificates.has("set_config_value", MADE.digest)
    with pytest.raises(CertificateError, match="not one of this site's"):
        certificates.read("set_config_value")


def test_a_folder_in_its_place_is_no_certificate(certificates: Certificates) -> None:
    (certificates.folder / "set_config_value.json").mkdir(parents=True)
    assert not certificates.has("set_config_value", MADE.digest)
