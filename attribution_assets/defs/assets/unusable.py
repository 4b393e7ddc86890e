"""What the UI shows of a data set whose file cannot be used: one asset that says why. The others are not touched."""

import dagster as dg


def unusable_data_set(name: str, problem: str) -> dg.AssetSpec:
    """An asset that nothing makes, in the group of the data set.

    Args:
        name: the data set.
        problem: why its file cannot be used.
    """
    return dg.AssetSpec([name, "not_usable"], description=problem, group_name=name, kinds={"error"})
