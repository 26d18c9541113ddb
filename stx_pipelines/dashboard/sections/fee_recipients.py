from stx_pipelines.dashboard.facts import Facts
from stx_pipelines.dashboard.parts import Section


def fee_recipients(facts: Facts) -> Section | None:
    return None
