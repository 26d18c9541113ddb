"""A client of an Ethereum node. It sends JSON-RPC batches of many calls, several batches at a time.

Each method returns the values that the node reported, or raises an error. `json_rpc` classifies the error of a call,
and `http` the error of a request. Failed calls are sent again in a new request.
"""

from __future__ import annotations

import itertools
import logging
import threading
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from stx_pipelines.chains.ethereum import BalanceKey, Block, Header
from stx_pipelines.chains.ethereum_proof import NOBODY
from stx_pipelines.clients.errors import ApiError, Interrupted, NoHistory, NoState, TooLarge, Unreachable
from stx_pipelines.clients.ethereum_calls import ACCOUNT_PROOF, BALANCE, CHAIN_ID, HEADER, PERHAPS_A_BLOCK, Tag
from stx_pipelines.clients.ethereum_pace import Paced
from stx_pipelines.clients.ethereum_refusals import USE_THE_SETTING, AskAgain, Doubts, may_be_about_batches
from stx_pipelines.clients.http import STOPPED, Http
from stx_pipelines.clients.json_rpc import Answers, K, Question, RpcError, V, answers_in, body_of, error_in
from stx_pipelines.clients.learned import Learned
from stx_pipelines.clients.outage import Outage
from stx_pipelines.clients.patience import Patience
from stx_pipelines.clients.rate_limit import Accounts, Budget
from stx_pipelines.clients.redaction import public_name

log = logging.getLogger(__name__)

OnBatch = Callable[[int], None]
"""Called after each batch with its number of values, in the caller's thread."""

PASSING = frozenset({408, 425, 429, *range(500, 600)})
"""The HTTP statuses after which a request is sent again."""

_TOO_MANY_REQUESTS = 429
_REFUSALS_OF_A_PACE = 2  # of one batch, before it is halved
_SECONDS_BETWEEN_CHECKS = 0.2  # of the stop signal, while batches are sent


@dataclass
class EthereumRpc(Paced):
    """A client of an Ethereum node, usable by several threads. Every method may raise the errors of `Http.post`.

    `batch_size` is the most calls in a request. It is lowered if the node refuses a batch of this size. `parallel` is
    the number of requests at a time.
    """

    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1), init=False, repr=False)
    _trying: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _knows_about_batches: bool = field(default=False, init=False, repr=False)

    @property
    def calls(self) -> int:
        """The number of calls sent so far, including retries."""
        return self.http.calls

    def probe(self) -> None:
        """Request the newest block, and raise the error if the request fails."""
        self.block("latest")

    def chain_id(self) -> int:
        """Return the chain's number, 1 for Ethereum's main network."""
        return self._one(CHAIN_ID, "chain id")

    def block(self, which: int | Tag) -> Block | None:
        """Return the block with this number or tag, or None if the node does not have it."""
        try:
            return self._one(PERHAPS_A_BLOCK, which)
        except NoHistory:
            return None

    def blocks(self, numbers: Sequence[int], on_batch: OnBatch = lambda _: None) -> list[Block]:
        """Return the blocks with these numbers, in their order. A missing block is a failure, which is retried."""
        return [header.block for header in self.headers(numbers, on_batch)]

    def headers(self, numbers: Sequence[int], on_batch: OnBatch = lambda _: None) -> list[Header]:
        """Return the same blocks as `blocks`, each with the hash computed from its fields."""
        found = self._gather(HEADER, numbers, on_batch)
        return [found[number] for number in numbers]

    def balances(self, keys: Sequence[BalanceKey], on_batch: OnBatch = lambda _: None) -> dict[BalanceKey, int]:
        """Return the balance in Wei for each key. Raises `NoState` if the node no longer has the state of a block."""
        return self._gather(BALANCE, keys, on_batch)

    def account_proofs(self, keys: Sequence[BalanceKey]) -> dict[BalanceKey, list[bytes]]:
        """Return the trie nodes that prove each balance, from the state root down. Raises `ApiError` if refused."""
        return self._gather(ACCOUNT_PROOF, keys, lambda _: None)

    def ask(self, question: Question[K, V], keys: Iterable[K]) -> dict[K, V]:
        """Return the value of each key. Each key is asked for once."""
        return self._gather(question, keys, lambda _: None)

    def first_state(self, lo: int, hi: int) -> int:
        """Return the lowest block from `lo` to `hi` whose balances can be read, or `hi + 1` if there is none."""
        found = lo + bisect_left(range(lo, hi + 1), True, key=self._has_state)
        # After a wrong refusal, the block below the found one has its state.
        while found > lo and self._has_state(found - 1):
            found = lo + bisect_left(range(lo, found - 1), True, key=self._has_state)
        return found

    def _has_state(self, number: int) -> bool:
        try:
            self._one(BALANCE, BalanceKey(NOBODY, number))
        except NoState:
            return False
        return True

    def _one(self, question: Question[K, V], key: K) -> V:
        return self._batch(question, [key], self.http.stop)[key]

    def _gather(self, question: Question[K, V], keys: Iterable[K], on_batch: OnBatch) -> dict[K, V]:
        """Return all values, read in batches by several threads. The first error ends all threads."""
        self._recall()
        found: dict[K, V] = {}
        parts, cutting, halt = self._parts(list(dict.fromkeys(keys))), threading.Lock(), threading.Event()
        brought: deque[dict[K, V]] = deque()

        def work() -> None:
            while not halt.is_set():
                with cutting:  # each batch is cut under the lock, with the current batch size
                    part = next(parts, ())
                if not part:
                    return
                brought.append(self._batch(question, part, halt))

        with ThreadPoolExecutor(self.parallel, "ethereum") as pool:
            working = {pool.submit(work) for _ in range(self.parallel)}
            try:
                while working:
                    done, working = wait(working, _SECONDS_BETWEEN_CHECKS, FIRST_EXCEPTION)
                    for worker in done:
                        worker.result()
                    while brought:
                        values = brought.popleft()
                        found |= values
                        on_batch(len(values))
                    if self.http.stop.is_set():
                        raise Interrupted(STOPPED)
            finally:
                halt.set()
        return found

    def _parts(self, keys: Sequence[K]) -> Iterator[Sequence[K]]:
        start = 0
        while start < len(keys):
            part = keys[start : start + self.batch_size]
            start += len(part)
            yield part

    def _batch(self, question: Question[K, V], keys: Sequence[K], halt: threading.Event) -> dict[K, V]:
        """Return the value of each of these distinct keys. Only failed calls are sent again."""
        found: dict[K, V] = {}
        doubts: Doubts[K] = Doubts()
        rounds = 0
        while len(found) < len(keys):
            part = ([key for key in keys if key not in found] if found else keys)[: self.batch_size]
            try:
                answers = self._round(question, part, halt, doubts)
            except TooLarge as refusal:
                self._learn(len(part), refusal)
                continue
            except AskAgain:
                rounds += 1
                halt.wait(self.http.patience.backoff(rounds))
                continue
            except ApiError as error:
                if len(part) == 1 or not self._takes_single_calls(question, part[0], halt, error):
                    raise
                continue
            doubts.headers = 0
            found = found | answers.values if found else answers.values
            if any(error.meaning() == "too large" for error in answers.errors.values()):
                self._learn(len(part), TooLarge("the node responded to only a part of a batch"))
            elif len(answers.values) < len(part):
                rounds += 1
                halt.wait(self.http.patience.backoff(rounds))
        return found

    def _round(
        self, question: Question[K, V], keys: Sequence[K], halt: threading.Event, doubts: Doubts[K]
    ) -> Answers[K, V]:
        """Send one request, with retries, and return its values and errors. There is at least one value.

        Raises `AskAgain` for a new doubt.
        """
        limits: list[str] = []  # the texts of 429 responses
        calls = {number: key for key, number in zip(keys, self._ids, strict=False)}

        def parse(body: bytes) -> Answers[K, V]:
            answers = answers_in(body, question, calls)
            for error in filter(None, [answers.about_all, *answers.errors.values()]):
                self._heed(error)
            self._knows_about_batches |= bool(answers.values) and len(keys) > 1
            for key, error in answers.errors.items():
                if final := self._refusals.final(error, question, [key], doubts):
                    raise final
            for key, value in answers.beyond.items():
                if doubts.are_confirmed([key]):
                    raise ApiError(
                        f"{question.shown(key)} is {value}; nothing of its day is stored, and other days are kept: "
                        "set ETH_FIRST_DAY to a day after it"
                    )
            if not answers.values:
                raise self._refusals.nothing(answers, question, keys, doubts)
            return answers

        def refusal(status: int, text: str) -> ApiError | None:
            error = error_in(text) or RpcError(message=text if status < 500 else "")
            if status == _TOO_MANY_REQUESTS:
                error.code = status
                self._heed(error)
            sentence = self._refusals.sentence(error, question.shown(keys[0]))
            if error.meaning() == "too large" and len(keys) > 1:
                return TooLarge(sentence)
            if status == _TOO_MANY_REQUESTS:
                limits.append(sentence)
                if len(limits) >= _REFUSALS_OF_A_PACE and len(keys) > 1:
                    return TooLarge(sentence)
            if error.meaning() == "no state" and error.code:
                return self._refusals.final(error, question, keys, doubts) or AskAgain(sentence)
            return None

        body = body_of(question, calls)
        try:
            return self.http.post("", body, parse, route=question.method, cost=len(calls), stop=halt, refusal=refusal)
        except Unreachable as error:
            if limits:
                raise Unreachable(f"{error} ({limits[-1]}); stored days are kept: {USE_THE_SETTING}") from error
            raise

    def _takes_single_calls(self, question: Question[K, V], key: K, halt: threading.Event, refusal: ApiError) -> bool:
        """Try one call alone, once, while no batch had a value: a server without batches may not say so.

        Return whether calls are single from now on.
        """
        if not may_be_about_batches(refusal):
            return False
        with self._trying:
            if self.batch_size == 1 or self._knows_about_batches:
                return self.batch_size == 1
            self._knows_about_batches = True
            try:
                self._round(question, [key], halt, Doubts())
            except Interrupted:
                raise
            except ApiError:
                return False
            self._at_most(1)
        log.warning("%s takes no batches: single calls from now on (%s)", self.http.name, refusal)
        return True


def connect(
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    batch_size: int = 100,
    parallel: int = 5,
    calls_per_second: int = 0,
    attempts: int = 5,
    timeout: float = 30.0,
    answer_within: float | None = None,
    stop: threading.Event | None = None,
    learned: Path | None = None,
    outage: Outage | None = None,
    accounts: Accounts = lambda: None,
) -> EthereumRpc:
    """Return a client of the node at `url`. Both `url` and `headers` may hold secrets. 0 calls a second: no limit.

    `learned` is the file in which clients keep the size of batches and the pace that the node accepts. `accounts` is
    that of `Budget`.
    """
    name = public_name(url)
    key = "\n".join([url.removeprefix(name).strip("/"), *(headers or {}).values()]).strip()
    budget = Budget(name, calls_per_second=calls_per_second, accounts=accounts, key=key)
    patience = Patience(attempts=attempts, timeout=timeout, answer_within=answer_within, statuses=PASSING)
    http = Http(url, budget, patience, headers or {}, stop or threading.Event(), name, outage)
    return EthereumRpc(http, batch_size, parallel, Learned(learned, name) if learned else None)
