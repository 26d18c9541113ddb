"""The sections of the page. Each file holds the texts and charts of one section, made by pure functions.

A section without enough days has a sentence instead of a chart. If the function of a section returns None, the section
is not on the page. A new section is one file and one line in `page.SECTIONS`.
"""
