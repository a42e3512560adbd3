import contextlib
import io
import random

import numpy as np
import pytest
from PIL import Image

from m3vit.errors import UserError
from m3vit.host.image import centred_box, default_photograph, load_image

SIZE = (128, 256)
GREY = (100, 150, 200)


def uniform(mode, colour, size=(40, 30)):
    return Image.new(mode, size, colour)


@pytest.mark.parametrize(
    ("image", "suffix", "expected"),
    [
        (uniform("RGB", GREY), "png", GREY),
        (uniform("L", 77), "png", (77, 77, 77)),
        (uniform("1", 1), "png", (255, 255, 255)),
        (uniform("LA", (77, 255)), "png", (77, 77, 77)),
        (uniform("LA", (77, 0)), "png", (255, 255, 255)),
        (uniform("RGBA", (*GREY, 255)), "png", GREY),
        (uniform("RGBA", (*GREY, 0)), "png", (255, 255, 255)),
        (uniform("RGBA", (0, 0, 0, 51)), "png", (204, 204, 204)),
        (uniform("RGB", GREY).quantize(2), "png", GREY),
        (uniform("CMYK", (0, 0, 0, 0)), "tiff", (255, 255, 255)),
        (Image.fromarray(np.full((30, 40), 25700, np.uint16)), "png", (100, 100, 100)),
        (Image.fromarray(np.full((30, 40), 1, np.uint16)), "png", (0, 0, 0)),
        (Image.fromarray(np.full((30, 40), 131070, np.int32)), "tiff", (255, 255, 255)),
        (Image.fromarray(np.full((30, 40), 0.4, np.float32)), "tiff", (102, 102, 102)),
        (Image.fromarray(np.full((30, 40), 102.0, np.float32)), "tiff", (102, 102, 102)),
        (Image.fromarray(np.full((30, 40), 9000.0, np.float32)), "tiff", (255, 255, 255)),
        (uniform("RGB", GREY, (1, 1)), "png", GREY),
        (uniform("RGB", GREY, (1, 900)), "png", GREY),
        (uniform("L", 9, (8000, 8000)), "png", (9, 9, 9)),
    ],
)
@pytest.mark.parametrize("fit", ["crop", "stretch"])
def test_every_mode_and_size_becomes_eight_bit_rgb(tmp_path, image, suffix, expected, fit):
    path = tmp_path / f"picture.{suffix}"
    image.save(path)
    loaded = load_image(path, SIZE, fit)
    assert loaded.pixels.shape == (*SIZE, 3)
    assert loaded.pixels.dtype == np.uint8
    assert np.abs(loaded.pixels.astype(int) - expected).max() <= 1


def test_a_transparent_palette_shows_white(tmp_path):
    image = Image.new("P", (8, 8), 0)
    image.putpalette([200, 10, 10] + [0] * 765)
    image.save(tmp_path / "p.png", transparency=0)
    assert (load_image(tmp_path / "p.png", (8, 8)).pixels == 255).all()


def test_orientation_of_the_camera_is_followed(tmp_path):
    image = Image.new("RGB", (20, 10), "black")
    image.paste("white", (10, 0, 20, 10))  # right half; after 90 degrees clockwise: lower half
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "turned.png", exif=exif)
    pixels = load_image(tmp_path / "turned.png", (20, 10)).pixels
    assert (pixels[:9] == 0).all()
    assert (pixels[11:] == 255).all()


def test_the_first_frame_of_an_animation_is_taken(tmp_path):
    frames = [uniform("RGB", colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert load_image(tmp_path / "a.gif", (4, 4)).pixels[0, 0].tolist() == [255, 0, 0]


def test_an_image_of_the_right_size_is_untouched(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "exact.png")
    loaded = load_image(tmp_path / "exact.png", SIZE)
    np.testing.assert_array_equal(loaded.pixels, pixels)
    assert loaded.treatment == "256x128"


def test_crop_keeps_the_centre_and_stretch_keeps_all(tmp_path):
    image = Image.new("RGB", (100, 100), "red")
    image.paste("green", (0, 25, 100, 75))
    image.save(tmp_path / "square.png")
    cropped = load_image(tmp_path / "square.png", (50, 100), "crop")
    stretched = load_image(tmp_path / "square.png", (50, 100), "stretch")
    assert (cropped.pixels[:, :, 0] == 0).all()
    assert stretched.pixels[0, 0].tolist() == [255, 0, 0]
    assert cropped.treatment == "100x100, centre 100x50 kept, resized to 100x50"
    assert stretched.treatment == "100x100, stretched, resized to 100x50"


def test_the_centred_box_lies_in_the_middle():
    assert centred_box(640, 427, 2.0) == (0, 53.5, 640, 373.5)
    assert centred_box(100, 10, 2.0) == (40, 0, 60, 10)


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_is_refused(tmp_path, content):
    path = tmp_path / "odd.png"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"odd\.png"):
        load_image(path, SIZE)


def test_missing_files_directories_and_odd_options_are_refused(tmp_path):
    with pytest.raises(UserError, match="there is no file"):
        load_image(tmp_path / "absent.png", SIZE)
    with pytest.raises(UserError, match="is a directory"):
        load_image(tmp_path, SIZE)
    with pytest.raises(UserError, match="fit 'squash'"):
        load_image(default_photograph(), SIZE, "squash")


def test_pixels_that_are_not_finite_are_refused(tmp_path):
    Image.fromarray(np.full((3, 3), np.nan, np.float32)).save(tmp_path / "nan.tiff")
    with pytest.raises(UserError, match="non-finite"):
        load_image(tmp_path / "nan.tiff", SIZE)


def test_a_decompression_bomb_is_refused(tmp_path, monkeypatch):
    uniform("L", 0, (100, 100)).save(tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(UserError, match="more than 200 pixels"):
        load_image(tmp_path / "bomb.png", SIZE)


@pytest.mark.parametrize("suffix", ["png", "jpeg", "tiff", "gif", "bmp", "webp"])
def test_damaged_files_never_end_in_anything_but_a_sentence(tmp_path, suffix):
    buffer = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 256, (48, 64, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 3
    options = {"exif": exif} if suffix in ("png", "jpeg", "webp", "tiff") else {}
    Image.fromarray(noise).save(buffer, suffix, **options)
    whole = buffer.getvalue()
    generator = random.Random(2)
    path = tmp_path / f"damaged.{suffix}"
    for _ in range(60):
        damaged = bytearray(whole[: generator.randrange(len(whole))])
        for _ in range(generator.randrange(4)):
            if damaged:
                damaged[generator.randrange(min(len(damaged), 300))] = generator.randrange(256)
        path.write_bytes(damaged)
        with contextlib.suppress(UserError):
            assert load_image(path, SIZE).pixels.shape == (*SIZE, 3)


def test_the_default_photograph_is_there():
    loaded = load_image(default_photograph(), SIZE)
    assert loaded.name == "china.jpg"
    assert loaded.pixels.std() > 30
