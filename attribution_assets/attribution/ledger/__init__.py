"""The ledger: IHC answers kept in the database, so that none is paid for twice, and claims on journeys being asked for.

`ledger` looks up, keeps and forgets answers; `claims` keeps two clients from asking for the same journey; `writer`
groups the answers of several requests into one transaction; `tables` defines the database tables. Requests to the API
are sent in `attribution/ihc_api/`.
"""
