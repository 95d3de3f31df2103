"""The shop: client and models of the Mijnwebwinkel API."""
