"""The report that an owner and a bookkeeper look at: one HTML file about a period, in Dutch.

`reading` asks both sides, `figures` and `abroad` add up, `charts` draws, `page` writes. Between them go the frozen
values of `values`, which hold order numbers, amounts and countries, and nothing of a customer.
"""
