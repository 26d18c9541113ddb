"""What a browser may do with the page: its policy, and the headers with which servers send its files."""

POLICY = (
    "default-src 'none'; script-src 'self' file: 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data:; base-uri 'none'; form-action 'none'"
)
"""The page's Content-Security-Policy. The page loads only scripts beside it, and connects to nothing.

For a page that is opened from disk, browsers differ on whether 'self' includes other files. Therefore `file:` is named.
A page from a server cannot load files of the reader's disk.
"""

HEADERS = {
    "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}
"""The headers of the page and of the files beside it."""
