"""Every header is hashed and every balance proved against a real node, whose blocks pay real fees."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from stx_pipelines.chains.ethereum_proof import HASHED
from stx_pipelines.sync.ethereum.balances import BALANCES
from stx_pipelines_tests.anvil import anvil, finalized_lag, needs_anvil
from stx_pipelines_tests.sync.ethereum.planned import addresses
from stx_pipelines_tests.sync.ethereum.world import World, stored, table_rows
from stx_pipelines_tests.world import at

pytestmark = needs_anvil

DAY = date(2026, 9, 1)
BLOCKS = 130


def test_every_balance_of_a_real_node_is_proved(tmp_path: Path) -> None:
    start = int(at(DAY).timestamp())
    sender, receiver, *miners = addresses(7, 6)
    # The balance that is set belongs to no block's state before the next one, which is of the day before.
    with anvil("--timestamp", str(start - 100), *finalized_lag(4)) as node:
        node.call("anvil_setBalance", sender, hex(10**21))
        node.call("anvil_impersonateAccount", sender)
        node.call("evm_mine", start - 50)
        for number in range(BLOCKS):
            node.call("anvil_setCoinbase", miners[number % len(miners)])
            if number % 3:
                transfer = {"from": sender, "to": receiver, "value": hex(number), "gas": hex(21_000)}
                node.call("eth_sendTransaction", transfer | {"gasPrice": hex(3 * 10**9 + number)})
            node.call("evm_mine", start + 12 * number)
        world = World(node.url, tmp_path / "data")
        stored(world.blocks_sync().sync([DAY]))
        sync = world.balances_sync()
        sync.proofs.pairs = None
        stored(sync.sync([DAY]))
        rows = table_rows(world.data, BALANCES)
        assert len(rows) == BLOCKS - 4
        assert world.certificates()[DAY].proof.endswith(HASHED)
        proved = f"balances of {len(rows)} of {len(rows)} blocks proved by account proofs"
        assert world.certificates(BALANCES)[DAY].proof.endswith(proved)
        fees = [row[5] for row in rows]
        assert sum(fee > 0 for fee in fees) > 60
        assert min(fees) == 0
