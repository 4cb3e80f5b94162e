"""`gate windows`: the openings of a site, for people and for programs."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from click.testing import CliRunner, Result

from gate.cli.windows import windows
from gate.values.errors import NotFoundError, PolicyError

WINDOWS = """
- {window: nights, kind: allow, cron: 0 22 * * mon-fri, duration: 4h, zone: Europe/Berlin, except: [2026-12-24]}
- {window: year-end, kind: freeze, dates: [{from: 2026-12-20 00:00, to: 2027-03-03 00:00}], zone: UTC}
- {window: always, kind: allow, cron: 0 0 * * *, duration: 1d, zone: UTC, applies: {environments: [lab]}}
- {closed: prod-is-closed, applies: {environments: [prod]}}
"""


@pytest.fixture
def gate(tmp_path: Path):
    """Runs `gate windows WORDS` on a site with these windows."""
    (tmp_path / "gate.toml").write_text("")
    (tmp_path / "rules").mkdir()

    def run(*words: str, text: str = WINDOWS) -> Result:
        (tmp_path / "rules" / "windows.yml").write_text(text)
        return CliRunner().invoke(windows, words, obj=SimpleNamespace(site=str(tmp_path)))

    return run


def test_the_calendar_shows_openings_and_freezes_in_local_time_and_in_utc(gate):
    told = gate("calendar", "--from", "2026-12-23", "--days", "2")
    assert told.exit_code == 0
    lines = [" ".join(line.split()).removesuffix(" open now") for line in told.stdout.splitlines()]
    berlin = "Europe/Berlin"
    assert lines[1:] == [
        "always allow not in sight not in sight UTC not in sight not in sight",
        "year-end FREEZE Sun 2026-12-20 00:00 Wed 2027-03-03 00:00 UTC Sun 2026-12-20 00:00 Wed 2027-03-03 00:00",
        f"nights allow Tue 2026-12-22 22:00 Wed 2026-12-23 02:00 {berlin} Tue 2026-12-22 21:00 Wed 2026-12-23 01:00",
        f"nights allow Wed 2026-12-23 22:00 Thu 2026-12-24 00:00 {berlin} Wed 2026-12-23 21:00 Wed 2026-12-23 23:00",
        f"nights allow Fri 2026-12-25 00:00 Fri 2026-12-25 02:00 {berlin} Thu 2026-12-24 23:00 Fri 2026-12-25 01:00",
    ]


@pytest.mark.parametrize(("output", "read"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_programs_get_the_same_as_data(gate, output, read):
    told = read(gate("calendar", "--from", "2026-12-01", "--days", "1", "-o", output).stdout)
    found = [one for one in told["openings"] if one["window"] == "nights"]
    assert found[-1] == {
        "window": "nights",
        "kind": "allow",
        "zone": "Europe/Berlin",
        "opens": "2026-12-01T22:00+01:00",
        "closes": "2026-12-02T02:00+01:00",
        "opens_utc": "2026-12-01T21:00+00:00",
        "closes_utc": "2026-12-02T01:00+00:00",
        "open": False,
    }


def test_next_shows_so_many_openings_of_one_window_or_of_each(gate):
    assert len(json.loads(gate("next", "nights", "-n", "7", "-o", "json").stdout)["openings"]) == 7
    told = json.loads(gate("next", "-o", "json").stdout)["openings"]
    assert {"nights", "always"} <= {one["window"] for one in told}
    assert [one["open"] for one in told if one["window"] == "always"] == [True]


def test_a_window_that_is_not_there_is_refused(gate):
    assert isinstance(gate("next", "prod-is-closed").exception, NotFoundError)
    assert isinstance(gate("next", text="- {window: broken}").exception, PolicyError)


@pytest.mark.parametrize("words", [("--from", "0001-01-01"), ("--from", "soon"), ("--days", "0"), ("--days", "9999")])
def test_days_that_nobody_knows_are_refused(gate, words):
    assert gate("calendar", *words).exit_code == 2
