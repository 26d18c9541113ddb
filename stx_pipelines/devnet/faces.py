"""The devnet as one application: which requests are for the Ethereum chain, for the Stacks chain, for itself.

Belongs here: the first look at a path. Not here: what each of them answers.
"""

from dataclasses import dataclass, field

from starlette.types import Receive, Scope, Send

from stx_pipelines.devnet.answers import no_route
from stx_pipelines.devnet.control import Control, StacksControl
from stx_pipelines.devnet.ethereum.chain import EthereumChain
from stx_pipelines.devnet.ethereum.control import EthereumControl
from stx_pipelines.devnet.ethereum.faults import EthereumKnobs, EthereumStats
from stx_pipelines.devnet.ethereum.rpc import ETHEREUM_PATH, EthereumRpc
from stx_pipelines.devnet.faults import Knobs, Stats
from stx_pipelines.devnet.sending import read_body
from stx_pipelines.devnet.stacks.api import StacksApi, send_answer
from stx_pipelines.devnet.stacks.chain import StacksChain

_OWN_PATH = "/devnet/"


@dataclass(frozen=True)
class StacksFace:
    """The Stacks chain with what can be turned and looked at while it is served."""

    chain: StacksChain
    knobs: Knobs = field(default_factory=Knobs)
    stats: Stats = field(default_factory=Stats)


@dataclass(frozen=True)
class EthereumFace:
    """The Ethereum chain with what can be turned and looked at while it is served."""

    chain: EthereumChain
    knobs: EthereumKnobs = field(default_factory=EthereumKnobs)
    stats: EthereumStats = field(default_factory=EthereumStats)


class Faces:
    """Hands every request to the chain it is for; a chain that is not served is an unknown route."""

    def __init__(self, stacks: StacksFace | None, ethereum: EthereumFace | None) -> None:
        """Serve these."""
        self._stacks = StacksApi(stacks.chain, stacks.knobs, stacks.stats) if stacks else None
        self._ethereum = EthereumRpc(ethereum.chain, ethereum.knobs, ethereum.stats) if ethereum else None
        self._control = Control(
            (StacksControl(stacks.chain, stacks.knobs, stacks.stats).routes if stacks else {})
            | (EthereumControl(ethereum.chain, ethereum.knobs, ethereum.stats).routes if ethereum else {})
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope["path"]
        if self._ethereum and path.rstrip("/") == ETHEREUM_PATH:
            await self._ethereum(scope, receive, send)
        elif path.startswith(_OWN_PATH):
            answer = self._control.answer(scope["method"], path, await read_body(receive))
            await send_answer(answer, scope, send)
        elif self._stacks:
            await self._stacks(scope, receive, send)
        else:
            await send_answer(no_route(path), scope, send)
