"""Each symptom of docs/runbook.md is produced by a test that names it and follows the advice to the end."""

from __future__ import annotations

import ast

from stx_pipelines_tests.runbook import assert_shown, symptoms
from stx_pipelines_tests.world import ROOT


def test_every_symptom_of_the_runbook_is_named_by_a_test_that_produces_it() -> None:
    """`assert_shown` refuses a name that the runbook does not have, and a message that is not the quoted one."""
    texts = [path.read_text() for path in (ROOT / "stx_pipelines_tests").rglob("test_*.py")]
    trees = [ast.parse(text) for text in texts if f"{assert_shown.__name__}(" in text]
    named = {node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert len(symptoms()) > 40
    assert [symptom for symptom in symptoms() if symptom not in named] == []
