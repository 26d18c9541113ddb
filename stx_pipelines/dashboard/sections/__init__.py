"""The sections of the page, one per file: their texts and charts. Pure.

A section without enough days has a sentence instead of a chart. A section that returns None is not on the page. A new
section is one file and one line in `page.SECTIONS`.
"""
