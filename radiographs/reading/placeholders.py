"""What people and programs write where nothing is known: of a label, or of a patient."""

from __future__ import annotations

import re
import unicodedata

_MISSING = {
    *("", "-", "--", "---", "?", "??", "???", "na", "n/a", "n.a.", "#n/a", "<na>"),
    *("nan", "nat", "null", "nil", "none", "unknown", "unk", "unbekannt", "nicht bekannt"),
    *("inconnu", "inconnue", "desconocido", "desconocida", "desconhecido", "sconosciuto", "未知"),
    *("不详", "missing", "not available", "not known", "undefined", "unspecified", "tbd"),
    *("k.a.", "k. a.", "keine angabe", "sin dato", "sin datos", "s/d", "not specified"),
}
_NO_LABEL = {"unlabelled", "unlabeled", "no label", "not labelled", "not labeled", "sin etiqueta"}
_NOBODY = re.compile(
    r"""
    [\W_]* | no\ ?(id|patient\ ?id|name) | -1 | tests? | test\ ?patient | keine | removed
    | (anon|anonym | anonymous | anonymi[sz]ed | an[oó]nimo | anonyme)(\ ?patient)?
    | dummy | redacted | de-?identified | patient ([\W_]?id)?
    """,
    re.VERBOSE,
)


def is_no_label(text: str) -> bool:
    """Say whether a text means that an image has no label; "No Finding" is one."""
    folded = " ".join(re.sub(r"[_\s]+", " ", _folded(text)).split())
    return folded in _MISSING or folded in _NO_LABEL


def is_nobody(text: str) -> bool:
    """Say whether a text in the place of a patient's number means nobody: anonymous, test."""
    folded = _folded(text)
    return folded in _MISSING or _NOBODY.fullmatch(folded) is not None


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
