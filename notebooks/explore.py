import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="The history of a data folder")

with app.setup:
    from collections.abc import Sequence
    from datetime import date, timedelta
    from pathlib import Path

    import duckdb
    import marimo as mo
    import pyarrow as pa
    import vl_convert

    from stx_pipelines import read

    DAY = timedelta(days=1)
    DEMO = Path("data/demo")
    MOST_ROWS = 10_000
    EXACT = 2**53


@app.function
def first_folder() -> Path:
    """Return the own data folder (STX_DATA_DIR), or the folder of the demo if only that one has closed days."""
    own = read.open().path
    return DEMO if not newest_days(read.open(own)) and newest_days(read.open(DEMO)) else own


@app.function
def newest_days(history: read.History) -> list[date]:
    """Return the closed days up to the newest one and back to the first gap, oldest first. The metrics use them."""
    found: list[date] = []
    for day in reversed(history.days("transactions")):
        if found and day != found[0] - DAY:
            break
        found.insert(0, day)
    return found


@app.function
def coverage(history: read.History) -> list[dict[str, object]]:
    """Return a row per dataset: its closed, open and missing days."""
    rows: list[dict[str, object]] = []
    for name in ("transactions", "blocks", "miners_balance"):
        closed, stored = history.days(name), history.days(name, partial=True)
        between = (stored[-1] - stored[0]).days + 1 if stored else 0
        rows.append(
            {
                "dataset": name,
                "closed days": len(closed),
                "open days": len(stored) - len(closed),
                "missing days between": between - len(stored),
                "first day": stored[0] if stored else None,
                "last day": stored[-1] if stored else None,
            }
        )
    return rows


@app.function
def text(value: str) -> str:
    """Return the value as a text in SQL."""
    return "'" + value.replace("'", "''") + "'"


@app.function
def of_address(rows: read.Rows, address: str) -> pa.Table:
    """Return the number, the fees and the first and last time of the address's transactions, by type."""
    return rows.sql(
        "SELECT tx_type, count(*) AS transactions, sum(fee_ustx)::DECIMAL(38, 0) AS fee_ustx, "
        "min(block_time) AS first_time, max(block_time) AS last_time "
        f"FROM rows WHERE sender_address = {text(address)} GROUP BY tx_type ORDER BY transactions DESC, tx_type"
    ).arrow()


@app.function
def of_contracts(daily: read.Rows, start: date, last: date) -> pa.Table:
    """Return calls, failures, fees and the wallets of the busiest day, by contract, for the days start to last."""
    return daily.sql(
        "SELECT contract_id, sum(calls)::BIGINT AS calls, max(wallets) AS wallets_of_busiest_day, "
        "sum(failed)::BIGINT AS failed, sum(landed)::BIGINT AS all_calls, sum(fee_stx) AS fee_stx, "
        f"count(*) AS days FROM rows WHERE date BETWEEN DATE '{start}' AND DATE '{last}' "
        "GROUP BY contract_id ORDER BY calls DESC, contract_id"
    ).arrow()


@app.function
def retention(active: pa.Table, wallets: pa.Table, windows: Sequence[int], last: date) -> pa.Table:
    """Return a row per cohort and window that is over: wallets, those that came back, those active in the band.

    `active` has a row per sender and day, `wallets` is the table `first_seen_wallets`. A wallet came back within H days
    if it is active at some 1 <= k <= H, where k is the number of days since its first day. The band of H is
    L < k <= H, where L is the next shorter window.
    """
    with duckdb.connect() as connection:
        connection.register("active", active)
        connection.register("wallets", wallets)
        bands = ", ".join(f"({longer}, {window})" for longer, window in zip((0, *windows), windows, strict=False))
        return connection.execute(
            f"""
            WITH bands(longer_than, window_days) AS (VALUES {bands}),
            marked AS (
                SELECT address, cohort_date, window_days,
                    coalesce(bool_or(day - cohort_date BETWEEN 1 AND window_days), false) AS came_back,
                    coalesce(bool_or(day - cohort_date BETWEEN longer_than + 1 AND window_days), false) AS in_band
                FROM wallets CROSS JOIN bands LEFT JOIN active ON active.sender_address = wallets.address
                WHERE is_new IS DISTINCT FROM false AND cohort_date + window_days <= DATE '{last}'
                GROUP BY ALL
            )
            SELECT cohort_date, window_days, count(*) AS wallets, count(*) FILTER (came_back) AS came_back,
                count(*) FILTER (in_band) AS in_band
            FROM marked GROUP BY ALL ORDER BY ALL
            """
        ).to_arrow_table()


@app.function
def by_window(cohorts: pa.Table) -> pa.Table:
    """Return the sums of the cohorts by window. Shares are the quotients of the sums."""
    with duckdb.connect() as connection:
        connection.register("cohorts", cohorts)
        return connection.execute(
            "SELECT window_days, count(*) AS cohorts, sum(wallets)::BIGINT AS wallets, "
            "sum(came_back)::BIGINT AS came_back, sum(came_back) / sum(wallets) AS share, "
            "sum(in_band)::BIGINT AS in_band, sum(in_band) / sum(wallets) AS band_share "
            "FROM cohorts GROUP BY window_days ORDER BY window_days"
        ).to_arrow_table()


@app.function
def whole_numbers(said: str) -> list[int]:
    """Return the different numbers above zero in a text, the smallest first."""
    return sorted({int(each) for each in said.replace(",", " ").split() if each.isdigit() and int(each) > 0})


@app.function
def listed(rows: pa.Table, size: int = 10) -> mo.Html:
    """Return the rows as a table. Every value keeps all its digits."""
    plain = [{name: shown(name, value) for name, value in row.items()} for row in rows.to_pylist()]
    long = [name for name in rows.column_names if name == "contract_id"]
    table = mo.ui.table(plain, page_size=size, selection=None, wrapped_columns=long, show_column_summaries=False)
    return table if plain else mo.md("*No rows.*")


@app.function
def shown(column: str, value: object) -> object:
    """Return a share as a percentage with two places, and numbers that a browser would round as text."""
    if value is None:
        return ""
    if isinstance(value, float) and column.endswith(("share", "rate")):
        return f"{value:.2%}"
    return value if isinstance(value, float) or (isinstance(value, int) and abs(value) < EXACT) else f"{value}"


@app.function
def drawn(rows: pa.Table, x: str, columns: Sequence[str], title: str, mark: str = "line") -> mo.Html:
    """Return a chart of these columns over x as a picture, which needs no network."""
    values = [
        {"x": str(row[x]), "y": float(row[name]), "of": name.replace("_", " ")}
        for row in rows.to_pylist()
        for name in columns
        if row[name] is not None
    ]
    days = pa.types.is_date(rows.schema.field(x).type)
    across = {"field": "x", "type": "temporal" if days else "quantitative", "title": None if days else x}
    colour = {"field": "of", "type": "nominal", "title": None, "legend": {"orient": "top"} if columns[1:] else None}
    y = {"field": "y", "type": "quantitative", "title": None}
    spec = {
        "data": {"values": values},
        "title": {"text": title, "anchor": "start"},
        "width": 780,
        "height": 200,
        "background": "white",
        "mark": {"type": mark, "tooltip": False},
        "encoding": {"x": across, "y": y, "color": colour},
    }
    return mo.Html(vl_convert.vegalite_to_svg(spec, vl_version="6.4"))


@app.cell(hide_code=True)
def _():
    folder = mo.ui.text(value=str(first_folder()), label="Data folder", full_width=True)
    mo.vstack(
        [
            mo.md(
                "# The history of a data folder\n\nRows are read from the certified files with `stx_pipelines.read`. "
                "Nothing is written, and a sync may run. Amounts are exact."
            ),
            folder,
        ]
    )
    return (folder,)


@app.cell(hide_code=True)
def _(folder):
    history = read.open(folder.value)
    covered = newest_days(history)
    mo.stop(
        not covered,
        mo.callout(
            mo.md(
                f"No closed day is stored in `{history.path}`: run `make demo` for made-up chains or "
                "`make backfill TARGET_DAYS=7` for real days, and then this notebook again."
            ),
            kind="warn",
        ),
    )
    first, last = covered[0], covered[-1]
    return covered, first, history, last


@app.cell(hide_code=True)
def _(covered, first, history, last):
    network = history.table("network_daily").arrow()
    mo.vstack(
        [
            mo.md(
                f"## Coverage\n\n{len(covered)} closed days without a gap, {first} to {last}. The numbers below use "
                "these days. The parts about an address and about contracts use the days that you choose here."
            ),
            mo.ui.table(coverage(history), selection=None, pagination=False),
            drawn(network, "date", ["transactions"], "Transactions per day", "bar"),
        ]
    )
    return


@app.cell(hide_code=True)
def _(covered, first, last):
    chosen = mo.ui.date_range(start=first, stop=last, value=(covered[-30:][0], last), label="Days, both included")
    chosen.center()
    return (chosen,)


@app.cell(hide_code=True)
def _(chosen, history):
    start, end = chosen.value[0], chosen.value[1] + DAY
    rows = history.transactions(start, end)
    return end, rows, start


@app.cell(hide_code=True)
def _(history):
    daily = history.table("wallets_daily")
    columns = "date, new_wallets, active_wallets, active_7d, active_30d, is_left_censored"
    mo.vstack(
        [
            mo.md("## Wallets\n\nNew and active wallets of each day, and distinct wallets of the last 7 and 30 days."),
            drawn(daily.arrow(), "date", ["active_wallets", "new_wallets"], "Wallets per day"),
            listed(daily.sql(f"SELECT {columns} FROM rows ORDER BY date DESC").arrow()),
        ]
    )
    return


@app.cell(hide_code=True)
def _(covered, history, last):
    month = history.transactions(covered[-30:][0], last + DAY)
    payers = month.sql("SELECT sender_address FROM rows GROUP BY ALL ORDER BY sum(fee_ustx) DESC, 1 LIMIT 1")
    address = mo.ui.text(value="".join(payers.arrow()[0].to_pylist()), label="Address", full_width=True)
    mo.vstack([mo.md("## One address\n\nAt first: the one that paid the most fees in the last 30 days."), address])
    return (address,)


@app.cell(hide_code=True)
def _(address, end, history, rows, start):
    seen = history.table("first_seen_wallets").sql(f"FROM rows WHERE address = {text(address.value)}")
    newest = rows.sql(f"FROM rows WHERE sender_address = {text(address.value)} ORDER BY block_time DESC LIMIT 100")
    mo.vstack(
        [
            mo.md("In all closed days:"),
            listed(seen.arrow()),
            mo.md(f"Its transactions from {start} to {end - DAY}, by type, and the newest hundred:"),
            listed(of_address(rows, address.value)),
            listed(newest.arrow()),
        ]
    )
    return


@app.cell(hide_code=True)
def _(end, history, start):
    contracts_daily = history.table("contracts_daily")
    called = of_contracts(contracts_daily, start, end - DAY)
    names = [name for name in called["contract_id"].to_pylist() if name]
    contract = mo.ui.dropdown(names, value=names[0] if names else None, label="Contract", searchable=True)
    mo.vstack(
        [
            mo.md(
                f"## Contracts\n\nCalls from {start} to {end - DAY}. Wallets are distinct within a day, so the table "
                "has the wallets of the contract's busiest day and no sum."
            ),
            listed(called),
            contract,
        ]
    )
    return contract, contracts_daily


@app.cell(hide_code=True)
def _(contract, contracts_daily, end, start):
    days = contracts_daily.sql(
        f"SELECT * EXCLUDE contract_id FROM rows WHERE contract_id = {text(contract.value or '')} "
        f"AND date BETWEEN DATE '{start}' AND DATE '{end - DAY}' ORDER BY date"
    ).arrow()
    mo.vstack([drawn(days, "date", ["calls", "wallets"], f"Calls and wallets per day: {contract.value}"), listed(days)])
    return


@app.cell(hide_code=True)
def _():
    own = mo.ui.text(value="1, 3, 7, 14, 30", label="Windows in days")
    mo.vstack(
        [
            mo.md(
                "## Retention with your own windows\n\nNew wallets of all closed days, and how many of them came back "
                "within the window. Only cohorts whose window is over count. All types of transactions count. The band "
                "of a window is the part of it that is longer than the next shorter window."
            ),
            own,
        ]
    )
    return (own,)


@app.cell(hide_code=True)
def _(covered, history, last, own):
    windows = whole_numbers(own.value)
    mo.stop(not windows, mo.md("Write at least one number of days, like `7, 30`."))
    active = history.transactions(covered[0], last + DAY).sql(
        "SELECT DISTINCT sender_address, burn_block_time::DATE AS day FROM rows"
    )
    cohorts = retention(active.arrow(), history.table("first_seen_wallets").arrow(), windows, last)
    totals = by_window(cohorts)
    mo.vstack(
        [
            drawn(totals, "window_days", ["share", "band_share"], "Share of the new wallets that came back"),
            listed(totals),
            mo.accordion({"By cohort": listed(cohorts)}),
        ]
    )
    return (cohorts,)


@app.cell(hide_code=True)
def _(history):
    table = mo.ui.dropdown(history.tables, value="transactions", label="Table")
    query = mo.ui.text_area(
        value="SELECT tx_type, count(*) AS n, sum(fee_ustx) AS fee_ustx\nFROM rows\nGROUP BY tx_type\nORDER BY n DESC",
        rows=6,
        full_width=True,
    ).form(submit_button_label="Run")
    mo.vstack(
        [
            mo.md(
                "## Ask your own SQL\n\nThe chosen table is called `rows`. Tables of the chains have all stored days, "
                f"open ones included. At most {MOST_ROWS:,} rows of the result are shown."
            ),
            table,
            query,
        ]
    )
    return query, table


@app.cell(hide_code=True)
def _(history, query, table):
    of_chains = ("transactions", "transaction_details", "blocks", "miners_balance")
    asked = query.value or query.element.value
    try:
        found = history.table(table.value, partial=table.value in of_chains).sql(asked)
        answer = listed(found.sql(f"FROM rows LIMIT {MOST_ROWS}").arrow(), 20)
    except read.StoreError as error:
        answer = mo.callout(f"{error}", kind="danger")
    mo.vstack([answer])
    return


if __name__ == "__main__":
    app.run()
