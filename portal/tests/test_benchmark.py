"""`manage.py benchmark` finds what there is and says so when asked for something else."""

import pytest
from django.core.management import CommandError, call_command

from portal.management.commands.benchmark import names


def test_every_benchmark_is_found() -> None:
    assert {"schedules", "matching"} <= set(names())


def test_an_unknown_one_names_those_there_are() -> None:
    with pytest.raises(CommandError, match="schedules"):
        call_command("benchmark", "nada")
