"""What the page says, a file per section: its sentences, and its charts beside them. Facts in, words out. Pure.

A section without enough days has a sentence instead of a chart; one that returns None is not on the page. A new
section is one file and one line in `page.SECTIONS`.
"""
