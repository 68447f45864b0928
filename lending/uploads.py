"""What people send as proof, made safe to keep: typed by its content, bounded, pictures drawn again. Pure."""

import io
import re
import warnings
from dataclasses import dataclass
from typing import Final

import puremagic
from django.utils.translation import gettext as _
from PIL import Image, ImageOps, UnidentifiedImageError

MAX_BYTES: Final = 10 * 1024 * 1024
MAX_SIDE: Final = 2_000  # pixels; a page photographed at this size is easy to read
MAX_PIXELS: Final = 120_000_000  # as the picture says of itself, before anything is unpacked
JPEG_QUALITY: Final = 85
PICTURES: Final = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
PDF: Final = "application/pdf"
# Things a scan never needs, and a reader's machine may be attacked with.
_ACTIVE_PDF = re.compile(rb"/(?:JavaScript|JS|Launch|EmbeddedFile|RichMedia|XFA)\b")


class RefusedUpload(ValueError):
    """The file can't be kept; `message` tells the person what to send instead."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


@dataclass(frozen=True, slots=True)
class SafeFile:
    """What is kept: its bytes and the type they have, whatever the file called itself."""

    content: bytes
    media_type: str


def too_large(size: int) -> RefusedUpload:
    """The refusal of a file that is over the limit, in words that help."""
    megabytes = f"{size / 1024 / 1024:.0f}"
    return RefusedUpload(
        _("El archivo pesa %(size)s MB y recibimos hasta 10 MB. Toma la foto con menos calidad o envíala por partes.")
        % {"size": megabytes},
        "too_large",
    )


def made_safe(content: bytes) -> SafeFile:
    """The file as it is kept. Raises RefusedUpload for anything but a sound picture or a plain PDF."""
    if not content:
        raise RefusedUpload(_("El archivo está vacío. Elige otro."), "empty")
    if len(content) > MAX_BYTES:
        raise too_large(len(content))
    kind = sniffed(content)
    if kind == PDF:
        return SafeFile(_checked_pdf(content), PDF)
    if kind in PICTURES.values():
        return SafeFile(_drawn_again(content), "image/jpeg")
    if kind in ("image/heic", "image/heif"):
        raise RefusedUpload(
            _("Tu foto está en formato HEIC, que no podemos abrir. Envíala como JPG: en tu celular, elige"
              " “Más compatible” en los ajustes de la cámara."),
            "heic",
        )  # fmt: skip
    raise RefusedUpload(_("Envía una foto (JPG, PNG o WEBP) o un PDF. Este archivo es de otro tipo."), "wrong_type")


def sniffed(content: bytes) -> str:
    """Media type by the content alone; empty when nothing is recognised."""
    if content[:5] == b"%PDF-":
        return PDF
    if content[4:8] == b"ftyp" and content[8:12] in (b"heic", b"heix", b"mif1", b"msf1", b"hevc"):
        return "image/heic"
    try:
        found = puremagic.magic_string(content)
    except puremagic.PureError:
        return ""
    types = [match.mime_type for match in found]
    return next((name for name in types if name in PICTURES.values()), types[0] if types else "")


def _drawn_again(content: bytes) -> bytes:
    """The picture as a JPEG of at most 2,000 pixels a side, upright, without place, time or camera."""
    broken = RefusedUpload(_("No pudimos abrir la foto: está dañada o incompleta. Tómala otra vez."), "broken")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=list(PICTURES)) as picture:
                picture.verify()
            with Image.open(io.BytesIO(content), formats=list(PICTURES)) as picture:
                width, height = picture.size
                if width * height > MAX_PIXELS or min(width, height) < 1:
                    raise RefusedUpload(
                        _("La foto tiene demasiados puntos. Tómala con menos calidad."), "too_many_pixels"
                    )
                picture.draft("RGB", (MAX_SIDE, MAX_SIDE))  # a large JPEG is unpacked small to begin with
                upright = ImageOps.exif_transpose(picture)
                upright.thumbnail((MAX_SIDE, MAX_SIDE))
                flat = Image.new("RGB", upright.size, "white")
                layered = upright.convert("RGBA")
                flat.paste(layered, mask=layered.getchannel("A"))
    except RefusedUpload:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise RefusedUpload(
            _("La foto tiene demasiados puntos. Tómala con menos calidad."), "too_many_pixels"
        ) from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError, OverflowError) as error:
        raise broken from error
    drawn = io.BytesIO()
    flat.save(drawn, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return drawn.getvalue()


def _checked_pdf(content: bytes) -> bytes:
    """A PDF with an end, open to read, and without programs or files inside."""
    if b"%%EOF" not in content[-2_048:]:
        raise RefusedUpload(_("El PDF está incompleto. Descárgalo o escanéalo otra vez."), "broken")
    if b"/Encrypt" in content:
        raise RefusedUpload(_("El PDF tiene clave y no se puede leer. Quítale la clave o envía una foto."), "encrypted")
    if _ACTIVE_PDF.search(content):
        raise RefusedUpload(
            _("El PDF lleva programas o archivos dentro. Imprímelo como PDF otra vez, o envía una foto."), "active"
        )
    return content
