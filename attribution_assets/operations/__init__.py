"""The operations and webhooks of the HTTP API as they are kept, and the processes that carry them out.

Who asks for them is in `api/`; servers of the API and Dagster's daemon both have them carried out.
"""
