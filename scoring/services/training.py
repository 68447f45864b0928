"""Training models and registering them as candidates."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from accounts import audit
from accounts.actors import Actor
from accounts.models import Institution
from scoring import registry
from scoring.algorithms import LIVE_ALGORITHMS, ON_ANY_TABLE
from scoring.datasets import Table
from scoring.drift import reference
from scoring.features import dictionary, feature_columns, feature_names, features_of
from scoring.model_files import dump_model
from scoring.models import Dataset, ScoringModel
from scoring.points import Scale
from scoring.services.datasets import keep_dataset, load_table
from scoring.services.owners import chain_of, require
from scoring.serving import LiveModel

Progress = Callable[[str, int, int], None]

NAME_PREFIX = {"household": "HG", "enterprise": "MN", "farm": "CA"}  # hogar, mi negocio, campo


def train_segment_model(
    *,
    segment: str,
    actor: Actor,
    rows: int = 20_000,
    seed: int = 1,
    institution: Institution | None = None,
    progress: Progress | None = None,
) -> ScoringModel:
    """Train the live kind of model on synthetic borrowers and register it as a candidate.

    Shared by every institution when `institution` is None. The same rows, seed and versions give the same model,
    which is then returned instead of being registered twice. Raises NotAllowed, or CannotTrain.
    """
    from scoring.evaluation import against_truth
    from scoring.reports import evaluation_document
    from scoring.synthetic import borrowers, column_names, provenance
    from scoring.training import Parameters, train_transparent

    require(actor, "scoring.train_model", institution)
    frame = borrowers(segment, rows, seed)
    outcomes = frame["default"].to_numpy()
    features = features_of(segment)
    X = feature_columns(segment, {name: frame[name].to_numpy() for name in column_names(segment)}, rows)
    trained = train_transparent(
        X,
        outcomes,
        [feature.name for feature in features],
        [feature.direction for feature in features],
        Parameters(seed=seed),
        progress,
    )
    source = provenance(segment, rows, seed)
    data_sha256 = hashlib.sha256(frame.to_csv(index=False).encode()).hexdigest()
    metrics = trained.metrics | against_truth(outcomes, trained.out_of_fold, frame["true_pd"].to_numpy())
    live = LiveModel(
        segment,
        trained.tables,
        trained.calibration,
        Scale(),
        {
            "data_sha256": data_sha256,
            "source": source,
            "parameters": trained.parameters,
            "blend": trained.blend,
            "metrics": metrics,
            "features": dictionary(segment)[segment],
        },
    )
    file, sha256 = registry.store_file(dump_model(live, trained.booster))
    registry.store_predictions(sha256, trained.out_of_fold)
    with chain_of(institution):
        dataset = keep_dataset(
            institution=institution,
            actor=actor,
            name=f"synthetic-{segment}",
            segment=segment,
            sha256=data_sha256,
            target="default",
            outcomes=outcomes,
            source=source,
        )
        return _register(
            institution=institution,
            dataset=dataset,
            actor=actor,
            file=file,
            sha256=sha256,
            segment=segment,
            algorithm=trained.parameters["algorithm"],
            feature_set={"segment": segment, "names": list(trained.names)},
            parameters=trained.parameters | {"splits": "5fold", "seconds": round(trained.seconds, 1)},
            metrics=metrics,
            evaluation=evaluation_document(
                outcomes,
                trained.out_of_fold,
                groups={name: frame[name].to_numpy() for name in ("protected_group", "proxy_group")},
                decided_on=frame["applied_on"].to_numpy(),
            ),
            reference=reference(trained.names, X, trained.out_of_fold),
        )


def train_on_dataset(
    *,
    dataset: Dataset,
    actor: Actor,
    algorithm: str,
    splits: str = "5fold",
    seed: int = 1,
    trials: int | None = None,
    imbalance: str | None = None,
    scale: Scale | None = None,
    reject_inference: bool = False,
    keep_sensitive: bool = False,
    exclude: Sequence[str] = (),
    progress: Progress | None = None,
) -> ScoringModel:
    """Train on a kept data set, measure on rows held out, and register a candidate beside it.

    The live algorithms fall back to their form for any table when the columns are not declared facts; such a model
    is for comparison. `scale` is a scorecard's points for odds. `reject_inference` weighs the people served so that
    they stand for those refused too. Raises NotAllowed, or CannotTrain.
    """
    from scoring.datasets.profiling import is_sensitive
    from scoring.recipe import feature_columns_of
    from scoring.recipe.rejects import acceptance_weights
    from scoring.recipe.runs import run
    from scoring.recipe.transparent import holds_facts
    from scoring.reports import evaluation_document, sensitive_facts
    from scoring.training import CannotTrain, versions

    institution = dataset.institution
    require(actor, "scoring.train_model", institution)
    if not dataset.file:
        raise CannotTrain(f"{dataset} was drawn, not imported: train it with --synthetic")
    everyone = load_table(dataset)
    table = everyone.known()
    columns = feature_columns_of(dataset.profile, keep_sensitive=keep_sensitive, exclude=exclude)
    if algorithm in ON_ANY_TABLE and not holds_facts(dataset.segment, columns):
        algorithm = ON_ANY_TABLE[algorithm]
    weights = None
    if reject_inference:
        if everyone.approved is None:
            raise CannotTrain("reject inference needs a data set imported with --approved")
        approved = everyone.frame[everyone.approved].to_numpy() > 0
        weights = acceptance_weights(everyone.frame, approved, columns, seed)
    asked = {"trials": trials, "imbalance": imbalance, "scale": scale}
    done = run(
        table,
        columns,
        algorithm,
        splits=splits,
        seed=seed,
        progress=progress,
        weights=weights,
        segment=dataset.segment,
        directions=declared_directions(dataset.profile),
        **asked,
    )
    parameters = {
        "algorithm": algorithm,
        "splits": splits,
        "seed": seed,
        "columns": columns,
        "sensitive": [name for name in columns if is_sensitive(name)],
        "reject_inference": reject_inference,
        "versions": versions(),
        **{
            name: value.as_document() if isinstance(value, Scale) else value
            for name, value in asked.items()
            if value is not None
        },
        "notes": getattr(done.model, "notes", {}),
    }
    content = done.model.dump({"data_sha256": dataset.sha256, "run": parameters, "metrics": done.metrics})
    file, sha256 = registry.store_file(content)
    registry.store_predictions(sha256, done.predicted)
    with chain_of(institution):
        return _register(
            institution=institution,
            dataset=dataset,
            actor=actor,
            file=file,
            sha256=sha256,
            segment=dataset.segment,
            algorithm=algorithm,
            feature_set={"segment": dataset.segment if algorithm in LIVE_ALGORITHMS else None, "names": columns},
            parameters=parameters | {"seconds": round(done.seconds, 1)},
            metrics=done.metrics,
            evaluation=evaluation_document(
                table.outcomes[done.held_out],
                done.predicted[done.held_out],
                groups=sensitive_facts(table.frame[done.held_out], dataset.profile),
                decided_on=None if table.decided_on is None else table.decided_on[done.held_out],
            ),
            reference=_reference(dataset.segment, table, done.predicted) if algorithm in LIVE_ALGORITHMS else {},
        )


def _reference(segment: str, table: Table, predicted: np.ndarray) -> dict[str, Any]:
    from scoring.recipe.transparent import facts_matrix

    seen = ~np.isnan(predicted)
    return reference(feature_names(segment), facts_matrix(segment, table.frame[seen]), predicted[seen])


def _register(
    *, institution: Institution | None, dataset: Dataset, actor: Actor, segment: str, sha256: str, **facts: Any
) -> ScoringModel:
    of_owner = ScoringModel.objects.filter(institution=institution, segment=segment)
    if same := of_owner.filter(sha256=sha256).first():
        return same
    model = ScoringModel.objects.create(
        institution=institution,
        dataset=dataset,
        segment=segment,
        sha256=sha256,
        name=f"{NAME_PREFIX[segment]}-{of_owner.count() + 1}",
        trained_by_id=actor.user_id,
        **facts,
    )
    audit.record(
        actor,
        "scoring.model.trained",
        model,
        name=model.name,
        segment=segment,
        sha256=sha256,
        dataset=str(dataset.pk),
        auc=model.metrics["auc"],
    )
    return model


def declared_directions(profile: Mapping[str, Any]) -> dict[str, int]:
    """What a data set's schema promises of its columns: +1 where more is riskier, -1 where it is safer."""
    columns = profile.get("schema", {}).get("columns", {})
    return {name: int(column["direction"]) for name, column in columns.items() if column.get("direction")}
