"""The two forms in which LifeKeeper has a resource of the kit. Pure.

As a Generic Application it is run by LifeKeeper's own harness (app gen, type app), which has copies of the kit's
scripts; as a resource of a kit of its own, by the kit's scripts themselves.
"""

from __future__ import annotations

from enum import Enum

from ec2kit.core.errors import KitError
from ec2kit.lifekeeper import contract, info


class Form(Enum):
    """A form, with app and type of its resources."""

    OWN = contract.APP, contract.TYPE
    GENERIC = contract.GENERIC_APP, contract.GENERIC_TYPE

    def __str__(self) -> str:
        """As people and `properties` write it: `comm/ec2`, `gen/app`."""
        return "/".join(self.value)


FORMS = {str(form): form for form in Form}


def form_of(app: str, kind: str, information: str) -> Form | None:
    """The form of an instance by app, type and info field; None when it is not the kit's.

    A Generic Application is the kit's by its info field alone.
    """
    form = FORMS.get(f"{app}/{kind}")
    return None if form is Form.GENERIC and not info.is_ours(information) else form


def identity(identifier: str, information: str) -> str:
    """What an instance protects, as `info.identifier` names it: by its info field, else its own id."""
    try:
        return info.identifier(info.decode(information).resource)
    except KitError:
        return identifier
