from __future__ import annotations

import time

import pytest

from gate.values.secret_shapes import certain, hide, hide_certain, is_secret_name

PEM = "-----BEGIN {0}PRIVATE KEY-----\nMIIhunter2\nAAAA\n-----END {0}PRIVATE KEY-----"
VAULT = "$ANSIBLE_VAULT;1.2;AES256;prod\n          35653833\n          6630"
CERTAIN = [
    PEM.format(""),
    PEM.format("RSA "),
    PEM.format("OPENSSH ").replace("\n", "\\n"),
    "-----BEGIN PGP PRIVATE KEY BLOCK-----\nhunter2\n-----END PGP PRIVATE KEY BLOCK-----",
    "-----BEGIN EC PRIVATE KEY-----\nhunter2 and the rest was cut",
    VAULT,
    VAULT.replace("\n", "\\n"),
    "$ANSIBLE_VAULT;1.1;AES256",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0hunter2.c2ln",
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_hunter2hunter2hunter2hunter2hunter2h",
    "glpat-hunter2hunter2hunter2",
    "xoxb-hunter2-hunter2",
    "sk-ant-hunter2hunter2hunter2",
    "hvs.hunter2hunter2hunter2hunter2",
    "gate_" + "hunter2" * 6 + "h",
    "$6$rounds=5000$salt$hunter2hunter2hunter2",
    "$y$j9T$hunter2hunter2hunter2",
]
NAMED = [
    "password = hunter2",
    "password=hunter2 with spaces",
    "db_password: hunter2",
    "- token: hunter2",
    "DB-PASSWORD:hunter2",
    '"db_password": "hunter2 \\" hunter2", "b": 1',
    '{\\"password\\": \\"hunter2\\"}',
    "{'secret': 'hunter2'}",
    "export PGPASSWORD='hunter2 hunter2'",
    "clientSecret=hunter2&x=1",
    "api_key => hunter2",
    "AWS_SECRET_ACCESS_KEY := hunter2",
    "--password hunter2 --other x",
    "--db-token=hunter2",
    "https://user:hunter2@host/x",
    "postgresql://:hunter2@host/x",
    "Authorization: Bearer hunter2",
    'authorization": "Basic hunter2==',
    "sent bearer hunter2hunter2",
    "<password>hunter2</password>",
    "password: |\n  hunter2\n  hunter2\nrest",
    "a:\n  key_password: >-\n    hunter2\n    hunter2\n  c: d",
    "ALTER USER x PASSWORD 'hunter2'",
    "CREATE USER x IDENTIFIED BY 'hunter2'",
    "machine h login u password hunter2",
    "requirepass hunter2",
    "password: [hidden] password=hunter2",
    "password=[hiddenhunter2",
]
HARMLESS = [
    "password_file = /etc/x",
    "--password-file /etc/x",
    "max_tokens: 5",
    "PasswordAuthentication no",
    "the password is rotated every day",
    "tokenizer: small",
    "secret:\n  a: b",
    "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI user@host",
    "https://host:8080/x",
    "workers = 8",
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "",
]


@pytest.mark.parametrize("text", [*CERTAIN, *NAMED])
def test_what_looks_like_a_secret_is_hidden(text: str) -> None:
    hidden = hide(f"{text}")
    assert "hunter2" not in hidden
    assert "[hidden]" in hidden
    assert hide(hidden) == hidden


@pytest.mark.parametrize("text", CERTAIN)
def test_certain_secrets_are_found_wherever_they_stand(text: str) -> None:
    assert list(certain(f"x ({text}"))
    assert hide_certain(f"x ({text}") == "x ([hidden]"


@pytest.mark.parametrize("text", NAMED)
def test_what_is_a_secret_only_by_its_name_is_not_certain(text: str) -> None:
    assert not list(certain(text))


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_none_stays_as_it_is(text: str) -> None:
    assert hide(text) == text


def test_what_stands_around_a_secret_stays() -> None:
    assert hide("a = 1\npassword = hunter2\nb = 2") == "a = 1\npassword = [hidden]\nb = 2"
    assert hide(f"before {VAULT}\nafter") == "before [hidden]\nafter"
    assert hide("a:\n  token: |\n    hunter2\n  c: d") == "a:\n  token: |\n    [hidden]\n  c: d"


def test_a_name_counts_by_its_end() -> None:
    assert all(map(is_secret_name, ("password", "DB_PASSWORD", "vault_tokens", "apiKey", "ssl_private_key")))
    assert not any(map(is_secret_name, ("password_file", "secret_paths", "key", "tokenizer", "")))


HOSTILE = [
    "a", "password", "-----BEGIN PRIVATE KEY-----", "://", "x://a:", '\\"', "-", "- ", " ", "password=", "eyJaaaaaaaa.",
    "<", "[.-", "password:|\n", "login ", "password: >\n  a\n", "\n", "$6$", "$ANSIBLE_VAULT;1.1;AES256\nab12\n",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("text", HOSTILE)
def test_the_time_grows_with_the_text_and_not_faster(text: str) -> None:
    def spent(size: int) -> float:
        began = time.process_time()
        hide(text * (size // len(text)))
        return time.process_time() - began

    assert spent(160_000) < 40 * (spent(20_000) + 0.02)
