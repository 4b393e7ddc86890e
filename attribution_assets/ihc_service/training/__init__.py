"""Training of conversion types: the IHC model's parameters from answers of the API, offline.

`answers` holds what is learned from; `phase_fit` learns a curve and the channel weights of one phase, `calibration` the
whole model; `approximation` is what journeys without answers give; `quality` says how well parameters predict answers;
`probe` makes journeys whose answers teach most; `trained_type` is what is kept of a training, as TOML. Nothing here
reads files or databases, or calls an API.
"""
