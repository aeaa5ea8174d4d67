"""A set with legible text is refused; one with isolated markers, or with none, passes."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from radiographs.phantom import FINDINGS, draw
from release.gate import legible_text
from release.gate.checks import burned_in_text
from release.gate.checks.burned_in_text import CHECK
from release.gate.legible_text import TextFound

WITH_TEXT = TextFound(np.array([9, 0, 0]))
WITHOUT = TextFound(np.zeros(500, np.int64))


def judge(pixels, learned=WITH_TEXT):
    return burned_in_text.judge(pixels, learned)


def drawn(num_images: int, size: int, text: str | None = None, num_with_text: int = 0):
    images = []
    for k in range(num_images):
        label = FINDINGS[k % len(FINDINGS)]
        image = Image.fromarray(draw(label, seed=31, index=k, size=size).pixels)
        if k < num_with_text:
            at, font_size = (4, 3 + 7 * (k % 3)), max(9, size // 14)
            ImageDraw.Draw(image).text(at, text, fill=255, font_size=font_size)
        images.append(np.asarray(image))
    return np.stack(images)


@pytest.mark.parametrize("size", [64, 128, 256])
@pytest.mark.parametrize("text", ["DOE^JANE", "12/05/1948"])
def test_a_set_with_names_or_numbers_is_refused(size, text):
    finding = judge(drawn(60, size, text, 12))
    assert (finding.decision, finding.code) == ("refused", "text")
    assert finding.statistic >= 10
    assert finding.private["with_text"] == list(range(12))
    assert "burned_in_text=mask" in finding.reason.remedies[0]


def test_a_single_image_with_a_name_beyond_doubt_refuses_the_set():
    assert judge(drawn(60, 128, "DOE^JANE 1948", 1)).decision == "refused"


@pytest.mark.parametrize("size", [64, 128, 256])
@pytest.mark.parametrize("marker", ["L", "R"])
def test_isolated_markers_pass(size, marker):
    finding = judge(drawn(60, size, marker, 60))
    assert (finding.decision, finding.statistic) == ("passed", 0)


def test_a_weak_find_that_chance_explains_passes(monkeypatch):
    finds = iter([2, *[0] * 299])
    monkeypatch.setattr(legible_text, "_windows", lambda _: next(finds))
    finding = judge(np.zeros((300, 64, 64), np.uint8))
    assert (finding.decision, finding.statistic) == ("passed", 1)
    assert "1 of 300 images, beyond doubt in none" in finding.text


def test_more_weak_finds_than_chance_explains_refuse(monkeypatch):
    finds = iter([2] * 9 + [0] * 291)
    monkeypatch.setattr(legible_text, "_windows", lambda _: next(finds))
    assert judge(np.zeros((300, 64, 64), np.uint8)).code == "text"


@pytest.mark.parametrize(
    ("finds", "learned", "decision"),
    [
        ([2] * 26 + [7] * 2, WITH_TEXT, "refused"),
        ([2] * 26 + [7] * 2, WITHOUT, "reported"),
        ([7] * 40, WITHOUT, "reported"),
        ([7] * 80, WITHOUT, "refused"),
        ([2] * 3, WITHOUT, "passed"),
    ],
)
def test_texture_like_text_refuses_only_where_the_model_has_seen_text(
    monkeypatch, finds, learned, decision
):
    of_images = iter([*finds, *[0] * (1000 - len(finds))])
    monkeypatch.setattr(legible_text, "_windows", lambda _: next(of_images))
    assert judge(np.zeros((1000, 64, 64), np.uint8), learned).decision == decision


FEW_WEAK = TextFound(np.array([2] * 3 + [0] * 997))


@pytest.mark.parametrize(
    ("learned", "learned_elsewhere", "decision", "words"),
    [
        (WITHOUT, False, "reported", "learned from show none."),
        (FEW_WEAK, False, "reported", "a few weak finds"),
        (WITHOUT, True, "refused", "public images, which were not searched"),
        (WITH_TEXT, True, "refused", "show text as well"),
    ],
)
def test_what_is_said_of_the_images_that_were_learned_from_is_so(
    monkeypatch, learned, learned_elsewhere, decision, words
):
    """And it says neither how many there are nor how many of them show text."""
    of_images = iter([7, *[0] * 299])
    monkeypatch.setattr(legible_text, "_windows", lambda _: next(of_images))
    pixels = np.zeros((300, 64, 64), np.uint8)
    finding = burned_in_text.judge(pixels, learned, learned_elsewhere=learned_elsewhere)
    assert finding.decision == decision
    assert words in finding.text
    assert f"{len(learned.windows)} images" not in finding.text
    assert finding.private["learned_from_with_text"] == learned.num


@pytest.mark.parametrize("size", [64, 128, 256])
def test_names_are_refused_also_of_a_model_that_has_seen_none(size):
    assert judge(drawn(60, size, "DOE^JANE 1948", 20), WITHOUT).code == "text"


def test_a_set_of_which_nothing_is_kept_has_no_text():
    assert judge(np.zeros((0, 64, 64), np.uint8)).decision == "passed"


def test_the_public_text_names_no_image():
    finding = judge(drawn(20, 128, "DOE^JANE", 3))
    assert "with_text" not in finding.public
    assert CHECK.reasons[0].code == "text"


@pytest.mark.parametrize(("kid", "decision"), [(0.1, "refused"), (0.9, "reported")])
def test_text_refuses_only_what_is_near_real_images(monkeypatch, kid, decision):
    """What a model draws that has learned little looks like text, and is not released anyway."""
    monkeypatch.setattr(burned_in_text, "relative_kid", lambda validity: kid)
    pixels = drawn(20, 64, "MEIER 4711", 20)
    candidate = SimpleNamespace(pixels=pixels, validity=None, learned_elsewhere=False)
    context = SimpleNamespace(
        candidate=candidate,
        kept=slice(None),
        policy=SimpleNamespace(max_relative_kid=0.2),
        index=SimpleNamespace(learned_text=WITH_TEXT),
    )
    finding = burned_in_text.run(context)
    assert finding.decision == decision
    assert (finding.reason is None) == (decision == "reported")
