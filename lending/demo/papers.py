"""Pictures that stand for the papers people photograph. Drawn here, marked as examples."""

import io
from collections.abc import Callable
from typing import Final

from PIL import Image, ImageDraw, ImageFont

Paper = Image.Image
INK: Final = "#2b2b2b"


def photographed(kind: str, name: str) -> bytes:
    """A JPEG of the paper of this kind (`Document.Kind`), with the person's name where such papers have it."""
    page = DRAWN.get(kind, _sheet)(name)
    buffer = io.BytesIO()
    page.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def _paper(width: int, height: int, color: str) -> tuple[Paper, ImageDraw.ImageDraw]:
    page = Image.new("RGB", (width, height), color)
    draw = ImageDraw.Draw(page)
    draw.rectangle((8, 8, width - 9, height - 9), outline="#8a8a8a", width=3)
    draw.text((width - 190, height - 44), "EJEMPLO", fill="#b03030", font=_font(30))
    return page, draw


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _lines(draw: ImageDraw.ImageDraw, texts: list[str], left: int, top: int, size: int, step: int) -> None:
    for place, text in enumerate(texts):
        draw.text((left, top + place * step), text, fill=INK, font=_font(size))


def _card_front(name: str) -> Paper:
    page, draw = _paper(860, 540, "#dfe8ef")
    draw.rectangle((40, 120, 260, 400), fill="#b9c6d0")
    draw.ellipse((105, 160, 195, 260), fill="#8798a5")
    draw.pieslice((75, 270, 225, 460), 180, 360, fill="#8798a5")
    _lines(draw, ["DOCUMENTO DE EJEMPLO", name.upper(), "NACIONALIDAD: PERUANA"], 300, 130, 30, 70)
    return page


def _card_back(name: str) -> Paper:
    page, draw = _paper(860, 540, "#dfe8ef")
    for place in range(40):
        draw.rectangle((60 + place * 18, 80, 64 + place * 18 + place % 5, 190), fill=INK)
    _lines(draw, ["DOMICILIO: AV. DE EJEMPLO 123", "SICUANI - CANCHIS - CUSCO"], 60, 260, 28, 60)
    return page


def _bill(name: str) -> Paper:
    page, draw = _paper(700, 940, "#fdfdf6")
    _lines(draw, ["Electro de Ejemplo", "Recibo de luz, octubre 2026", name, "", "Consumo: 86 kWh", "Total: S/ 62.40"],
           60, 70, 30, 80)  # fmt: skip
    return page


def _notebook(name: str) -> Paper:
    page, draw = _paper(740, 960, "#fbf7e6")
    for line in range(24):
        draw.line((40, 120 + line * 33, 700, 120 + line * 33), fill="#b8cbe0", width=2)
    sold = [f"{day:02d}/11   ventas   {180 + (day * 37) % 90}.00" for day in range(1, 22)]
    _lines(draw, ["Cuaderno de ventas", *sold], 60, 56, 24, 33)
    return page


def _stall(name: str) -> Paper:
    page, draw = _paper(960, 720, "#a9cbe8")
    draw.rectangle((0, 560, 960, 720), fill="#c9b48c")
    draw.rectangle((180, 240, 780, 620), fill="#e8e2d2", outline=INK, width=4)
    for place in range(10):
        draw.polygon(
            [(160 + place * 64, 180), (224 + place * 64, 180), (224 + place * 64, 270), (160 + place * 64, 270)],
            fill="#0d6153" if place % 2 else "#f4f4f4",
        )
    draw.rectangle((420, 380, 540, 620), fill="#7d6a52")
    return page


def _sheet(name: str) -> Paper:
    page, draw = _paper(720, 960, "#ffffff")
    _lines(draw, ["CONSTANCIA DE EJEMPLO", "", name, "Se expide para los fines", "que la persona crea convenientes."],
           60, 90, 30, 70)  # fmt: skip
    return page


DRAWN: Final[dict[str, Callable[[str], Paper]]] = {
    "identity_front": _card_front,
    "identity_back": _card_back,
    "utility_bill": _bill,
    "income": _notebook,
    "premises": _stall,
}
