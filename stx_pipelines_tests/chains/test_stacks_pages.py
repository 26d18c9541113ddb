"""Pages that would lose or repeat rows are refused, and cursors are read as they were written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stx_pipelines.chains.errors import MalformedAnswer
from stx_pipelines.chains.stacks import ANCHORED, Cursor, PageMovedError
from stx_pipelines.chains.stacks_answers import parse_burn_blocks, parse_cursor, parse_page
from stx_pipelines_tests.chains.test_stacks import PARSERS, TOP, body, read_page, recorded


class TestPages:
    """A page that would lose or repeat rows if it was followed is refused."""

    @pytest.mark.parametrize("kind", ["v3", "v1"])
    def test_an_empty_page_is_refused(self, kind: str) -> None:
        name, parse = PARSERS[kind]
        with pytest.raises(MalformedAnswer, match="empty"):
            parse(body(recorded(name) | {"results": []}))

    def test_a_page_that_climbs_is_refused(self) -> None:
        value = recorded("v3_tx_limit3")
        value["results"].reverse()
        with pytest.raises(MalformedAnswer, match="falling order"):
            read_page(body(value))

    def test_a_page_above_its_cursor_is_refused(self) -> None:
        with pytest.raises(MalformedAnswer, match="falling order"):
            parse_page(body(recorded("v3_tx_limit3")), Cursor.top_of(6_499_999))

    def test_a_page_that_starts_with_another_row_than_its_cursor_names_is_refused(self) -> None:
        for asked in (Cursor(6_500_001, ANCHORED, 0), Cursor(6_500_000, ANCHORED, 1)):
            with pytest.raises(PageMovedError, match="another transaction"):
                parse_page(body(recorded("v3_tx_limit3")), asked)

    def test_a_page_that_names_itself_as_the_next_is_refused(self) -> None:
        value = recorded("v3_tx_limit3")
        value["cursor"]["next"] = f"6500000:{ANCHORED}:0"
        with pytest.raises(MalformedAnswer, match="next older"):
            parse_page(body(value), Cursor(6_500_000, ANCHORED, 0))

    @pytest.mark.parametrize("following", [f"6499999:{ANCHORED}:0", f"6500000:{ANCHORED}:0", f"6500001:{ANCHORED}:3"])
    def test_a_page_whose_next_is_not_older_is_refused(self, following: str) -> None:
        value = recorded("v3_tx_limit3")
        value["cursor"]["next"] = following
        with pytest.raises(MalformedAnswer, match="next older"):
            read_page(body(value))

    def test_the_last_page_of_the_chain_has_no_next(self) -> None:
        value = recorded("v3_tx_limit3")
        value["cursor"]["next"] = None
        assert parse_page(body(value), TOP).next is None

    def test_burn_blocks_that_climb_or_repeat_are_refused(self) -> None:
        value = recorded("v2_burn_blocks")
        for results in (value["results"][::-1], [value["results"][0]] * 2):
            with pytest.raises(MalformedAnswer, match="falling order"):
                parse_burn_blocks(body(value | {"results": results}))

    def test_a_list_of_burn_blocks_may_end(self) -> None:
        assert parse_burn_blocks(body(recorded("v2_burn_blocks") | {"results": []})) == []


class TestCursors:
    """Cursors are read back as they were written."""

    @given(st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1), st.integers(0, 32_767))
    def test_a_cursor_reads_back_as_it_was_written(self, height: int, sequence: int, index: int) -> None:
        cursor = Cursor(height, sequence, index)
        assert parse_cursor(str(cursor)) == cursor

    @given(st.text(max_size=12))
    def test_anything_else_is_malformed(self, text: str) -> None:
        parts = text.split(":")
        if len(parts) == 3 and all(part and set(part) <= set("0123456789") for part in parts):
            return
        with pytest.raises(MalformedAnswer):
            parse_cursor(text)

    @pytest.mark.parametrize(
        "text",
        [
            "1:2",
            "1:2:3:4",
            "::",
            "-1:2:3",
            "1:2:3\n",
            "\u0661:2:3",
            "1: 2:3",
            "+1:2:3",
            f"{'9' * 5000}:2:3",
            "1:2:" + "9" * 19,
        ],
    )
    def test_near_misses_are_malformed(self, text: str) -> None:
        with pytest.raises(MalformedAnswer, match="cursor"):
            parse_cursor(text)

    def test_the_top_of_a_block_stays_within_what_the_api_takes(self) -> None:
        """`H:2147483647:0` would skip rows, and a tx_index above 32767 is an error 500."""
        assert str(Cursor.top_of(7)) == "7:2147483647:32767"
