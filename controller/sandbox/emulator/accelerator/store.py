"""All accelerators, in two views: what the API describes, and what is deployed.

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
    """Accelerators by ARN; every change replaces one as a whole."""

    def __init__(self, clock: Callable[[], float], deployed_after_s: float) -> None:
        """`clock` gives seconds since 1970."""
        self.clock = clock
        self._deployed_after_s = deployed_after_s
        self._accelerators: dict[str, Propagation[Accelerator | None]] = {}

    def all(self) -> list[Accelerator]:
        """The accelerators that are not deleted, as the API describes them."""
        return [
            published.latest
            for published in self._accelerators.values()
            if published.latest is not None
        ]

    def served(self) -> list[Accelerator]:
        """The enabled accelerators as they are deployed now."""
        now = self.clock()
        everything = [published.served(now) for published in self._accelerators.values()]
        return [accelerator for accelerator in everything if accelerator and accelerator.enabled]

    def deployed(self, arn: str) -> bool:
        """Whether what the API describes is deployed."""
        return self._accelerators[arn].is_settled(self.clock())

    def is_busy(self, arn: str) -> bool:
        """Whether an accelerator of this ARN exists and is IN_PROGRESS."""
        published = self._accelerators.get(arn)
        return published is not None and not published.is_settled(self.clock())

    def static_addresses(self, dns_name: str) -> tuple[str, ...]:
        """The addresses of a deployed accelerator's name, with or without final dot; or empty."""
        wanted = dns_name.rstrip(".")
        return next((a.addresses for a in self.served() if a.dns_name == wanted), ())

    def new_addresses(self) -> tuple[str, str]:
        """The static addresses of the next accelerator."""
        number = 2 * len(self._accelerators)
        return f"127.0.99.{number + 1}", f"127.0.99.{number + 2}"

    def put(self, accelerator: Accelerator) -> Accelerator:
        """Store a new or changed accelerator; it is deployed after the delay."""
        now = self.clock()
        changed = replace(accelerator, modified_at=now)
        published = self._accelerators.setdefault(accelerator.arn, Propagation(None))
        published.publish(changed, now + self._deployed_after_s)
        return changed

    def delete(self, accelerator: Accelerator) -> None:
        """Delete an accelerator; its addresses are not used again."""
        self._accelerators[accelerator.arn].publish(None, self.clock())

    def accelerator(self, arn: str) -> Accelerator:
        """The accelerator of this ARN. Raises AcceleratorNotFoundException."""
        published = self._accelerators.get(arn)
        if published is None or published.latest is None:
            raise AwsError("AcceleratorNotFoundException", f"no accelerator {arn}")
        return published.latest

    def listener(self, arn: str) -> tuple[Accelerator, Listener]:
        """The listener of this ARN with its accelerator. Raises ListenerNotFoundException."""
        for accelerator in self.all():
            for listener in accelerator.listeners:
                if listener.arn == arn:
                    return accelerator, listener
        raise AwsError("ListenerNotFoundException", f"no listener {arn}")

    def group(self, arn: str) -> tuple[Accelerator, Listener, EndpointGroup]:
        """Accelerator, listener and group of this ARN. Raises EndpointGroupNotFoundException."""
        for accelerator in self.all():
            for listener in accelerator.listeners:
                for group in listener.groups:
                    if group.arn == arn:
                        return accelerator, listener, group
        raise AwsError("EndpointGroupNotFoundException", f"no endpoint group {arn}")
