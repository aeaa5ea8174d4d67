from __future__ import annotations

from synthcxr.event_stream import ServerSentEvent, read_events


def test_an_event_ends_with_an_empty_line() -> None:
    lines = ["id: 1", "event: state", "data: {}", "", "id: 2", "data:x", ""]
    assert list(read_events(lines)) == [
        ServerSentEvent("1", "state", "{}"),
        ServerSentEvent("2", "message", "x"),
    ]


def test_data_lines_are_joined() -> None:
    assert [event.data for event in read_events(["data: a", "data: b", ""])] == ["a\nb"]


def test_comments_and_empty_events_are_no_events() -> None:
    assert list(read_events([": keep-alive", "", "event: state", ""])) == []


def test_an_event_cut_off_by_the_end_is_dropped() -> None:
    assert list(read_events(["data: whole", "", "data: half"])) == [
        ServerSentEvent("", "message", "whole")
    ]
