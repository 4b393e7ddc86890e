"""What the UI shows of a data set whose file cannot be used: one asset that says why. The others are not touched."""

import re
from collections.abc import Collection, Mapping

import dagster as dg


def unusable_data_sets(problems: Mapping[str, str], usable: Collection[str]) -> list[dg.AssetSpec]:
    """An asset for each, which nothing makes, in a group of its own.

    Args:
        problems: the data set, or its file, whose name may be one that Dagster does not take -> why it cannot be used.
        usable: the other data sets, whose groups are theirs.
    """
    taken, assets = set(usable), list[dg.AssetSpec]()
    for name, problem in problems.items():
        group = plain = re.sub(r"[^A-Za-z0-9_]", "_", name)
        number = 1
        while group in taken:
            number += 1
            group = f"{plain}_{number}"
        taken.add(group)
        description = problem if group == name else f"{name}: {problem}"
        assets.append(dg.AssetSpec([group, "not_usable"], description=description, group_name=group, kinds={"error"}))
    return assets
