"""Write everything sealed anew under the newest key."""

from typing import Any

from django.core.management.base import CommandError
from tqdm import tqdm

from accounts.commands import JsonCommand
from accounts.rotation import rotate_everything


class Command(JsonCommand):
    help = (
        "Rewrite encrypted fields, subject keys, authenticator secrets and sealed files under the first key of"
        " FIELD_KEYS_FILE. Safe to interrupt and repeat; afterwards the older keys may be taken out of the file."
    )

    def handle(self, **options: Any) -> None:
        with tqdm(unit="value", desc="seen", file=self.stderr, disable=None) as bar:
            done = rotate_everything(bar.update)
        self.report({"rewritten": done.rewritten, "current": done.current, "unreadable": len(done.unreadable)})
        if done.unreadable:
            shown = "; ".join(done.unreadable[:10])
            raise CommandError(f"keep the old keys: {len(done.unreadable)} values open with none of them: {shown}")
