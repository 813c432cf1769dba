# SPDX-License-Identifier: BSD-3-Clause
"""A whole model in integers: network, front end, and what its outputs mean."""

from dataclasses import dataclass

from nnsp.integer.detector import DetectorTable
from nnsp.integer.frontend import IntegerFrontEnd
from nnsp.integer.quantization import IntegerNetwork
from nnsp.network.arch import check_classifier, check_enhancer


@dataclass(frozen=True)
class IntegerModel:
    """All that a def_nn<id>_<name>.c holds; ``task`` is 'enhance' or 'classify'."""

    network: IntegerNetwork
    frontend: IntegerFrontEnd
    task: str = "enhance"
    labels: tuple[str, ...] = ()
    detector: DetectorTable | None = None

    def __post_init__(self) -> None:
        if self.task == "enhance":
            check_enhancer(self.network.arch, self.frontend.float_form)
        else:
            check_classifier(self.network.arch, self.frontend.float_form, len(self.labels))
