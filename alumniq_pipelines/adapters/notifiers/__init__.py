"""Notifiers: one module per channel, all built alike.

A module has one frozen `…Notifier`, made from the settings, with one method: `deliver` makes a
single attempt and returns a `DeliveryResult`. It raises no error of a foreign system: a failure
becomes a `detail` by code (`core/problems/delivery.py`; nothing that the receiver wrote),
`permanent` if another attempt is pointless, and `retry_after` if the receiver asked for a pause.
Channels over HTTP leave that to `http.HttpClient`, which names faults by `http_faults`. Retries,
leases and records are the outbox's.
"""
