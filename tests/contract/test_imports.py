"""Imports between the domain's files, those for annotations included."""

from graphlib import TopologicalSorter

import grimp


def test_no_files_import_each_other_in_a_circle() -> None:
    graph = grimp.build_graph("commerce", cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}

    order = list(TopologicalSorter(imports).static_order())  # a CycleError names a circle

    assert set(order) == graph.modules
    assert len(order) > 150
