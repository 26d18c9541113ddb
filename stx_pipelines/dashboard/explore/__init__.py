"""What a reader can do on the page: choose a time range, sort tables, find a wallet, and see the proof of a day.

The scripts and their markup are here, with the data that only they need. Charts and texts are in `sections`.
"""
