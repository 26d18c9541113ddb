"""The asset `wallet_dashboard`, which is one HTML page that shows the metrics."""

import base64
import os
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from stx_pipelines.chains.datasets import BALANCES
from stx_pipelines.coverage.current import transactions_coverage
from stx_pipelines.coverage.proofs import proofs_of
from stx_pipelines.coverage.text import coverage_sentence, size
from stx_pipelines.dashboard.about import described
from stx_pipelines.dashboard.facts import read_facts
from stx_pipelines.dashboard.page import pictures, write_page
from stx_pipelines.defs.assets.tables import METRICS_VERSION, OWNERS
from stx_pipelines.defs.cleanup import mark_run
from stx_pipelines.defs.resources import Metrics
from stx_pipelines.metrics.results import RESULTS
from stx_pipelines.settings import SettingsError
from stx_pipelines.store.files import StoreError


@dg.asset(
    deps=[*RESULTS, BALANCES],
    group_name="wallets",
    kinds={"html"},
    owners=OWNERS,
    tags={"chain": "stacks"},
    code_version=METRICS_VERSION,
    description=(
        "The HTML page `data/public/index.html`, which needs no network. It shows growth, retention, value, funnel, "
        "the network by day, contracts, Ethereum's fee recipients if their days are stored, and the coverage. It names "
        "the days and options behind each number and offers each table as CSV. Its search of wallets reads files in "
        "`data/public/wallets`."
    ),
)
def wallet_dashboard(context: dg.AssetExecutionContext, metrics: Metrics) -> dg.MaterializeResult[None]:
    """Write the page from the current metrics. It does not compute metrics or send requests."""
    mark_run(context)
    try:
        project = metrics.project()
        coverage = transactions_coverage(project, datetime.now(UTC))
        sentence = coverage_sentence(coverage, project.settings.budget)
        store = project.store()
        proofs = proofs_of(store, store.files.certificates())
        facts = read_facts(metrics.store(), coverage, sentence, project.settings.stx_page_note, proofs.sentence)
        facts = described(facts, project, proofs)
        page = write_page(project.folder, facts)
    except (SettingsError, StoreError) as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    context.log.info(page.headline)
    return dg.MaterializeResult(
        metadata={
            "page": dg.MetadataValue.url(_address(page.path)),
            "path": dg.MetadataValue.path(str(page.path.resolve())),
            "headline": dg.MetadataValue.text(page.headline),
            "size": dg.MetadataValue.text(size(page.size)),
            "bytes": dg.MetadataValue.int(page.size),
            "days": dg.MetadataValue.int(page.days),
            **{title: _picture(title, image) for title, image in pictures(facts).items()},
        }
    )


def _address(path: Path) -> str:
    """Return the address of the page on the UI of `make up`, or else of its file, which a browser opens only itself."""
    ui = os.environ.get("UI_URL")  # set by deploy/services.sh
    return f"{ui}/page/" if ui else path.resolve().as_uri()


def _picture(title: str, image: str) -> dg.MetadataValue:
    return dg.MetadataValue.md(f"![{title}](data:image/svg+xml;base64,{base64.b64encode(image.encode()).decode()})")
