"""The answers of the IHC API that were paid for, kept by what determines them."""
