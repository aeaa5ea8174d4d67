"""Numbers as text: as many digits as their uncertainty allows, and never one more.

Each number in the documents passes through here from the report's JSON.
"""

from __future__ import annotations

from math import floor, log10

from release.report.structure import Interval, Measured

NOT_MEASURED = "not measured"
NO_BREAK = "\u00a0"  # keeps a number and its unit on one line
MINUS = "\u2212"  # which is read out as minus, where a hyphen is not
SMALLEST_P = 0.001  # a smaller p-value tells more of single films than of the decision
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


def estimated_percent(measured: Interval) -> str:
    """Write a measured share with its interval in percent: 1.3 % (0.40 % to 2.5 %)."""
    low, high = percent(measured.low), percent(measured.high)
    return f"{percent(measured.value)} ({low} to {high})"


def probability(p_value: float | None) -> str:
    """Write a p-value to two digits, and what is very small as a bound."""
    if p_value is None:
        return "none"
    if p_value < SMALLEST_P:
        return f"below {SMALLEST_P}"
    return "1" if p_value == 1 else significant(p_value, 2)


def value(measured: Measured) -> str:
    """Write a measured value to the second digit of its interval's half width."""
    if measured is None:
        return NOT_MEASURED
    if isinstance(measured, float):
        return significant(measured)
    return _signed(f"{measured.value:,.{_decimals(measured)}f}")


def interval(measured: Measured) -> str:
    """Write the interval of a measured value: 0.480 to 0.545; nothing where it has none."""
    if not isinstance(measured, Interval):
        return ""
    decimals = _decimals(measured)
    return _signed(f"{measured.low:,.{decimals}f} to {measured.high:,.{decimals}f}")


def estimate(measured: Measured) -> str:
    """Write a measured value with its interval: 0.512 (0.480 to 0.545)."""
    between = interval(measured)
    return f"{value(measured)} ({between})" if between else value(measured)


def _signed(text: str) -> str:
    return text.replace("-", MINUS)


def _decimals(measured: Interval) -> int:
    half_width = (measured.high - measured.low) / 2 or abs(measured.value)
    if half_width == 0:
        return 0
    return min(max(1 - floor(log10(half_width)), 0), _MAX_DECIMALS)
