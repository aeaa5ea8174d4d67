"""Tables of labels that nobody should write; each with what must become of it."""

from __future__ import annotations

from tests.unit.radiographs.hostile.made_images import Made

HEAD = b"file,label,patient_id\n"


def tables() -> list[Made]:
    """Return every made-up labels.csv; the one image beside it is 1.png."""
    bad = [
        b"",
        b"\n\n\n",
        b"\0" * 1000,
        b"1.png,a,DOE^JANE\n2.png,b,ROE^RICHARD\n",  # no header
        b"file,label,label\n1.png,a,b\n",
        b"file,file,label\n1.png,1.png,a\n",
        b",".join([b"DOE"] * 350_000) + b"\n",
        HEAD + b"," * 350_000 + b"\n",
        HEAD + b"x" * 200_000 + b",a,\n",
        HEAD + b'"1.png,a,\n' * 2000,
        HEAD + b"1.png,a,\n1.png,b,\n",
        HEAD + b"1.png,a,\n./1.png,b,\n",
        HEAD + b"..,a,\n",
        HEAD + b"1\0.png,a,\n",
        b"x" * (33 << 20),
    ]
    labels = [
        *("=cmd|'x'!A1", "+1", "-1", "@SUM(A1)", "\uff1dcmd", "\uff20x", "\ufe631"),
        *("", " ", ".", "..", "a/b", "a\\b", "../a", "a\tb", "a\u202eb", "a\ufeffb", "\u200b"),
        *("x" * 65, "😀" * 64, "肺" * 64 + "肺", "é" * 100, "̈" * 65),
        *("CON", "con.txt", "Nul", "COM1", "lpt9.x", "aux ", "a.", "a...", "COM¹"),
    ]
    bad += [HEAD + f"1.png,{label},\n".encode() for label in labels]
    pairs = [("A", "a"), ("É", "é"), ("ß", "SS"), ("a:b", "a?b"), ("ﬁ", "fi"), ("\uff45", "e")]
    fine = [
        *(HEAD + f"1.png,{a},\n2.png,{b},\n".encode() for a, b in pairs),
        b"\xff\xfe" + "file,label\n1.png,a\n".encode("utf-16-le"),
        b"file;label\n1.png;a\n",
        HEAD + b"../1.png,a,\n",  # paths of other machines: the file is looked for here alone
        HEAD + b"/etc/1.png,a,\n",
        HEAD + b"x\\..\\1.png,a,\n",
        HEAD + b"1.png,a,\n",
        b"\xef\xbb\xbf" + HEAD + b"1.png,a,\n",
        HEAD + "1.png,肺炎,DOE^JANE\n".encode(),
        HEAD + b"1.png,<b>x,\n",
        HEAD + "1.png,e\u0301,\n2.png,é,\n".encode(),
    ]
    return [
        *(Made(f"bad-{k:03d}", data, "labels_invalid") for k, data in enumerate(bad)),
        *(Made(f"fine-{k:03d}", data, "read") for k, data in enumerate(fine)),
        Made("missing-000", HEAD + b"2.png,a,\n", "no_images"),
    ]
