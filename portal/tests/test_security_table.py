"""docs/security.md answers every item of the standard once, and names no test or file that is not there."""

import re
from typing import Final

import pytest
from django.conf import settings

PAGE: Final = (settings.BASE_DIR / "docs" / "security.md").read_text(encoding="utf-8")
ROW: Final = re.compile(r"^\| (\d+\.\d+\.\d+) \| ([12]) \| ([^|]+) \| ([^|]+) \| (.+) \|$", re.MULTILINE)
ROWS: Final = {found[0]: found[1:] for found in ROW.findall(PAGE)}
FOLDERS: Final = {"A": "accounts", "L": "lending", "S": "scoring", "P": "portal"}
TESTS: Final = re.compile(r"\b([ALSP]) ((?:`test_\w+`(?: \([^)]*\))?(?:, )?)+)")

# OWASP ASVS 4.0.3: numbers of the items of each section at level 2, without those that were deleted or are of level 3.
LEVEL_2: Final = {
    "1.1": range(1, 8), "1.2": range(1, 5), "1.4": (1, 4, 5), "1.5": range(1, 5), "1.6": range(1, 5), "1.7": (1, 2),
    "1.8": (1, 2), "1.9": (1, 2), "1.10": (1,), "1.11": (1, 2), "1.12": (2,), "1.14": range(1, 7),
    "2.1": range(1, 13), "2.2": range(1, 4), "2.3": range(1, 4), "2.4": range(1, 6), "2.5": range(1, 8),
    "2.6": range(1, 4), "2.7": range(1, 7), "2.8": range(1, 8), "2.9": range(1, 4), "2.10": range(1, 5),
    "3.1": (1,), "3.2": range(1, 5), "3.3": range(1, 5), "3.4": range(1, 6), "3.5": range(1, 4), "3.7": (1,),
    "4.1": (1, 2, 3, 5), "4.2": (1, 2), "4.3": range(1, 4),
    "5.1": range(1, 6), "5.2": range(1, 9), "5.3": range(1, 11), "5.4": range(1, 4), "5.5": range(1, 5),
    "6.1": range(1, 4), "6.2": range(1, 7), "6.3": (1, 2), "6.4": (1, 2),
    "7.1": range(1, 5), "7.2": (1, 2), "7.3": (1, 3, 4), "7.4": range(1, 4),
    "8.1": range(1, 5), "8.2": range(1, 4), "8.3": range(1, 9), "9.1": range(1, 4), "9.2": range(1, 5),
    "10.2": (1, 2), "10.3": range(1, 4), "11.1": range(1, 9),
    "12.1": range(1, 4), "12.2": (1,), "12.3": range(1, 7), "12.4": (1, 2), "12.5": (1, 2), "12.6": (1,),
    "13.1": (1, 3, 4, 5), "13.2": (1, 2, 3, 5, 6), "13.3": (1, 2), "13.4": (1, 2),
    "14.1": range(1, 5), "14.2": range(1, 7), "14.3": (2, 3), "14.4": range(1, 8), "14.5": range(1, 5),
}  # fmt: skip
ITEMS: Final = [f"{section}.{number}" for section, numbers in LEVEL_2.items() for number in numbers]


def test_every_item_has_one_row_in_order():
    assert [found[0] for found in ROW.findall(PAGE)] == ITEMS
    assert len(ITEMS) == 259
    assert sum(level == "1" for level, *_rest in ROWS.values()) == 128
    assert PAGE.count("\n| ") == len(ITEMS) + PAGE.count("\n| item | L |")  # no row that the pattern overlooks


@pytest.mark.parametrize("item", ITEMS)
def test_its_state_is_shown(item):
    _level, asks, state, why = ROWS[item]
    assert state in ("met", "n. a.", "open")
    assert len(asks) > 4
    assert len(why) > 3
    if state == "met":
        assert TESTS.search(why) or "`" in why or "git" in why, "name the test or file that shows it"
    for folder, names in TESTS.findall(why):
        for name in re.findall(r"`(test_\w+)`", names):
            assert (settings.BASE_DIR / FOLDERS[folder] / "tests" / f"{name}.py").exists(), f"{folder} {name}"
    for path in re.findall(r"`([\w.-]+(?:/[\w.-]+)+/?|Makefile|README\.md|requirements\.txt)`", why):
        assert (settings.BASE_DIR / path).exists(), path
    named = set(re.findall(r"`(test_\w+)`", why))
    assert named == {one for _f, names in TESTS.findall(why) for one in re.findall(r"`(test_\w+)`", names)}
