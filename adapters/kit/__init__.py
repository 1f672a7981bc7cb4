"""What the author of an adapter needs: a conformance suite to inherit from, and a skeleton that passes it.

The whole test file of an adapter is::

    class TestMine(AdapterConformance):
        adapter = ADAPTER

``pytest`` and ``hypothesis`` come with the extra ``[kit]``; importing this package needs neither.
"""

from adapters.kit.conformance import AdapterConformance
from adapters.kit.samples import Sample, expected_code
from adapters.kit.skeleton import scaffold
from adapters.kit.specimen import full_picture, picture_of

__all__ = ["AdapterConformance", "Sample", "expected_code", "full_picture", "picture_of", "scaffold"]
