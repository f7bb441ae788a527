"""Every accelerator, in two views: what the API describes, and what users meet once deployed.

Follows Global Accelerator's API reference for what is not found, and *DescribeAccelerator* for the
status: IN_PROGRESS until the last change is deployed. The first accelerator has the static
addresses 127.0.99.1 and .2, the next .3 and .4, and so on.
"""

from collections.abc import Callable
from dataclasses import replace

from controller.sandbox.emulator.accelerator.resources import Accelerator, EndpointGroup, Listener
from controller.sandbox.emulator.http.wire_messages import AwsError
from controller.sandbox.emulator.propagation import Propagation


class AcceleratorStore:
    """Keeps accelerators by ARN; each is replaced as a whole by every change."""

    def __init__(self, clock: Callable[[], float], deployed_after_s: float) -> None:
        """`clock` gives seconds since 1970."""
        self.clock = clock
        self._deployed_after_s = deployed_after_s
        self._kept: dict[str, Propagation[Accelerator | None]] = {}

    def all(self) -> list[Accelerator]:
        """Every accelerator that is not deleted, as the API describes it."""
        return [kept.latest for kept in self._kept.values() if kept.latest is not None]

    def served(self) -> list[Accelerator]:
        """The enabled accelerators as users meet them now."""
        now = self.clock()
        everything = [kept.served(now) for kept in self._kept.values()]
        return [accelerator for accelerator in everything if accelerator and accelerator.enabled]

    def deployed(self, arn: str) -> bool:
        """True when users meet what the API describes."""
        return self._kept[arn].settled(self.clock())

    def is_busy(self, arn: str) -> bool:
        """True when an accelerator of that ARN is IN_PROGRESS."""
        kept = self._kept.get(arn)
        return kept is not None and not kept.settled(self.clock())

    def static_addresses(self, dns_name: str) -> tuple[str, ...]:
        """The addresses behind a served accelerator's name, final dot or not; none if unknown."""
        wanted = dns_name.rstrip(".")
        return next((a.addresses for a in self.served() if a.dns_name == wanted), ())

    def new_addresses(self) -> tuple[str, str]:
        """The static addresses for the accelerator created next."""
        number = 2 * len(self._kept)
        return f"127.0.99.{number + 1}", f"127.0.99.{number + 2}"

    def put(self, accelerator: Accelerator) -> Accelerator:
        """Accept a new or changed accelerator; it is deployed after the store's delay."""
        now = self.clock()
        changed = replace(accelerator, modified_at=now)
        kept = self._kept.setdefault(accelerator.arn, Propagation(None))
        kept.publish(changed, now + self._deployed_after_s)
        return changed

    def delete(self, accelerator: Accelerator) -> None:
        """Forget an accelerator; its addresses are not given out again."""
        self._kept[accelerator.arn].publish(None, self.clock())

    def accelerator(self, arn: str) -> Accelerator:
        """The accelerator of that ARN; raises AcceleratorNotFoundException."""
        kept = self._kept.get(arn)
        if kept is None or kept.latest is None:
            raise AwsError("AcceleratorNotFoundException", f"no accelerator {arn}")
        return kept.latest

    def listener(self, arn: str) -> tuple[Accelerator, Listener]:
        """The listener of that ARN with its accelerator; raises ListenerNotFoundException."""
        for accelerator in self.all():
            for listener in accelerator.listeners:
                if listener.arn == arn:
                    return accelerator, listener
        raise AwsError("ListenerNotFoundException", f"no listener {arn}")

    def group(self, arn: str) -> tuple[Accelerator, Listener, EndpointGroup]:
        """The group of that ARN with all above; raises EndpointGroupNotFoundException."""
        for accelerator in self.all():
            for listener in accelerator.listeners:
                for group in listener.groups:
                    if group.arn == arn:
                        return accelerator, listener, group
        raise AwsError("EndpointGroupNotFoundException", f"no endpoint group {arn}")
