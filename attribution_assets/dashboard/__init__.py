"""The page for marketing: what each channel cost and earned, in a browser. Read only.

`server` serves it, `app` has its addresses, `choices` what stands in them, `stored_results` reads; `overview` and
`journeys_page` put together what the templates show.
"""
