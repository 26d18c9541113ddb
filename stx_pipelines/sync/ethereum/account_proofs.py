"""Account proofs of a sample or all of a day's balances, checked against the state roots of hashed headers."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random, SystemRandom

from stx_pipelines.chains.account_proof import BadAccountProof, proved_balance
from stx_pipelines.chains.certificate import Certificate
from stx_pipelines.chains.errors import ProofError
from stx_pipelines.chains.ethereum import BalanceChange, BalanceKey, Block
from stx_pipelines.clients.errors import ApiError, NoState, NotFound, Unreachable
from stx_pipelines.clients.ethereum_rpc import EthereumRpc
from stx_pipelines.sync.ethereum.blocks import is_hashed

log = logging.getLogger(__name__)

_AT_ONCE = 1_000  # blocks; a proof has about 8 kB
_TRIES = 2  # one of several nodes at an address may lack a state for a moment
_REFUSAL = re.compile(
    r"proof window|too old|un-?supported|not (yet )?(supported|implemented|enabled)|historical proof", re.I
)


@dataclass
class AccountProofs:
    """The proof of balances by `eth_getProof`, for a day's first and last block and `pairs` random blocks.

    If `pairs` is None, all blocks are proved; if it is 0, none. For each block, the balance before it and the balance
    after it are proved. If the node refuses to give proofs, the balances are accepted without a proof.
    """

    client: EthereumRpc
    pairs: int | None = 0
    random: Random = field(default_factory=SystemRandom)
    _refused_to: int = field(default=-1, init=False)  # the newest block whose proof the node refused
    _refusal: str = field(default="", init=False)

    def prove(
        self, of_blocks: Certificate, blocks: Sequence[Block], changes: Sequence[BalanceChange]
    ) -> tuple[int, str]:
        """Prove a sample of the changes. Return the number of proved blocks, and a sentence for the certificate.

        Raises `ProofError` if a balance differs from its account proof, and the errors of the client.
        """
        if not changes:
            return 0, "no balance to prove"
        if self.pairs == 0:
            return 0, "balances believed: ETH_PROOF_PAIRS=0"
        if not is_hashed(of_blocks):
            return 0, "balances believed: the state roots of this day's blocks are not hashed"
        chosen = self._choose(changes)
        for attempt in range(_TRIES):
            try:
                for start in range(0, len(chosen), _AT_ONCE):
                    self._prove(chosen[start : start + _AT_ONCE], blocks)
            except ApiError as error:
                if not _is_refusal(error):
                    raise
                if attempt == _TRIES - 1:
                    self._note_refusal(chosen[0].block_number, error)
            else:
                return len(chosen), f"balances of {len(chosen)} of {len(changes)} blocks proved by account proofs"
        return 0, f"balances believed: the node gives no account proofs ({self._refusal})"

    def _choose(self, changes: Sequence[BalanceChange]) -> Sequence[BalanceChange]:
        if self.pairs is None or self.pairs >= len(changes):
            return changes
        chosen = {0, len(changes) - 1, *self.random.sample(range(len(changes)), self.pairs)}
        return [changes[at] for at in sorted(chosen)]

    def _prove(self, changes: Sequence[BalanceChange], blocks: Sequence[Block]) -> None:
        if changes[0].block_number <= self._refused_to:
            raise NoState(self._refusal)  # not newer than a block whose proof the node refused before
        roots = self._roots(changes, blocks)
        wanted = {
            BalanceKey(change.miner, number): (change, wei)
            for change in changes
            for number, wei in (
                (change.block_number - 1, change.balance_before),
                (change.block_number, change.balance_after),
            )
        }
        for key, nodes in self.client.account_proofs(list(wanted)).items():
            change, told = wanted[key]
            _compare(change, key, told, roots[key.number], nodes)

    def _roots(self, changes: Sequence[BalanceChange], blocks: Sequence[Block]) -> Mapping[int, str]:
        """Return the state root of each block by its number, also of the block before the day if it is needed.

        The block before the day is read from the node, and its header is hashed.
        """
        roots = {block.number: block.state_root or "" for block in blocks}
        first = blocks[0]
        if changes[0].block_number == first.number:
            [below] = self.client.headers([first.number - 1])
            if not below.is_hashed or below.block.hash != first.parent_hash:
                raise ProofError(f"block {first.number - 1} is not the parent of block {first.number}", {first.number})
            roots[first.number - 1] = below.block.state_root or ""
        return roots

    def _note_refusal(self, number: int, error: ApiError) -> None:
        if self._refused_to < 0:
            log.warning("the node gives no account proofs, balances are believed (%s)", error)
        if number > self._refused_to:
            self._refused_to, self._refusal = number, str(error)


def _compare(change: BalanceChange, key: BalanceKey, told: int, root: str, nodes: Sequence[bytes]) -> None:
    try:
        proved = proved_balance(bytes.fromhex(root[2:]), key.address, nodes)
    except BadAccountProof as error:
        raise ProofError(
            f"block {change.block_number}: the account proof of {key.address} at block {key.number} does not fit the "
            f"block's state root ({error}): use another node, or set ETH_PROOF_PAIRS=0 for a chain that keeps its "
            "state in another form",
            {change.block_number},
        ) from error
    if proved != told:
        raise ProofError(
            f"block {change.block_number}: {key.address} has {told} Wei at block {key.number} by eth_getBalance, but "
            f"{proved} Wei by its account proof: use an archive node that answers for old blocks",
            {change.block_number},
        )


def _is_refusal(error: ApiError) -> bool:
    """Return whether the node refuses to give this proof, although it responds."""
    if isinstance(error, Unreachable):
        return bool(_REFUSAL.search(str(error)))
    return type(error) is ApiError or isinstance(error, NoState | NotFound)
