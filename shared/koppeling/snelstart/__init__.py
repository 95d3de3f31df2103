"""The books: client and models of the SnelStart API."""
