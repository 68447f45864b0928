"""The list of parts is complete and is what others' programs read."""

import json
import re

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from django.conf import settings
from django.core.management import call_command


def test_every_pin_is_a_part_and_the_format_holds(tmp_path):
    file = tmp_path / "parts" / "sbom.json"
    call_command("sbom", output=file)
    text = file.read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    parts = {(one["name"], one["version"]) for one in json.loads(text)["components"]}
    pinned = (settings.BASE_DIR / "requirements.txt").read_text()
    assert parts == set(re.findall(r"^([\w.-]+)(?:\[[^]]*])?==([^\s;]+)", pinned, re.MULTILINE))
    assert len(parts) > 50
    licences = {one["name"]: one.get("licenses") for one in json.loads(text)["components"]}
    assert licences["django"] == [{"license": {"name": "BSD-3-Clause"}}]
