"""The embedded IHC service: the IHC API's HTTP contract on a loopback port, with the model restated.

`model` holds the arithmetic, `app` the HTTP contract, `server` the running of it, `training/` how a conversion type's
parameters are learned. Nothing here calls the real API, and nothing here knows of databases, assets or reports. Its
results are estimates of what the API would answer.
"""
