from __future__ import annotations

from pathlib import Path

import pytest

from gate.catalog.finding import BrokenActionError
from gate.catalog.source import MAX_BYTES, Map, read_yaml


def written(tmp_path: Path, content: str | bytes) -> Path:
    file = tmp_path / "x.yml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def test_maps_know_the_line_of_each_key(tmp_path: Path) -> None:
    made = read_yaml(written(tmp_path, "a: 1\n\nb:\n  c: [x]\n"))
    assert isinstance(made, Map)
    assert made == {"a": 1, "b": {"c": ["x"]}}
    assert (made.at("a"), made.at("b"), made["b"].at("c"), made["b"].at("unknown")) == (1, 3, 4, 4)


@pytest.mark.parametrize(
    ("content", "line", "word"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "twice (first on line 1)"),
        ("a: &x [1]\nb: *x\n", 1, "anchor"),
        ("a: 1\nb: *nothing\n", 2, "alias"),
        ("a: 1\nb: !vault |\n  66\n", 2, "tag"),
        ("a: !!python/object/apply:os.system [id]\n", 1, "tag"),
        ("a: 1\n---\nb: 2\n", 2, "second document"),
        ("a: 1\n1: b\n", 2, "no text"),
        ("a: 1\non: b\n", 2, "no text"),
        ("a: 1\nb: [1\nc: 2\n", 3, "expected"),
        ("a: 1\n\tb: 2\n", 2, "tab character|cannot start any token"),
        (b"a: 1\nb: \xff\n", 2, "UTF-8"),
        ("[" * 100 + "]" * 100, 1, "levels"),
        ("[" * 20_000, 1, "levels"),
        ("a: " + "x" * MAX_BYTES, 1, "KiB"),
        ("a: 2024-99-99\n", 1, "cannot be read"),
        ("<<: {a: 1}\n", 1, "merge"),
    ],
)
def test_what_is_not_plain_is_refused_with_its_line(tmp_path: Path, content: str | bytes, line: int, word: str) -> None:
    file = written(tmp_path, content)
    with pytest.raises(BrokenActionError) as wrong:
        read_yaml(file)
    [found] = wrong.value.findings
    assert (found.file, found.line, found.rule) == (file, line, "yaml")
    assert any(part in found.what for part in word.split("|")), found.what


def test_a_bomb_of_aliases_is_refused_before_it_grows(tmp_path: Path) -> None:
    levels = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)]
    with pytest.raises(BrokenActionError, match="anchor"):
        read_yaml(written(tmp_path, "\n".join(levels)))


def test_a_missing_file_is_an_error_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(BrokenActionError, match="No such file"):
        read_yaml(tmp_path / "none.yml")
