import io

import pytest
from PIL import Image

from lending.uploads import MAX_BYTES, RefusedUpload, made_safe

PDF = b"%PDF-1.4\n1 0 obj << /Type /Catalog >> endobj\ntrailer << /Root 1 0 R >>\n%%EOF\n"


def picture(kind: str = "JPEG", size: tuple[int, int] = (60, 40), **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGBA" if kind in ("PNG", "WEBP") else "RGB", size, "teal").save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_is_drawn_again_as_jpeg(kind):
    safe = made_safe(picture(kind))
    assert safe.media_type == "image/jpeg"
    assert Image.open(io.BytesIO(safe.content)).format == "JPEG"


def test_place_and_camera_are_left_out_and_the_picture_stands_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # turned
    exif[0x010F] = "una cámara"
    exif.get_ifd(0x8825)[2] = (13.0, 31.0, 20.0)
    drawn = Image.open(io.BytesIO(made_safe(picture(exif=exif)).content))
    assert not drawn.getexif()
    assert drawn.size == (40, 60)


def test_a_large_photo_is_made_smaller():
    drawn = Image.open(io.BytesIO(made_safe(picture(size=(5000, 3000))).content))
    assert drawn.size == (2000, 1200)


def test_the_same_photo_gives_the_same_bytes():
    assert made_safe(picture()).content == made_safe(picture()).content


def test_a_plain_pdf_is_kept_as_it_is():
    safe = made_safe(PDF)
    assert (safe.media_type, safe.content) == ("application/pdf", PDF)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"x" * (MAX_BYTES + 1), "too_large"),
        (b"MZ\x90\x00" + b"\x00" * 200, "wrong_type"),
        (b"<html><script>alert(1)</script></html>", "wrong_type"),
        (b"just words", "wrong_type"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "heic"),
        (b"\xff\xd8\xff\xe0" + b"nonsense" * 30, "broken"),
        (picture()[:-40], "broken"),
        (PDF.replace(b"%%EOF", b""), "broken"),
        (PDF.replace(b"/Root", b"/Encrypt 2 0 R /Root"), "encrypted"),
        (PDF.replace(b"/Type", b"/OpenAction << /S /JavaScript /JS (app.alert) >> /Type"), "active"),
        (picture("GIF"), "wrong_type"),
    ],
)
def test_what_can_not_be_kept_is_refused_in_words(content, code):
    with pytest.raises(RefusedUpload) as refusal:
        made_safe(content)
    assert refusal.value.code == code
    assert refusal.value.message


def test_a_bomb_is_refused_before_it_is_unpacked():
    bomb = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(bomb, "PNG")
    assert len(bomb.getvalue()) < 100_000
    with pytest.raises(RefusedUpload) as refusal:
        made_safe(bomb.getvalue())
    assert refusal.value.code == "too_many_pixels"
