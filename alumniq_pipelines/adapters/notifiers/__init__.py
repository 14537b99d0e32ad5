"""Notifiers: one module per channel, all on one floor plan.

A module holds one frozen `…Notifier`, made from what the settings say, with one method: `deliver`
makes a single attempt and returns a `DeliveryResult`. It raises nothing of the outside world: what
went wrong becomes a `detail` of ours (a status, the class of an error, no word of the receiver),
`permanent` where another attempt is of no use, and `retry_after` where the receiver asked for time.
Channels over HTTP leave that to `http.HttpClient`. Retries, leases and records are the outbox's.
"""
