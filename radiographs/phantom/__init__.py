"""Drawn chest images whose findings are known: see `phantom.draw`."""

from radiographs.phantom.draw import FINDINGS, Phantom, draw

__all__ = ["FINDINGS", "Phantom", "draw"]
