from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from planner.catalog import CatalogView

GOLDEN = Path(__file__).parents[2] / "planner_golden"


@pytest.fixture
def raw_catalog() -> dict[str, Any]:
    return json.loads((GOLDEN / "catalog.json").read_text())


@pytest.fixture
def catalog(raw_catalog: dict[str, Any]) -> CatalogView:
    return CatalogView.parse(raw_catalog)
