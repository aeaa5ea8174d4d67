"""DICOM files that no scanner writes, made from seeds; each with what must become of it."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Iterator

from pydicom import uid
from pydicom.encaps import encapsulate

from tests.unit.radiographs import made_dicom
from tests.unit.radiographs.hostile.made_images import Made, zeros

Kind = Iterator[tuple[bytes, str]]
WHOLE = made_dicom.dicom()
PIXELS = WHOLE.index(b"\xe0\x7f\x10\x00")
PIXEL_ELEMENT = WHOLE[PIXELS:]
BEFORE_PIXELS = WHOLE[:PIXELS]
AFTER_NOISE = [  # whatever elements the noise hits
    *("no_pixels", "corrupt", "unsupported_format", "unsupported_mode", "other_modality"),
    *("other_body_part", "read"),
]


def dicom_files() -> list[Made]:
    """Return every made-up file."""
    kinds = (cut, wrong_lengths, nested, private, impossible, coded, deflated, noise)
    return [
        Made(f"{kind.__name__}-{k:03d}.dcm", data, outcome)
        for kind in kinds
        for k, (data, outcome) in enumerate(kind())
    ]


def element(group: int, number: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    """An explicit little-endian element with a length of four bytes."""
    size = len(value) if length is None else length
    return struct.pack("<HH2sHI", group, number, vr, 0, size) + value


def cut() -> Kind:
    """An interrupted copy."""
    for length in range(132, PIXELS, 24):
        yield WHOLE[:length], "no_pixels"
    for length in range(PIXELS + 20, len(WHOLE) - 1, 500):
        yield WHOLE[:length], "truncated"


def wrong_lengths() -> Kind:
    for length in (2**31, 2**32 - 2, 10**6):
        yield (
            BEFORE_PIXELS + element(0x6001, 1, b"OB", b"short", length) + PIXEL_ELEMENT,
            "no_pixels",
        )
    yield BEFORE_PIXELS + element(0x7FE0, 0x10, b"OW", bytes(10)), "truncated"
    yield BEFORE_PIXELS + element(0x7FE0, 0x10, b"OW", b"", 2**32 - 2), "no_pixels"
    yield BEFORE_PIXELS + element(0x7FE0, 0x10, b"OW", b""), "no_pixels"
    yield BEFORE_PIXELS + element(0x7FE0, 0x10, b"OW", bytes(6144)), "blank"


def nested() -> Kind:
    """Sequences in sequences, of no stated length."""
    item = struct.pack("<HHI", 0xFFFE, 0xE000, 2**32 - 1)
    for depth in (50, 2000, 20_000):
        level = element(0x0009, 0x1010, b"SQ", item, 2**32 - 1)
        yield BEFORE_PIXELS + level * depth + PIXEL_ELEMENT, "corrupt"


def private() -> Kind:
    """Very many private elements, and a very large one, before the pixels."""
    many = b"".join(
        element(0x6001 + 2 * (k // 50_000), k % 50_000, b"UN", b"") for k in range(200_000)
    )
    yield BEFORE_PIXELS + many + PIXEL_ELEMENT, "read|too_costly"
    yield BEFORE_PIXELS + element(0x6001, 0x10, b"OB", bytes(6 << 20)) + PIXEL_ELEMENT, "read"


def impossible() -> Kind:
    big = {"Rows": 65_535, "Columns": 65_535}
    yield made_dicom.dicom(**big), "too_large"
    yield made_dicom.dicom(Rows=9_999, Columns=9_999), "too_costly"
    yield made_dicom.dicom(Rows=4_000, Columns=4_000), "truncated"
    yield made_dicom.dicom(Rows=0), "too_small"
    yield made_dicom.dicom(Rows=None), "corrupt"
    yield made_dicom.dicom(BitsAllocated=0), "unsupported_mode"
    yield made_dicom.dicom(BitsStored=17), "unsupported_mode"
    yield made_dicom.dicom(NumberOfFrames=2**31 - 1), "multi_frame"
    yield made_dicom.dicom(Modality="CT"), "other_modality"
    yield made_dicom.dicom(BodyPartExamined="KNEE"), "other_body_part"
    yield made_dicom.dicom(SamplesPerPixel=3, PhotometricInterpretation="RGB"), "unsupported_mode"
    yield made_dicom.dicom(RescaleSlope=0), "corrupt"
    yield made_dicom.dicom(VOILUTSequence=made_dicom.lookup_table([])), "corrupt"
    yield bytes(128) + b"DICM", "no_pixels"
    yield bytes(128) + b"DICM" + bytes(500), "no_pixels"


def encapsulated(syntax: uid.UID, frame: bytes) -> bytes:
    made = made_dicom.dataset(PixelData=encapsulate([frame]))
    made.file_meta.TransferSyntaxUID = syntax
    made["PixelData"].is_undefined_length = True
    return made_dicom.encoded(made)


def coded() -> Kind:
    """Frames that are none."""
    syntaxes = [
        *(uid.RLELossless, uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEGLosslessSV1),
        *(uid.JPEGLSLossless, uid.JPEG2000, uid.HTJ2KLossless),
    ]
    rng = random.Random(4)
    for syntax in syntaxes:
        for frame in (b"no frame", bytes(64), rng.randbytes(900), b"\xff\xd8\xff\xd9"):
            yield encapsulated(syntax, frame), "corrupt"
    yield encapsulated(uid.MPEG2MPML, b"video"), "unsupported_format"


def deflated() -> Kind:
    """A file that inflates without end, and one that does not inflate."""
    made = made_dicom.dataset()
    made.file_meta.TransferSyntaxUID = uid.DeflatedExplicitVRLittleEndian
    whole = made_dicom.encoded(made)
    start = 132 + 12 + struct.unpack_from("<I", whole, 140)[0]
    yield whole, "read"
    yield whole[:start] + zeros(600 << 20)[2:-4], "too_costly"
    yield whole[:start] + b"no deflate", "corrupt"
    yield whole[:start] + zlib.compress(bytes(100))[2:-4], "no_pixels"


def noise() -> Kind:
    rng = random.Random(5)
    for _ in range(20):
        yield bytes(128) + b"DICM" + rng.randbytes(300), "no_pixels|corrupt"
    for _ in range(60):
        data = bytearray(WHOLE)
        for _ in range(20):
            data[rng.randrange(132, PIXELS)] = rng.randrange(256)
        yield (
            bytes(data),
            "no_pixels|corrupt|unsupported_format|unsupported_mode|other_modality|other_body_part|read",
        )
