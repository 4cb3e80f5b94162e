"""Equal inventories, which most sites of the tests have, are read by Ansible once, and not for each test."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gate.inventory import read
from gate.inventory.digest import digest_source
from gate.values.canonical import digest

Reading = Callable[[Path, Mapping[str, str], float], Any]


def remembering(folder: Path, of_ansible: Reading = read.read_in_child) -> Reading:
    """A reading by Ansible whose answers are kept in `folder`.

    What the gate's own cache would not take again from a file that has not changed is not taken again here.
    """

    def known(source: Path, environment: Mapping[str, str], timeout_s: float) -> Any:
        of, dynamic = digest_source(source)
        kept = folder / digest([of, sorted(environment.items())])
        if kept.exists():
            return json.loads(kept.read_text())
        content = of_ansible(source, environment, timeout_s)
        if not dynamic and content["templated"] is False:
            new = kept.with_suffix(".new")
            new.write_text(json.dumps(content))
            new.replace(kept)
        return content

    return known
