"""Numbers as text: as many digits as their uncertainty allows, and never one more.

Each number in the documents passes through here from the report's JSON.
"""

from __future__ import annotations

from decimal import Decimal
from math import ceil, floor, log10

from release.report.parts import Interval, Measured

NOT_MEASURED = "not measured"
NO_BREAK = "\u00a0"  # keeps a number and its unit on one line
MINUS = "\u2212"  # which is read out as minus, where a hyphen is not
SMALLEST_P = 0.001  # a smaller p-value tells more of single images than of the decision
UNBOUNDED = "unbounded"
_MAX_DECIMALS = 8


def count(number: int) -> str:
    """Write a count with its thousands apart: 12,345."""
    return f"{number:,}"


def significant(value: float, digits: int = 3) -> str:
    """Round to significant digits, written out: 0.00310, 0.512, 12,300."""
    if value == 0:
        return "0"
    rounded = float(f"{value:.{digits - 1}e}")
    decimals = digits - 1 - floor(log10(abs(rounded)))
    if decimals > _MAX_DECIMALS:
        return f"{value:.{digits - 1}e}"
    return f"{rounded:,.{max(decimals, 0)}f}"


def percent(share: float, digits: int = 2) -> str:
    """Write a share in [0, 1] in percent: 0.0089 is 0.89 %. Only all is 100 %."""
    text = significant(100 * share, digits)
    while text.startswith("100") and share < 1:
        digits += 1
        text = significant(100 * share, digits)
    return f"{text}{NO_BREAK}%"


def rate(share: float) -> str:
    """Write a rate in [0, 1] in percent, rounded up to a hundredth: 0.01234 is 1.24 %."""
    hundredths = ceil(share * 1e4 - 1e-6)
    return f"{hundredths / 100:.2f}{NO_BREAK}%"


def estimated_percent(measured: Interval) -> str:
    """Write a measured share with its interval in percent: 1.3 % (0.4 % to 2.5 %)."""
    decimals = max(_decimals(measured) - 2, 0)
    unit = f"{NO_BREAK}%"

    def text(share: float | None) -> str:
        return UNBOUNDED if share is None else f"{100 * share:.{decimals}f}{unit}"

    if measured.value is None:
        return NOT_MEASURED
    return _signed(f"{text(measured.value)} ({text(measured.low)} to {text(measured.high)})")


def probability(p_value: float | None) -> str:
    """Write a p-value, rounded up to two digits; what is very small is given as a bound."""
    if p_value is None:
        return "none"
    p_value = max(p_value, SMALLEST_P)
    step = 10.0 ** (floor(log10(p_value)) - 1)
    return f"{min(ceil(p_value / step - 1e-9) * step, 1):.2g}"


def value(measured: Measured) -> str:
    """Write a measured value to the second digit of its interval's half width."""
    if isinstance(measured, float):
        return significant(measured)
    if measured is None or measured.value is None:
        return NOT_MEASURED
    return _signed(f"{measured.value:,.{_decimals(measured)}f}")


def interval(measured: Measured) -> str:
    """Write the interval of a measured value: 0.480 to 0.545; nothing where it has none."""
    if not isinstance(measured, Interval) or measured.low is measured.high is None:
        return ""
    decimals = _decimals(measured)
    low, high = (
        UNBOUNDED if bound is None else f"{bound:,.{decimals}f}"
        for bound in (measured.low, measured.high)
    )
    return _signed(f"{low} to {high}")


def estimate(measured: Measured) -> str:
    """Write a measured value with its interval: 0.512 (0.480 to 0.545)."""
    between = interval(measured)
    return f"{value(measured)} ({between})" if between else value(measured)


def _decimals(measured: Interval) -> int:
    """Return how many decimals the interval allows, and no more than any of its numbers has."""
    told = [x for x in (measured.value, measured.low, measured.high) if x is not None]
    half_width = (max(told) - min(told)) / 2 or abs(max(told, default=0))
    if half_width == 0:
        return 0
    allowed = 1 - floor(log10(half_width))
    return max(min(allowed, max(map(_decimals_of, told)), _MAX_DECIMALS), 0)


def _decimals_of(number: float) -> int:
    exponent = Decimal(repr(number)).normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return -exponent


def _signed(text: str) -> str:
    return text.replace("-", MINUS)
