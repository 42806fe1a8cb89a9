"""Dynamical systems: flows and maps with their derivatives, exact, and what is known of them.

They are mathematics: a frozen record of parameters with `dimension`, `flow`, `jacobian`, `step`, `step_jacobian`,
`orbit` and `truth`. The tasks that see, disturb and split their orbits stand in `observed` and are found by name.
"""

from byheart.tasks.systems.chaotic_flows import Chua, Lorenz63, Lorenz96, Roessler, Thomas
from byheart.tasks.systems.delayed import MackeyGlass
from byheart.tasks.systems.known import Known
from byheart.tasks.systems.maps import Henon, Ikeda, Logistic
from byheart.tasks.systems.moving import Flow, Map, Moving
from byheart.tasks.systems.oscillators import Duffing, HindmarshRose, VanDerPol

__all__ = [
    "Chua",
    "Duffing",
    "Flow",
    "Henon",
    "HindmarshRose",
    "Ikeda",
    "Known",
    "Logistic",
    "Lorenz63",
    "Lorenz96",
    "MackeyGlass",
    "Map",
    "Moving",
    "Roessler",
    "Thomas",
    "VanDerPol",
]
