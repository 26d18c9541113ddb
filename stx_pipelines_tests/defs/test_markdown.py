"""Text from a server stays text in Markdown and never becomes a link, an image or HTML."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from stx_pipelines.defs.assets.markdown import code, word
from stx_pipelines.defs.assets.metadata import describe_balances, describe_blocks, describe_day
from stx_pipelines.defs.checks import metric_result
from stx_pipelines.metrics.checks import CHECKS, Verdict
from stx_pipelines.store.summaries import DaySummary
from stx_pipelines_tests.hostile import HOSTILE
from stx_pipelines_tests.store.ethereum_days import (
    DAYS,
    balances_table,
    blocks_of,
    blocks_table,
    certificate,
    changes_of,
)

HARMLESS = {
    *("inline", "text", "softbreak", "code_inline", "paragraph_open", "paragraph_close"),
    *(f"{part}_{end}" for part in ("table", "thead", "tbody", "tr", "th", "td") for end in ("open", "close")),
}


def tokens(markdown: str) -> Iterator[Token]:
    for token in MarkdownIt("commonmark").enable("table").parse(markdown):
        yield token
        yield from token.children or ()


def assert_harmless(markdown: object, columns: int = 0) -> None:
    """Assert that it contains only tables, text and code. With `columns`, each row must have this number of cells."""
    found = list(tokens(str(markdown)))
    assert {token.type for token in found} <= HARMLESS
    assert sum("://" in token.content or "www." in token.content for token in found if token.type == "text") == 0
    if columns:
        rows = sum(token.type == "tr_open" for token in found)
        assert rows == len(str(markdown).splitlines()) - 1
        assert sum(token.type in ("td_open", "th_open") for token in found) == columns * rows


def test_a_plain_word_stays_as_it_is() -> None:
    assert [word(text) for text in ("token_transfer", "abort_by_response")] == ["token_transfer", "abort_by_response"]
    assert word("two words") == "`two words`"
    assert word("_0_") == "`_0_`"
    assert code("0xab") == "`0xab`"


@given(st.text() | st.sampled_from(HOSTILE))
def test_any_text_in_a_table_is_one_cell_of_text_or_code(text: str) -> None:
    for shown in (word(text), code(text)):
        assert_harmless(f"| a | b |\n|---|---|\n| {shown} | 1 |", columns=2)


def test_types_and_statuses_of_an_old_day_file_are_shown_as_they_are() -> None:
    day = certificate("transactions", DAYS[0], [])
    day = msgspec.structs.replace(day, left_out=dict.fromkeys(HOSTILE, 1))
    summary = DaySummary(dict.fromkeys(HOSTILE, 1), dict.fromkeys(HOSTILE, 2), [0] * 24, 0)
    assert_harmless(describe_day(day, summary)["summary"].value, columns=3)


@pytest.mark.parametrize("text", HOSTILE)
def test_fee_recipients_of_an_old_day_file_are_shown_as_they_are(text: str) -> None:
    blocks = [block._replace(miner=text) for block in blocks_of(DAYS[0])]
    changes = [change._replace(miner=text) for change in changes_of(DAYS[0])]
    known = certificate("blocks", DAYS[0], blocks)
    assert_harmless(describe_blocks(known, blocks_table(blocks))["top_fee_recipients"].value, columns=2)
    assert_harmless(describe_balances(known, balances_table(changes))["top_fee_recipients"].value, columns=3)


@pytest.mark.parametrize("text", HOSTILE)
def test_the_rows_that_a_check_names_are_shown_as_they_are(text: str) -> None:
    result = metric_result(Verdict(1, "", [f"address {text}, times 2"], None), CHECKS[0])
    assert isinstance(result, dg.AssetCheckResult)
    assert_harmless(result.description)
