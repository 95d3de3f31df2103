"""The operator's command line, `koppeling`."""
