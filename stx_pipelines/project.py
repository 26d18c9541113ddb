"""The project: everything that a run, a tick or a command needs, made once from the settings and passed down.

No module in a lower layer reads settings or chooses paths. Coverage, metrics and the page are functions that take a
project.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from stx_pipelines.chains.datasets import TRANSACTIONS
from stx_pipelines.settings import Settings, SettingsError, changed, load_settings
from stx_pipelines.store.data_folder import DataFolder
from stx_pipelines.store.dataset_store import DatasetStore, open_store
from stx_pipelines.store.shared import FileShared, Shared
from stx_pipelines.store.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stx_pipelines.clients.ethereum_rpc import EthereumRpc
    from stx_pipelines.clients.http import Http
    from stx_pipelines.clients.notify import Email, Webhook
    from stx_pipelines.clients.outage import Outage
    from stx_pipelines.clients.rate_limit import Budget
    from stx_pipelines.clients.stacks_api import StacksApi
    from stx_pipelines.clients.stacks_node import StacksNode
    from stx_pipelines.store.day_copy import DayCopy
    from stx_pipelines.store.postgres_copy import PostgresCopy
    from stx_pipelines.store.record import Record

_BALANCES_PERCENT = 30
PRICE_REQUESTS_PER_MINUTE = 300
"""The requests allowed a minute at each server of prices, far below their limits."""

_PROBE_TIMEOUT = 5.0  # seconds without a byte
_STACKS_LIMIT_WINDOW = 60.0  # seconds; Hiro counts the requests of a minute
_PROBE_SECONDS = 15.0  # seconds for a whole response


class Project:
    """The data folder, the stores and the clients that the settings describe. Each is opened at its first use."""

    def __init__(self, settings: Settings, *, answer_within: float | None = None) -> None:
        """Keep the settings. `answer_within` limits a whole response, in seconds; None means ten timeouts."""
        self.settings = settings
        self.folder = DataFolder(settings.stx_data_dir)
        self._answer_within = answer_within
        self._outages: dict[str, Outage] = {}
        self._stores: dict[str, DatasetStore[Any]] = {}

    @classmethod
    def load(cls, **overrides: object) -> Project:
        """Return the project of the environment and `.env`. `overrides` replace settings. Raises `SettingsError`."""
        return cls(load_settings(**overrides))

    def probing(self) -> Project:
        """Return the same project for a probe: one attempt and short time limits."""
        once = {"attempts": 1, "timeout_seconds": _PROBE_TIMEOUT}
        update = {f"{chain}_{name}": value for chain in ("hiro", "eth") for name, value in once.items()}
        return Project(self.settings.model_copy(update=update), answer_within=_PROBE_SECONDS)

    def replaced(self, **overrides: object) -> Project:
        """Return the project with other values of some settings. Raises `SettingsError`."""
        return Project(changed(self.settings, **overrides), answer_within=self._answer_within) if overrides else self

    def waiting(self, tell: Callable[[str], None]) -> Project:
        """Return the same project for a command that waits for a server that stopped responding.

        `tell` prints a line. The wait ends after `STX_OUTAGE_HOURS`; 0 means that there is none.
        """
        from stx_pipelines.clients.outage import Outage
        from stx_pipelines.clients.redaction import public_name

        settings, probing = self.settings, self.probing()
        project = Project(settings, answer_within=self._answer_within)
        longest = timedelta(hours=settings.stx_outage_hours)
        project._outages["stacks"] = Outage(
            settings.hiro_api_url, longest, lambda stop: probing.stacks_api(stop).probe(), tell
        )
        if settings.eth_rpc_url:
            project._outages["ethereum"] = Outage(
                public_name(settings.eth_rpc_url.get_secret_value()),
                longest,
                lambda stop: probing.ethereum_rpc(stop).probe(),
                tell,
            )
        return project

    def outage(self, chain: str) -> Outage | None:
        """Return the wait for a chain's server; None if this project's command does not wait."""
        return self._outages.get(chain)

    @cached_property
    def warehouse(self) -> Warehouse:
        """The DuckDB tables."""
        return Warehouse(self.folder, wait=self.settings.stx_lock_wait_seconds)

    @cached_property
    def shared(self) -> Shared:
        """The locks and the progress of all runs: files, or PostgreSQL if `STX_SHARED_URL` is set."""
        url = self.settings.stx_shared_url
        if url is None:
            return FileShared(self.folder)
        try:
            from stx_pipelines.store.postgres_shared import PostgresShared
        except ImportError:
            raise _lacks_driver("STX_SHARED_URL") from None
        return PostgresShared(url.get_secret_value())

    def request_budget(self, server: str, requests_per_minute: int, headers: Mapping[str, str]) -> Budget:
        """Return the budget of a server, which all runs with the same key in `headers` share. 0 means no limit."""
        from stx_pipelines.clients.rate_limit import Budget

        key = " ".join(headers.values())
        return Budget(server, requests_per_minute, accounts=lambda: self.shared.accounts, key=key)

    @cached_property
    def served(self) -> PostgresCopy | None:
        """The copy of the tables in PostgreSQL; None without STX_WAREHOUSE_URL. Raises `SettingsError`."""
        url = self.settings.stx_warehouse_url
        if url is None:
            return None
        try:
            from stx_pipelines.store.postgres_copy import PostgresCopy
        except ImportError:
            raise _lacks_driver("STX_WAREHOUSE_URL") from None
        return PostgresCopy(url.get_secret_value(), self.folder.run / "spill")

    def store(self, dataset: str = TRANSACTIONS) -> DatasetStore[Any]:
        """Return the day files of a dataset and the table loaded from them."""
        if dataset not in self._stores:
            copy = self._copy(dataset)
            self._stores[dataset] = open_store(self.folder, self.warehouse, dataset, copy, self.served)
        return self._stores[dataset]

    def _copy(self, dataset: str) -> DayCopy | None:
        """Return the day folder of a dataset as a copy of the record; None if the data folder is the record."""
        if self._record is None:
            return None
        from stx_pipelines.store.day_copy import DayCopy

        return DayCopy(self.folder, dataset, self._record, self.settings.stx_run_wait_seconds)

    @cached_property
    def _record(self) -> Record | None:
        if self.settings.stx_record_url is None:
            return None
        from stx_pipelines.store.record import open_record

        return open_record(self.settings.stx_record_url)

    def refresh(self, datasets: Iterable[str]) -> None:
        """Take the days that other machines have stored from the record, if there is one. Raises `OtherChain`."""
        for dataset in datasets:
            self.store(dataset).refresh(at_once=True)

    def stacks_api(self, stop: threading.Event | None = None) -> StacksApi:
        """Return a new client of the Hiro API. Clients are not shared, because a stopped run stops its client."""
        from stx_pipelines.clients.stacks_api import StacksApi

        settings, key = self.settings, self.settings.hiro_api_key
        headers = {"x-api-key": key.get_secret_value()} if key else {}
        http = self._http(settings.hiro_api_url, settings.budget, headers, stop, self.outage("stacks"))
        return StacksApi(http)

    def stacks_node(self, api: Http | None = None) -> StacksNode:
        """Return a client of the node that serves raw blocks: the server of STX_NODE_URL, or else the Hiro API.

        `api` is the client of the Hiro API. It is used for its server's node too, and its stop signal for any node.
        Another server gets no key and has its own budget.
        """
        from stx_pipelines.clients.stacks_node import StacksNode

        settings = self.settings
        if settings.stx_node_url is None or not settings.has_own_node:
            return StacksNode(api or self.stacks_api().http)
        stop = api.stop if api else None
        return StacksNode(self._http(settings.stx_node_url, settings.stx_node_requests_per_minute, {}, stop))

    @property
    def accounts_server(self) -> tuple[str, int]:
        """The server of the states of accounts, and its budget in requests a minute (0: no limit)."""
        settings = self.settings
        if settings.stx_node_url is None or not settings.has_own_node:
            return settings.hiro_api_url, settings.budget
        return settings.stx_node_url, settings.stx_node_requests_per_minute

    @property
    def balances_budget(self) -> int:
        """The requests a minute that balances of new wallets may take: 30 % of the server's budget, 0 for no limit."""
        budget = self.accounts_server[1]
        return max(1, budget * _BALANCES_PERCENT // 100) if budget else 0

    def price_server(self, url: str, attempts: int | None = None) -> Http:
        """Return a client of a server of prices. `attempts` replaces HIRO_ATTEMPTS if it is smaller."""
        return self._http(url, PRICE_REQUESTS_PER_MINUTE, {}, None, attempts=attempts, advice="")

    def _http(
        self,
        url: str,
        budget: int,
        headers: Mapping[str, str],
        stop: threading.Event | None,
        outage: Outage | None = None,
        *,
        attempts: int | None = None,
        advice: str = "lower HIRO_REQUESTS_PER_MINUTE, or set HIRO_API_KEY",
    ) -> Http:
        from stx_pipelines.clients.http import Http
        from stx_pipelines.clients.patience import Patience

        settings = self.settings
        return Http(
            base_url=url,
            budget=self.request_budget(url, budget, headers),
            patience=Patience(
                attempts=min(settings.hiro_attempts, attempts or settings.hiro_attempts),
                first_wait=settings.hiro_first_wait_seconds,
                last_wait=settings.hiro_last_wait_seconds,
                timeout=settings.hiro_timeout_seconds,
                longest_wait=settings.hiro_longest_wait_seconds,
                limit_window=_STACKS_LIMIT_WINDOW,
                answer_within=self._answer_within,
                statuses=settings.hiro_retry_statuses,
            ),
            headers=headers,
            stop=stop or threading.Event(),
            outage=outage,
            limit_advice=advice,
        )

    def ethereum_rpc(self, stop: threading.Event | None = None) -> EthereumRpc:
        """Return a new client of the Ethereum node. Raises `SettingsError` if `ETH_RPC_URL` is not set."""
        from stx_pipelines.clients.ethereum_rpc import connect

        settings = self.settings
        if settings.eth_rpc_url is None:
            raise SettingsError(
                "ETH_RPC_URL is not set: give the address of an Ethereum archive node (see .env.example)"
            )
        return connect(
            settings.eth_rpc_url.get_secret_value(),
            headers=settings.eth_headers,
            batch_size=settings.eth_batch_size,
            parallel=settings.eth_parallel_batches,
            calls_per_second=settings.eth_calls_per_second,
            attempts=settings.eth_attempts,
            timeout=settings.eth_timeout_seconds,
            answer_within=self._answer_within,
            learned=self.folder.pace("ethereum"),
            stop=stop,
            outage=self.outage("ethereum"),
            accounts=lambda: self.shared.accounts,
        )

    def alert_channels(self) -> list[Webhook | Email]:
        """Return the configured channels for alerts, besides the log."""
        from stx_pipelines.clients.notify import Email, Webhook

        settings = self.settings
        channels: list[Webhook | Email] = []
        if settings.stx_alert_webhook:
            channels.append(Webhook(settings.stx_alert_webhook.get_secret_value()))
        if settings.stx_alert_email_to:
            password = settings.stx_smtp_password
            channels.append(
                Email(
                    host=settings.stx_smtp_host,
                    port=settings.stx_smtp_port,
                    sender=settings.stx_alert_email_from or settings.stx_alert_email_to,
                    to=settings.stx_alert_email_to,
                    user=settings.stx_smtp_user,
                    password=password.get_secret_value() if password else None,
                )
            )
        return channels


def _lacks_driver(setting: str) -> SettingsError:
    return SettingsError(
        f"{setting} needs the packages psycopg and psycopg_pool; install the extra [postgres] with "
        "pip install -e '.[postgres]'"
    )
