"""Comparisons computed from attributed orders: other attribution models, conversion paths and channel roles.

`attributed_journeys` turns a day's attributed orders into arrays. From these, `model_comparison` (with the models of
`rule_models`), `conversion_paths` and `channel_roles` compute a table each, `order_comparisons` all of them. `markov`
computes one from the paths of many days, whenever it is asked for. The channel report itself is in `reporting/`.
"""
