"""Public credit data as the product's own tables: where each file is, its target, and what leaks.

The files are third-party data and are not part of the product: name their folder by `AYNI_PUBLIC_DATA`. Nothing here
or in the product is tuned to them.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from scoring.datasets import Table, profile, read_table

FOLDER = "AYNI_PUBLIC_DATA"


@dataclass(frozen=True)
class PublicSet:
    file: str
    target: str = "default"
    splits: str = "5fold"
    leaks: tuple[str, ...] = ()
    prepare: Callable[[Path], pd.DataFrame] | None = None


def _superlender(folder: Path) -> pd.DataFrame:
    """Loans with what was known of the customer's earlier loans when each was asked for."""
    loans = pd.read_csv(folder / "superlender_nigeria_perf.csv", parse_dates=["creationdate", "approveddate"])
    before = pd.read_csv(
        folder / "superlender_nigeria_prevloans.csv",
        parse_dates=["creationdate", "closeddate", "firstduedate", "firstrepaiddate"],
    )
    people = pd.read_csv(folder / "superlender_nigeria_demographics.csv", parse_dates=["birthdate"])
    pairs = loans[["systemloanid", "customerid", "creationdate"]].merge(before, on="customerid", suffixes=("", "_old"))
    pairs = pairs[pairs["closeddate"] < pairs["creationdate"]]
    day = pd.Timedelta(days=1)
    pairs["late"] = (pairs["firstrepaiddate"] - pairs["firstduedate"]) / day
    pairs["took"] = (pairs["closeddate"] - pairs["creationdate_old"]) / day - pairs["termdays"]
    pairs = pairs.sort_values("closeddate")
    known = pairs.groupby("systemloanid").agg(
        old_loans=("late", "size"),
        late_mean=("late", "mean"),
        late_most=("late", "max"),
        late_last=("late", "last"),
        late_share=("late", lambda days: float((days > 0).mean())),
        took_mean=("took", "mean"),
        took_most=("took", "max"),
        took_last=("took", "last"),
        old_amount=("loanamount", "mean"),
        last_amount=("loanamount", "last"),
        last_closed=("closeddate", "last"),
    )
    table = loans.merge(known, on="systemloanid", how="left").merge(
        people.drop_duplicates("customerid"), on="customerid", how="left"
    )
    table["days_since"] = (table["creationdate"] - table["last_closed"]) / day
    table["age"] = (table["creationdate"] - table["birthdate"]) / day / 365.25
    table["referred"] = table["referredby"].notna().map({True: "y", False: "n"})
    table["hour"] = table["creationdate"].dt.hour
    table["charge"] = table["totaldue"] / table["loanamount"] - 1
    table["growth"] = table["loanamount"] / table["last_amount"]
    table["default"] = (table["good_bad_flag"] == "Bad").astype(int)
    return table.drop(
        columns=[
            "good_bad_flag",
            "systemloanid",
            "customerid",
            "referredby",
            "birthdate",
            "last_closed",
            "approveddate",
        ]
    )


SETS: dict[str, PublicSet] = {
    "german": PublicSet("german_credit.csv"),
    "south_german": PublicSet("south_german_credit.csv"),
    "belanche": PublicSet("belanche_spain_credit.csv"),
    "superlender": PublicSet("superlender_nigeria_perf.csv", prepare=_superlender),
    "sba_case": PublicSet(
        "sba_case.csv",
        "Default",
        leaks=(
            *("MIS_Status", "ChgOffDate", "ChgOffPrinGr", "BalanceGross", "daysterm", "xx", "Selected", "Recession"),
            "Term",
        ),
    ),
    "lending_club": PublicSet("lending_club_2016q1_sample.csv", splits="holdout30"),
    "taiwan": PublicSet("taiwan_default.csv", splits="holdout30"),
    "pakdd2010": PublicSet("pakdd2010_brazil.csv.gz", splits="holdout30"),
}


def folder() -> Path | None:
    """Where the public files are, None when nobody said or they are not there."""
    named = Path(os.environ.get(FOLDER, ""))
    return named if os.environ.get(FOLDER) and named.is_dir() else None


def table_of(name: str, where: Path, *, keep_sensitive: bool) -> tuple[Table, list[str]]:
    """The set as an imported table, and the columns that training may use."""
    from scoring.recipe import feature_columns_of

    public = SETS[name]
    if public.prepare is None:
        table = read_table(where / public.file, public.target)
    else:
        with TemporaryDirectory() as scratch:
            path = Path(scratch) / f"{name}.csv"
            public.prepare(where).to_csv(path, index=False)
            table = read_table(path, public.target)
    columns = feature_columns_of(profile(table), keep_sensitive=keep_sensitive, exclude=public.leaks)
    return table, columns


def ece_limit(pd: np.ndarray) -> float:
    """What the calibration error may be: the simulated noise limit, or 0.015."""
    from scoring.evaluation import ece_noise_limit

    return max(0.015, ece_noise_limit(pd))
