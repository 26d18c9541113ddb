"""The unusual but right forms of an Ethereum node's answers.

Belongs here: rewriting a right answer. Not here: right answers (methods.py), wrong ones (faults.py).
"""

import json
import re
from typing import Any

from stx_pipelines.devnet.ethereum.values import CallId

_NUMBER = re.compile(r"0x[0-9a-f]{1,20}")
_TEXTS = {"extraData", "miner", "nonce", "address"}


def odd_result(result: str) -> str:
    """Write a result with padded numbers, in capitals, with `author` for `miner` and without the size."""
    return json.dumps(_odd(json.loads(result)))


def odd_id(call_id: CallId) -> CallId:
    """Write a number as a text."""
    return str(call_id) if isinstance(call_id, int) else call_id


def _odd(value: Any) -> Any:
    if isinstance(value, dict):
        names = {"miner": "author"}
        return {
            names.get(name, name): each if name in _TEXTS else _odd(each)
            for name, each in value.items()
            if name != "size" or "miner" not in value
        }
    if isinstance(value, list):
        return [_odd(each) for each in value]
    if not isinstance(value, str):
        return value
    return "0x" + value[2:].zfill(64).upper() if _NUMBER.fullmatch(value) else value.upper().replace("0X", "0x", 1)
