"""The same problems as linear programs for HiGHS, a solver that shares no code with ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import highspy
import numpy as np

from controller.planning.placement.transportation import TrafficPortion

INFINITE = highspy.kHighsInf


class CheapestLp:
    """The cheapest assignment within limits. Rows: regions by name, then portions."""

    def __init__(
        self,
        portions: Sequence[TrafficPortion],
        limits: Mapping[str, float],
        unplaced_cost: float | None = None,
    ) -> None:
        """`unplaced_cost`: what each request costs that is not placed; None when all must be."""
        self._regions = sorted(limits)
        row = {region: number for number, region in enumerate(self._regions)}
        costs: list[float] = []
        entries: list[tuple[int, ...]] = []
        for index, portion in enumerate(portions):
            for region in portion.costs:
                if region in row:
                    costs.append(portion.cost(region))
                    entries.append((row[region], len(row) + index))
            if unplaced_cost is not None:
                costs.append(unplaced_cost)
                entries.append((len(row) + index,))
        rps = [portion.rps for portion in portions]
        upper_bounds = [limits[region] for region in self._regions]
        self._solver = solver(costs, entries, [-INFINITE] * len(row) + rps, upper_bounds + rps)

    def set_limits(self, limits: Mapping[str, float]) -> None:
        """Other limits; the next solution starts from the present one."""
        for number, region in enumerate(self._regions):
            self._solver.changeRowBounds(number, -INFINITE, limits[region])

    def set_demand(self, rps: Sequence[float]) -> None:
        """Other traffic, likewise."""
        for index, value in enumerate(rps):
            self._solver.changeRowBounds(len(self._regions) + index, value, value)

    def solve(self) -> float:
        """The least total cost."""
        return solve(self._solver)


def least_utilisation(
    portions: Sequence[TrafficPortion],
    capacity: Mapping[str, float],
    target: float,
    fixed_load: Mapping[str, float],
    fixed: Mapping[str, float],
) -> float:
    """How high, from the target upwards, all regions without a fixed limit must be raised."""
    regions = sorted(capacity)
    row = {region: number for number, region in enumerate(regions)}
    entries: list[tuple[int, ...]] = [
        (row[region], len(row) + index)
        for index, portion in enumerate(portions)
        for region in portion.costs
    ]
    rps = [portion.rps for portion in portions]
    upper_bounds = [fixed.get(region, 0.0) - fixed_load[region] for region in regions]
    lp = solver([0.0] * len(entries), entries, [-INFINITE] * len(row) + rps, upper_bounds + rps)
    rising = [row[region] for region in regions if region not in fixed]
    coefficients = np.array([-capacity[regions[number]] for number in rising])
    lp.addCol(1.0, target, INFINITE, len(rising), np.array(rising, dtype=np.int32), coefficients)
    return solve(lp)


def solver(
    costs: Sequence[float],
    entries: Sequence[tuple[int, ...]],
    lower: Sequence[float],
    upper: Sequence[float],
) -> highspy.Highs:
    """A program whose columns are not negative and have a 1 in each of the rows of their entry."""
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(costs), len(lower)
    lp.col_cost_ = np.array(costs)
    lp.col_lower_, lp.col_upper_ = np.zeros(len(costs)), np.full(len(costs), INFINITE)
    lp.row_lower_, lp.row_upper_ = np.array(lower), np.array(upper)
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_ = np.cumsum([0, *map(len, entries)])
    lp.a_matrix_.index_ = np.array([number for entry in entries for number in entry], np.int32)
    lp.a_matrix_.value_ = np.ones(sum(map(len, entries)))
    highs = highspy.Highs()  # type: ignore[no-untyped-call]  # its constructor has no types
    highs.setOptionValue("output_flag", False)
    highs.passModel(lp)
    return highs


def solve(highs: highspy.Highs) -> float:
    """The objective of the optimum, which there must be."""
    highs.run()
    status = highs.getModelStatus()
    assert status == highspy.HighsModelStatus.kOptimal, highs.modelStatusToString(status)
    return float(highs.getInfo().objective_function_value)
