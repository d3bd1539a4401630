"""Certificates of the roots of one problem: each is made once, however often it is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from ..equations.singletons import SingletonEquations, SingletonState, singleton_equations
from ..equations.slack_vector import SlackVectorEquations, State, equations_for
from ..gram.cells import Level
from ..gram.curve import AnyGram, SlackVectorGram
from ..problem.ufm import UFM
from .dense import Proof
from .dual import DualPoint
from .prove import is_sufficient, prove_gram
from .singletons import SingletonProof
from .structured import StructuredProof, prove


class Prover:
    """Proves what solvers find; it remembers by the very Gram matrices that it returned itself."""

    def __init__(self, problem: UFM) -> None:
        self.problem = problem
        self._known: list[Proof] = []

    @cached_property
    def slack_vector_equations(self) -> SlackVectorEquations:
        """The equations of the problem without singletons."""
        return equations_for(self.problem)

    @cached_property
    def singleton_equations(self) -> SingletonEquations:
        """The equations of the problem with singletons."""
        return singleton_equations(self.problem)

    def slack_vector(self, state: State) -> tuple[StructuredProof, SlackVectorGram]:
        """Return what is proved in O(m) of a state without singletons, and its Gram matrix."""
        equations = self.slack_vector_equations
        found = prove(equations, state)
        proof = Proof(found.certificate(), gram := found.gram(equations.copies), None)
        if is_sufficient(self.problem, proof.certificate):
            self._known.append(proof)
        return found, gram

    def singletons(self, state: SingletonState) -> Proof:
        """Return what is proved in O(m) of a state with singletons."""
        found = SingletonProof(self.singleton_equations, state)
        if is_sufficient(self.problem, found.certificate):
            self._known.append(found.proof)
        return found.proof

    def gram(self, gram: AnyGram, level: Level, duals: Iterable[DualPoint] = ()) -> Proof:
        """Return `prove_gram` of a Gram matrix, at once where it came from here."""
        if level is Level.ORBITS and not duals:
            for proof in self._known:
                if proof.gram is gram:
                    return proof
        proof = prove_gram(self.problem, level, gram, duals)
        if level is Level.ORBITS:
            self._known.append(proof)
        return proof
