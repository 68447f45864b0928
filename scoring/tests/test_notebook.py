"""The notebook runs from end to end, cell by cell."""

import json
from typing import Any

from django.conf import settings


def test_every_cell_of_the_notebook_runs():
    document = json.loads((settings.BASE_DIR / "docs" / "models.ipynb").read_text(encoding="utf-8"))
    names: dict[str, Any] = {"__name__": "notebook"}
    for place, cell in enumerate(document["cells"]):
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"cell {place}", "exec"), names)  # (our own file)
    assert names["trained"].metrics["auc"] > 0.6
    assert names["moved"][0].moved
