"""Train a model of a segment and register it as a candidate."""

from contextlib import nullcontext
from typing import Any

from django.core.management.base import CommandError, CommandParser
from tqdm import tqdm

from accounts.actors import Actor
from accounts.commands import InstitutionCommand
from accounts.errors import DomainError
from accounts.models import Institution
from accounts.tenancy.scope import institution_scope
from scoring.algorithms import ALGORITHMS, MODES
from scoring.models import Dataset, ScoringModel, Segment
from scoring.points import scale_of
from scoring.selectors.models import gap_to_free
from scoring.services import train_on_dataset, train_segment_model
from scoring.services.runs import GAP_WARN

IMBALANCE = ("weights", "smote", "none")
SPLITS = ("5fold", "holdout30", "time")
METRICS = ("auc", "auc_low", "auc_high", "gini", "ks", "pr_auc", "brier", "log_loss", "ece", "calibration_slope")


class Command(InstitutionCommand):
    help = "Train on an imported data set, or on synthetic borrowers; without --institution the model is shared by all."
    institution_required = False

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument("--dataset", metavar="NAME", help="an imported data set, as NAME or NAME:VERSION")
        source.add_argument("--synthetic", metavar="SEGMENT", choices=Segment.values, help=", ".join(Segment.values))
        parser.add_argument("--rows", type=int, default=20_000, help="synthetic borrowers to draw (default 20000)")
        parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same model (default 1)")
        parser.add_argument("--mode", choices=MODES, default="transparent", help="transparent is the one for decisions")
        parser.add_argument("--algorithm", choices=ALGORITHMS, help="instead of --mode")
        parser.add_argument(
            "--trials", type=int, help="settings to try (30 for xgboost, else none; the stack has none)"
        )
        parser.add_argument("--imbalance", choices=IMBALANCE, help="how rare defaults are weighed (default weights)")
        parser.add_argument("--odds", type=float, help="of a scorecard: payers per defaulter at 600 points (default 9)")
        parser.add_argument("--pdo", type=float, help="of a scorecard: points that double the odds (default 60)")
        parser.add_argument("--reject-inference", action="store_true", help="let people served stand for those refused")
        parser.add_argument("--splits", choices=SPLITS, default="5fold", help="how rows are held out (default 5fold)")
        parser.add_argument("--free", action="store_true", help="train the free model too: what transparency costs")
        parser.add_argument("--keep-sensitive", action="store_true", help="train on sensitive columns too, to compare")
        parser.add_argument("--exclude", nargs="+", metavar="COL", default=[], help="columns to leave out")

    def handle(self, *, institution: Institution | None, actor: Actor, **options: Any) -> None:
        with tqdm(unit="step", file=self.stderr, disable=None) as bar:

            def progress(step: str, done: int, of: int) -> None:
                bar.total = of
                bar.set_description(step)
                bar.update(done - bar.n)

            try:
                scale = scale_of(options["odds"], options["pdo"])
                if options["synthetic"]:
                    if scale:
                        raise CommandError("--odds and --pdo are for a scorecard of a --dataset")
                    model = train_segment_model(
                        segment=options["synthetic"],
                        actor=actor,
                        rows=options["rows"],
                        seed=options["seed"],
                        institution=institution,
                        progress=progress,
                    )
                else:
                    same = {
                        "dataset": dataset_named(options["dataset"], institution),
                        "actor": actor,
                        "progress": progress,
                        **{name: options[name] for name in ("splits", "seed", "keep_sensitive", "exclude")},
                    }
                    model = train_on_dataset(
                        algorithm=options["algorithm"] or MODES[options["mode"]],
                        scale=scale,
                        **{name: options[name] for name in ("trials", "imbalance", "reject_inference")},
                        **same,
                    )
                    if options["free"]:
                        train_on_dataset(algorithm=MODES["accurate"], **same)
            except (DomainError, ValueError) as refusal:
                raise CommandError(str(refusal)) from refusal
        document = document_of(model)
        for warning in document["warnings"]:
            self.stderr.write(self.style.WARNING(warning))
        self.report(document)


def dataset_named(text: str, institution: Institution | None) -> Dataset:
    """The data set that a person named; raises CommandError that lists what there is."""
    name, _, version = text.partition(":")
    if version and not version.isdigit():
        raise CommandError(f"--dataset: {version!r} is no version; write NAME or NAME:2")
    if institution is None:
        return _pick(Dataset.objects.filter(institution=None), name, version)
    with institution_scope(institution.pk):
        return _pick(Dataset.objects.filter(institution=institution).select_related("institution"), name, version)


def _pick(kept: Any, name: str, version: str) -> Dataset:
    named = kept.filter(name=name, version=int(version)) if version else kept.filter(name=name)
    found = named.order_by("-version").first()
    if found is None:
        known = ", ".join(sorted({f"{one.name}:{one.version}" for one in kept[:20]})) or "none yet"
        raise CommandError(f"--dataset: there is no {name!r} {version}. Known: {known}")
    return found


def document_of(model: ScoringModel) -> dict[str, Any]:
    """What the command reports about a trained model; `gap_to_free` is None where no free model is beside it."""
    with institution_scope(model.institution_id) if model.institution_id else nullcontext():
        gap = gap_to_free(model)
    warnings = (
        [
            f"{gap['model'].name} ({gap['model'].algorithm}), which need not explain itself, reaches "
            f"{gap['gap']:.4f} more AUC than {model.name}: above {GAP_WARN}, look for a missing feature or pair"
        ]
        if gap and gap["wide"]
        else []
    )
    return {
        "model": str(model.pk),
        "name": model.name,
        "algorithm": model.algorithm,
        "dataset": model.dataset.name,
        "dataset_version": model.dataset.version,
        "splits": model.parameters["splits"],
        **{key: model.metrics[key] for key in METRICS},
        "auc_gap": model.metrics.get("auc_gap"),
        "pd_error": model.metrics.get("pd_error"),
        "free_model": gap and gap["model"].name,
        "gap_to_free": gap and gap["gap"],
        "warnings": warnings,
        "seconds": model.parameters["seconds"],
        "trained_rows": model.dataset.rows,
        "seed": model.parameters["seed"],
        "sha256": model.sha256,
    }
