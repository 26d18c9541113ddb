"""`sync`, `status` and `rebuild` with a copy in PostgreSQL."""

from __future__ import annotations

import json

import psycopg

from stx_pipelines.metrics.open import open_metrics
from stx_pipelines_tests.cli.folders import DONE, NOT_YET, MakeWorld, Run
from stx_pipelines_tests.postgres import PASSWORD, Postgres
from stx_pipelines_tests.world import query, recent_chain

AWAY = f"postgresql://u:{PASSWORD}@127.0.0.1:1/d"


def test_the_copy_is_made_by_rebuild_kept_by_sync_and_shown_by_status(
    make_world: MakeWorld, run: Run, postgres: str
) -> None:
    world = make_world(recent_chain(1, transactions_per_day=60), stx_target_days=1, stx_warehouse_url=AWAY)
    world.stored()
    world.assert_true()
    open_metrics(world.project()).refresh()
    done = run(world, "rebuild", "--json")
    assert done.exit_code == NOT_YET
    rebuilt = json.loads(done.stdout)
    assert (rebuilt["days"], rebuilt["days_copied"]) == (2, None)
    assert rebuilt["not_copied"].startswith("PostgreSQL at 127.0.0.1:1 cannot be used (")
    done = run(world, "status")
    assert done.exit_code == DONE
    assert "  copy          not known: PostgreSQL at 127.0.0.1:1 cannot be used (" in done.output
    assert PASSWORD not in done.output + str(rebuilt)

    world.overrides["stx_warehouse_url"] = postgres
    done = run(world, "status", "--json")
    assert [(each["days_copied"], each["days_landed"]) for each in json.loads(done.stdout)] == [(0, 2)]
    assert run(world, "rebuild").output.endswith(" days copied to PostgreSQL at its socket\n")
    assert "  copy          2 of 2 stored days in PostgreSQL at its socket" in run(world, "status").output
    tables = ("transactions", "transaction_details", "first_seen_wallets")
    with psycopg.connect(postgres) as connection:
        for table in tables:
            [count] = connection.execute(f"SELECT count(*) FROM stx_pipelines.{table}").fetchall()
            assert [count] == query(world.data, f"SELECT count(*) FROM {table}") != [(0,)]
        connection.execute("DELETE FROM stx_pipelines.coverage; DELETE FROM stx_pipelines.results")
    assert run(world, "sync").exit_code == DONE
    assert "  copy          2 of 2 stored days in PostgreSQL at its socket" in run(world, "status").output
    with psycopg.connect(postgres) as connection:
        assert connection.execute("SELECT count(*) > 0 FROM stx_pipelines.results").fetchall() == [(True,)]


def test_a_role_without_rights_is_told_what_to_ask_for(
    make_world: MakeWorld, run: Run, postgres_server: Postgres
) -> None:
    url = postgres_server.new_database(owned=False)
    world = make_world(recent_chain(1, transactions_per_day=60), stx_target_days=1)
    world.stored()
    world.overrides["stx_warehouse_url"] = url
    done = run(world, "rebuild")
    assert done.exit_code == NOT_YET
    assert "CREATE SCHEMA stx_pipelines AUTHORIZATION for the role of STX_WAREHOUSE_URL" in done.output
