"""Names of AWS regions, an open set: a name that is not known here is a warning, not a mistake.

The regions are those of botocore's `partitions.json` (a test fails when it has others). A partition
has accounts of its own, so one set of credentials reaches the regions of one.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from controller.model.configuration import Settings
from controller.settings.file_positions import RuleFinding

PARTITIONS: dict[str, tuple[str, ...]] = {
    "aws": (
        "af-south-1",
        "ap-east-1",
        "ap-east-2",
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-northeast-3",
        "ap-south-1",
        "ap-south-2",
        "ap-southeast-1",
        "ap-southeast-2",
        "ap-southeast-3",
        "ap-southeast-4",
        "ap-southeast-5",
        "ap-southeast-6",
        "ap-southeast-7",
        "ca-central-1",
        "ca-west-1",
        "eu-central-1",
        "eu-central-2",
        "eu-north-1",
        "eu-south-1",
        "eu-south-2",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "il-central-1",
        "me-central-1",
        "me-south-1",
        "mx-central-1",
        "sa-east-1",
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
    ),
    "aws-cn": ("cn-north-1", "cn-northwest-1"),
    "aws-eusc": ("eusc-de-east-1",),
    "aws-us-gov": ("us-gov-east-1", "us-gov-west-1"),
    "aws-iso": ("us-iso-east-1", "us-iso-west-1"),
    "aws-iso-b": ("us-isob-east-1", "us-isob-west-1"),
    "aws-iso-e": ("eu-isoe-west-1",),
    "aws-iso-f": ("us-isof-east-1", "us-isof-south-1"),
}
_PARTITION_OF = {region: name for name, regions in PARTITIONS.items() for region in regions}


def regions_are_known(settings: Settings) -> Iterator[RuleFinding]:
    """Warns of regions that this version does not know."""
    for name in settings.regions:
        if name not in _PARTITION_OF:
            near = get_close_matches(name, _PARTITION_OF, n=1)
            hint = f"did you mean {near[0]}?" if near else "a newer region is used all the same"
            message = f"{name} is no region of AWS that this version knows"
            yield RuleFinding(("regions", name), message, hint, at_key=True)


def regions_share_a_partition(settings: Settings) -> Iterator[RuleFinding]:
    """Warns of services whose regions are in several partitions."""
    for service_name, service in settings.services.items():
        regions = {_PARTITION_OF[name]: name for name in service.regions if name in _PARTITION_OF}
        if len(regions) > 1:
            found = ", ".join(f"{region} ({name})" for name, region in sorted(regions.items()))
            message = f"regions of several partitions of AWS: {found}"
            hint = "a zone or an accelerator belongs to one partition, and so do credentials"
            path = ("services", service_name, "regions")
            yield RuleFinding(path, message, hint, at_key=True)
