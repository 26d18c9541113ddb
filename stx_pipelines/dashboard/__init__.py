"""The page a person looks at: results in, one self-contained HTML file out. No formulas, no orchestrator."""
