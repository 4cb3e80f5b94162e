from __future__ import annotations

import json
import subprocess
import sys

import pytest

from gate.catalog.names import refused_name

ASK = """
import json
from ansible.constants import INTERNAL_STATIC_VARS, MAGIC_VARIABLE_MAPPING
from ansible.vars.reserved import get_reserved_names
mapped = {name for names in MAGIC_VARIABLE_MAPPING.values() for name in names}
print(json.dumps(sorted(get_reserved_names() | set(INTERNAL_STATIC_VARS) | mapped)))
"""


def test_every_name_that_ansible_reserves_is_refused() -> None:
    answer = subprocess.run([sys.executable, "-c", ASK], capture_output=True, check=True, text=True)
    names = json.loads(answer.stdout)
    assert len(names) > 100
    assert [name for name in names if not refused_name(name)] == []


@pytest.mark.parametrize(
    "name",
    ["hostvars", "groups", "inventory_hostname", "item", "omit", "environment", "vars", "role_x", "gate_x", "evidence",
     "ansible_x", "class", "import", "Unit", "_x", "x-y", "x" * 65, "", "ünit", "unit\n", "true", "1a"],
)  # fmt: skip
def test_names_with_a_meaning_are_refused(name: str) -> None:
    assert refused_name(name)


@pytest.mark.parametrize("name", ["unit", "service", "listen_port", "version", "path", "copy", "schema", "x9"])
def test_plain_names_are_taken(name: str) -> None:
    assert not refused_name(name)
