"""Run the command line as `python -m stx_pipelines.cli`."""

from stx_pipelines.cli.main import main

main()
