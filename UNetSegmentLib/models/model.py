"""A loaded model: its card, and its networks built when they are first needed."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ModelError
from ..networks.config import OpaqueNetwork
from .card import CompressedForm, ModelCard
from .files import PackageFiles
from .small_forms import form_of, form_of_fold, read_form_file
from .validation import check_card

if TYPE_CHECKING:
    from torch import nn

log = logging.getLogger(__name__)


class Model:
    """A model package that has been opened and checked.

    Networks are built and filled on first use and then kept, one for each fold, until :meth:`release`.

    Args:
        card: the checked card.
        files: the package's files; None for a model that lives in memory only.
        companions: the models of ``card.companions``, in the same order.
    """

    def __init__(self, card: ModelCard, files: PackageFiles | None = None, companions: Sequence[Model] = ()) -> None:
        self.card = card
        self._files = files
        self._companions = tuple(companions)
        self._networks: dict[int, nn.Module] = {}
        self._lock = threading.Lock()

    @classmethod
    def in_memory(cls, card: ModelCard, networks: Sequence[nn.Module], companions: Sequence[Model] = ()) -> Model:
        """A model of networks that exist already (just trained, or made by hand), one for each fold.

        Raises:
            ModelError: the card contradicts itself.
        """
        check_card(card)
        model = cls(card, companions=companions)
        model._networks = {n: network.eval() for n, network in enumerate(networks)}
        return model

    @property
    def folder(self) -> Path | None:
        """The package's folder or zip file; None for a model in memory."""
        return self._files.path if self._files else None

    @property
    def digests(self) -> tuple[str, ...]:
        """SHA-256 of each network's weights as they lie in the package. Nothing for a model in memory: whatever its
        card says of files, its networks may be others.
        """
        return tuple(self.card.digests.get(name, "") for name in self.card.weights) if self._files else ()

    @property
    def digest(self) -> str:
        """One SHA-256 for all of them: of a single network its weights', else that of the list; empty in memory."""
        digests = [digest for digest in self.digests if digest]
        if len(digests) > 1:
            return hashlib.sha256("\n".join(digests).encode()).hexdigest()
        return digests[0] if digests else ""

    @property
    def parts(self) -> tuple[Model, ...]:
        """Further models whose labels are painted over this one's, in order."""
        return self._with_role("part")

    @property
    def previous(self) -> Model | None:
        """The first stage of a cascade, whose labels are input channels of this one."""
        return next(iter(self._with_role("previous")), None)

    @property
    def folds(self) -> int:
        """How many networks the model has; more than one is an ensemble."""
        return len(self.card.weights) if self._files else len(self._networks)

    def one_fold(self, fold: int) -> Model:
        """The model with one of its networks alone, and likewise its companions, where these have as many.

        Raises:
            ModelError: there is no such fold.
        """
        self._check_fold(fold)
        companions = [one.one_fold(min(fold, one.folds - 1)) for one in self._companions]
        if self._files is None:
            single = Model(self.card, companions=companions)
            single._networks = {0: self._networks[fold]}
            return single
        forms = tuple(form_of_fold(form, fold) for form in self.card.forms)
        card = replace(self.card, weights=(self.card.weights[fold],), forms=forms)
        return Model(card, self._files, companions)

    def form(self, kind: str) -> CompressedForm | None:
        """The smaller form of that kind that lies beside the weights; None for a model in memory, whose networks may be
        others than those that the card's forms were made of."""
        return form_of(self.card, kind) if self._files else None

    def form_digests(self, kind: str) -> tuple[str, ...]:
        """What tells each network's files of a smaller form from all others: their SHA-256, joined by hyphens."""
        form = self.form(kind)
        if form is None:
            return ()
        return tuple("-".join(self.card.digests.get(name, "") for name in files) for files in form.files)

    def form_files(self, kind: str, fold: int = 0) -> tuple[bytes, ...]:
        """What the files of a smaller form hold, in the order of :attr:`CompressedForm.files`; their digests are
        compared at every reading.

        Raises:
            ModelError: the model has no such form or fold, or a file is missing or altered.
        """
        self._check_fold(fold)
        form = self.form(kind)
        if form is None or self._files is None:
            raise ModelError(
                f"The model '{self.card.name}' has no smaller form '{kind}'.",
                "Make one with 'unetsegment compress', or use the full weights.",
            )
        return tuple(read_form_file(self.card, self._files, name) for name in form.files[fold])

    def network(self, fold: int = 0) -> nn.Module:
        """The network of one fold, in eval mode, with its weights.

        The same module is returned every time: whoever moves it to a device or changes its type moves it for all.

        Raises:
            ModelError: there is no such fold, or the weights are missing, damaged, or do not fit the network.
            DependencyError: torch or safetensors is not installed.
        """
        self._check_fold(fold)
        with self._lock:
            if fold not in self._networks:
                self._networks[fold] = self._build(fold)
            return self._networks[fold]

    def release(self) -> None:
        """Forgets the networks, so that their memory can be used for something else. The next use loads them again."""
        with self._lock:
            if self._files:
                self._networks.clear()
        for companion in self._companions:
            companion.release()

    def _check_fold(self, fold: int) -> None:
        if not 0 <= fold < self.folds:
            raise ModelError(
                f"The model '{self.card.name}' has no fold {fold}.",
                f"Use a fold from 0 to {self.folds - 1}." if self.folds else "Load the model again.",
            )

    def _with_role(self, role: str) -> tuple[Model, ...]:
        pairs = zip(self.card.companions, self._companions, strict=True)
        return tuple(model for companion, model in pairs if companion.role == role)

    def _build(self, fold: int) -> nn.Module:
        from .weights import check_fit, load_into, read_weights

        assert self._files is not None
        name = self.card.weights[fold]
        if isinstance(self.card.network, OpaqueNetwork):
            from .opaque import load_opaque

            return load_opaque(self.card, self._files, name)
        # Read first: without torch this says so in words, where the import of the networks would not.
        state = read_weights(self._files, name)
        from ..networks import build

        what = f"The weights {name} of '{self.card.name}'"
        # Before the network is made: the card may speak of one that no memory holds.
        check_fit(self.card.network, state, what)
        network = build(self.card.network)
        load_into(network, state, what)
        log.debug("loaded %s of %s", name, self._files.path)
        return network.eval().requires_grad_(False)
