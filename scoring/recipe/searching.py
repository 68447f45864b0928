"""Looking for better settings: a budget of trials, never of seconds, so that the same seed finds the same again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from scoring.recipe.stack import Progress

if TYPE_CHECKING:
    import optuna


def search(
    loss: Callable[[optuna.Trial], float], trials: int, seed: int, progress: Progress | None = None
) -> optuna.trial.FrozenTrial:
    """The trial with the lowest loss on rows held out."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def tried(trial: optuna.Trial) -> float:
        found = loss(trial)
        if progress:
            progress("search", trial.number + 1, trials)
        return found

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(tried, n_trials=trials)
    return study.best_trial
