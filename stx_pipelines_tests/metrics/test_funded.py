"""The funnel of funded wallets, checked by eye: its stages are parts of one another, and of the known balances."""

from __future__ import annotations

from pathlib import Path

from stx_pipelines.metrics.checks import CHECKS, judge
from stx_pipelines_tests.metrics.history import by, day, store_balances, store_history, store_in

FUNDED = {5: {"D": True}, 40: {"E": True, "G": True, "H": False}, 69: {"I": True}}
"""Whether each wallet is funded, by its first day. Nothing is known of F and the others."""


def test_only_wallets_with_a_known_balance_count(tmp_path: Path) -> None:
    """E has 3 transactions and 1.5 STX, I has 3 and 1 STX, and G has only one. D is before the window of 60 days."""
    store = store_history(store_in(tmp_path))
    before = store.basis().fingerprint
    store.refresh(["wallet_funnel"])
    assert "wallet_funnel" not in store.stale()
    for number, wallets in FUNDED.items():
        store_balances(store, day(number), wallets)
    assert store.basis().fingerprint != before
    assert "wallet_funnel" in store.stale()
    store.refresh(["wallet_funnel"])
    values = "cohort_size known_wallets funded funded_and_active_30d funded_active_and_value_30d funded_rate"
    assert by(store, "wallet_funnel_funded", "window_days", values) == {
        15: (1, 1, 1, 1, 1, 1.0),
        30: (5, 4, 3, 2, 2, 0.75),
        60: (6, 4, 3, 2, 2, 0.75),
        90: (None,) * 6,
    }
    check = next(each for each in CHECKS if each.name == "funded_funnel_is_nested")
    assert judge(store, check).broken == 0
