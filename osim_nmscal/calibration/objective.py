"""The loss of a calibration at a parameter vector, its gradient and its Gauss-Newton Hessian.

One solve of all fibers gives the loss; one tangent per kind of free parameter gives every derivative (a parameter of
one muscle moves only that muscle's force), so gradient and Jacobian cost a few solves however many muscles there are.
Every optimiser works on this one object.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from osim_nmscal.calibration.evaluated import Evaluation, Linearization
from osim_nmscal.calibration.hessians import DenseMatrix
from osim_nmscal.calibration.ligaments import LigamentMoments
from osim_nmscal.calibration.losses import MUSCLE_SIGNALS, MuscleTerm, SignalTangents, Term, TermInputs, built_in_terms
from osim_nmscal.calibration.parameter_space import ParameterSpace
from osim_nmscal.calibration.prior import Prior
from osim_nmscal.calibration.settings import LossSettings
from osim_nmscal.calibration.similarity import similarity
from osim_nmscal.calibration.stacking import StackedTrials
from osim_nmscal.calibration.term_check import require_declared_axis
from osim_nmscal.data.trials import NO_MOMENT_ARM
from osim_nmscal.nms.forward import Parts
from osim_nmscal.nms.joint_moment import joint_moment
from osim_nmscal.nms.muscle_models import MuscleMechanics
from osim_nmscal.nms.parameters import NmsParameters
from osim_nmscal.nms.path_errors import lengthening, lengths_of_path
from osim_nmscal.nms.sensitivity import (
    ACTIVATION_PARAMETERS,
    FIBER_PARAMETERS,
    FORCE_PARAMETERS,
    PATH_PARAMETERS,
    activation_tangents,
    muscle_tangents,
)


class Objective:
    """Loss, gradient and Hessian over the vector z of a parameter space."""

    def __init__(
        self,
        trials: StackedTrials,
        muscle: MuscleMechanics,
        space: ParameterSpace,
        settings: LossSettings,
        terms: Sequence[Term] = (),
        groups: Sequence[Sequence[int]] = (),
        dofs: Sequence[str] = (),
        *,
        moment_weight: Tensor,
        prior: Prior | None = None,
        trials_apart: bool = False,
    ) -> None:
        """Build the loss.

        Args:
            trials: what drives the muscles, and the moments to reproduce.
            muscle: constants of the muscles.
            space: the parameters.
            settings: weights of the terms.
            terms: the user's.
            groups: positions of muscles whose relative lengths should be similar.
            dofs: names, for messages.
            moment_weight: what moment errors are multiplied by, (time, trial, dof), 1/(N·m); see `likelihood.moment_weight`.
            prior: what is known before; None: nothing.
            trials_apart: whether no term may couple trials.
        """
        self.trials, self.space, self.settings = trials, space, settings
        self.evaluations = 0
        self._muscle = muscle
        self._terms: tuple[MuscleTerm, ...] = built_in_terms(settings, muscle)
        self._user_terms = tuple(terms)
        self._unchecked_terms = list(terms)
        self._dofs = tuple(dofs) or tuple(f"dof {i}" for i in range(trials.joint_moment.shape[-1]))
        self._trials_apart = trials_apart
        self._groups = tuple(tuple(group) for group in groups if len(group) > 1)
        self._parts = Parts(muscle)
        self._ligaments = LigamentMoments.of(space, trials)
        # free kinds by how they enter the model, and the model's parameters they enter as
        self._activation = [block for block in space.free_blocks if block.kind.enters in ACTIVATION_PARAMETERS]
        self._fiber = [block for block in space.free_blocks if block.kind.enters in FIBER_PARAMETERS]
        self._path = [block for block in space.free_blocks if block.kind.enters in PATH_PARAMETERS]
        self._force = [block for block in space.free_blocks if block.kind.enters in FORCE_PARAMETERS]
        self._own_arms = not self._path and bool((space.model_parameters(space.start()).moment_arm_scale == 1.0).all())
        # weights: mean over counted steps of each trial, mean over DOFs
        self._counted = trials.counted
        self._rows = trials.counted.flatten().nonzero().squeeze(-1)  # the same as positions of (time * trial)
        per_sample = (trials.counted / trials.counted.sum(dim=0)).sqrt()
        self._sample_weight = per_sample[trials.counted]  # (counted,)
        self._measured = trials.measured.expand(len(trials.counted), -1, -1)[trials.counted]  # (counted, dof), bool
        self.prior = prior or Prior(space, 0.0)
        self._kinds = [block.name for block in (*self._activation, *self._fiber, *self._path, *self._force)]
        # position in z of each kind and muscle; fixed ones fall into a waste entry behind the last
        every = [space.blocks[kind].muscle_columns() for kind in self._kinds]
        columns = torch.stack(every) if every else torch.zeros((0, len(muscle)), dtype=torch.int64)
        self._columns = torch.where(columns >= 0, columns, space.size)  # (kind, muscle)
        # kinds and muscles that move, in the order of their columns in z
        order = torch.argsort(columns.reshape(-1), stable=True)
        self._moving = order[columns.reshape(-1)[order] >= 0]  # of (kind * muscle)
        self._moved = columns.reshape(-1)[self._moving]
        self._one_each = torch.equal(self._moved, torch.arange(space.size))  # every parameter is of one muscle, and read
        crossing = trials.moment_arm[trials.counted].abs().amax(dim=0) >= NO_MOMENT_ARM  # (dof, muscle)
        self._acting = [self._moved[crosses[self._moving % len(muscle)]].unique() for crosses in crossing]  # columns, by DOF
        if self._ligaments is not None:
            self._acting = [torch.cat([own, self._ligaments.columns_about(dof)]) for dof, own in enumerate(self._acting)]
        self.reweigh(moment_weight)

    def reweigh(self, moment_weight: Tensor) -> None:
        """Weigh moment errors otherwise from here on; as of the constructor."""
        self._moment_weight = moment_weight[self._counted]  # (counted, dof)
        self.weighted_arm = self.trials.moment_arm[self._counted] * self._moment_weight[..., None]  # (counted, dof, muscle)
        self._arm_by_muscle = self.weighted_arm.permute(2, 0, 1).contiguous()  # (muscle, counted, dof)

    def of_trials(self, kept: Sequence[int]) -> "Objective":
        """Return the same loss of some of the trials, by position: weights, prior and parameters stay as they are."""
        weight = torch.zeros_like(self.trials.joint_moment).index_put((self._counted,), self._moment_weight)[:, list(kept)]
        own = (self._muscle, self.space, self.settings, self._user_terms, self._groups, self._dofs)
        named: dict[str, Any] = {"moment_weight": weight, "prior": self.prior, "trials_apart": self._trials_apart}
        return Objective(self.trials.of_trials(kept), *own, **named)

    def evaluate(self, z: Tensor, warm: Sequence[Tensor] | None = None, excitation: Tensor | None = None) -> Evaluation:
        """Solve the model at z.

        Args:
            z: (parameter,), each 0 to 1.
            warm: tendon strains (time, column) of each part to start from, see `warm_start`.
            excitation: what drives the muscles instead of the trials' own, (time, trial, muscle).

        Raises:
            FiberDynamicsError: a fiber has no equilibrium at z.
            CalibrationError: a user's term is not what it declares; found at the first evaluation.
        """
        self.evaluations += 1
        parameters = self.space.model_parameters(z)
        driving = self.trials.excitation if excitation is None else excitation
        entered = tuple(block.kind.enters for block in self._activation)
        activation, derivatives = activation_tangents(driving, parameters, entered, self.trials.time_step)
        lengths = self.trials.mtu_length
        if not self._own_arms:
            lengths = lengths_of_path(lengths, parameters.moment_arm_scale, parameters.reference_mtu_length)
        states = self._parts.solve(activation, lengths, parameters, self.trials.time_step, warm=warm)
        shown = [(state.length, state.velocity, state.tendon_strain, state.force) for state in states]
        pieces = [torch.stack([state.columns.restore(s) for s in one]) for state, one in zip(states, shown, strict=True)]
        length, velocity, strain, force = self._parts.merge(pieces)
        force = force * parameters.max_isometric_force
        moment = joint_moment(self._pulling(force, parameters), self.trials.moment_arm)
        if self._ligaments is not None:
            moment = moment + self._ligaments.moment(z)
        outputs = TermInputs(
            activation=activation,
            normalized_fiber_length=length,
            normalized_fiber_velocity=velocity,
            tendon_strain=strain,
            tendon_force=force,
            joint_moment=moment,
            target_moment=self.trials.joint_moment,
            muscles=self._muscle.names,
            dofs=self._dofs,
            max_isometric_force=self.space.base.max_isometric_force,
            time_step=self.trials.time_step,
        )
        while self._unchecked_terms:
            require_declared_axis(self._unchecked_terms[-1], outputs, trials_apart=self._trials_apart)
            self._unchecked_terms.pop()
        terms = self._term_values(z, outputs)
        return Evaluation(z, sum(terms.values()), terms, parameters, outputs, derivatives, states)

    def moment_residual(self, at: Evaluation) -> Tensor:
        """Return the weighted, scaled moment errors of the counted samples, (counted, dof)."""
        error = at.outputs.joint_moment - self.trials.joint_moment
        return error[self._counted] * self._moment_weight

    @property
    def mechanics(self) -> MuscleMechanics:
        """Constants of the muscles."""
        return self._muscle

    @property
    def parts(self) -> list[Tensor]:
        """Positions of the muscles of each state."""
        return self._parts.indices

    @property
    def terms(self) -> tuple[MuscleTerm | Term, ...]:
        """The penalties and the user's terms."""
        return (*self._terms, *self._user_terms)

    def moment_rows(self, at: Evaluation) -> tuple[Tensor, Tensor]:
        """Return every residual of the joint moments, users' terms over DOFs included.

        Returns:
            residuals (counted, row) and what their derivatives are in those of `moment_residual`, (counted, row); rows are
            the DOFs, once for the moment error and once more for each term over DOFs.
        """
        residuals = [self.moment_residual(at)]
        factors = [torch.ones_like(residuals[0])]
        for term in self._user_terms:
            if term.axis == "dof":
                residuals.append(self._term_residual(term, at.outputs))
                slope = term.moment_derivative(at.outputs)[self._counted] * self._sample_weight[:, None]
                factors.append(self._per_moment_weight(slope))
        return torch.cat(residuals, dim=1), torch.cat(factors, dim=1)

    def _term_residual(self, term: MuscleTerm | Term, outputs: TermInputs) -> Tensor:
        """Return the weighted residuals of the counted samples; a term over DOFs counts where the moment was measured."""
        residual = term.residual(outputs)[self._counted] * self._sample_weight[:, None]
        return residual * self._measured if isinstance(term, Term) and term.axis == "dof" else residual

    def _per_moment_weight(self, slope: Tensor) -> Tensor:
        """Divide by the weight of each moment; where a moment was not measured, no term over DOFs counts."""
        counts = self._moment_weight > 0.0
        return torch.where(counts, slope / torch.where(counts, self._moment_weight, 1.0), torch.zeros_like(slope))

    def _term_values(self, z: Tensor, outputs: TermInputs) -> dict[str, float]:
        error = (outputs.joint_moment - self.trials.joint_moment)[self._counted] * self._moment_weight
        values = {"moment": float(error.square().sum())}
        for term in self.terms:
            values[term.name] = float(self._term_residual(term, outputs).square().sum())
        if self.prior.weight > 0.0:
            values["prior"] = self.prior.value(z)
        if self.settings.similarity_weight > 0.0:
            residual, _ = similarity(self.space, self._groups, self.settings.similarity_weight, z)
            values["similarity"] = float(residual.square().sum())
        return values

    def linearize(self, at: Evaluation) -> Linearization:
        """Differentiate the loss at an evaluation: gradient and Gauss-Newton Hessian of loss / 2."""
        tangents = self._tangents(at)
        rows = self._moment_rows_by_parameter(at.z, self._pull(at, tangents))
        size = self.space.size
        gradient, hessian = rows.new_zeros(size + 1), rows.new_zeros((size + 1, size + 1))
        gradient[:size] = rows @ self.moment_residual(at).reshape(-1)
        for columns, of_dof in zip(self._acting, rows.unflatten(1, (-1, len(self._dofs))).unbind(-1), strict=True):
            jacobian = of_dof[columns]  # a joint asks nothing of a muscle that does not cross it
            hessian[columns[:, None], columns] += jacobian @ jacobian.T
        for term in self.terms:
            self._add_term(term, at, rows, tangents, gradient, hessian)
        gradient, hessian = gradient[:size], hessian[:size, :size].contiguous()
        self.prior.add(at.z, gradient, hessian)
        if self.settings.similarity_weight > 0.0:
            strayed, by_z = similarity(self.space, self._groups, self.settings.similarity_weight, at.z)
            gradient += by_z.T @ strayed
            hessian += by_z.T @ by_z
        return Linearization(gradient, DenseMatrix(hessian), rows.T, tuple(self._kinds), tangents)

    def gradient(self, at: Evaluation) -> Tensor:
        """Return the gradient of loss / 2 at an evaluation, (parameter,), without any Hessian."""
        return self.linearize(at).gradient

    def warm_start(self, at: Evaluation, linear: Linearization | None = None, step: Tensor | None = None) -> list[Tensor]:
        """Return the tendon strains of each part to start from near an evaluation, (time, column): those there, or those expected.

        Args:
            at: the evaluation.
            linear: its linearization, if there is one.
            step: in z, after which strains are expected.
        """
        strains = [state.tendon_strain for state in at.states]
        if linear is None or step is None:
            return strains
        moves = torch.cat([step, step.new_zeros(1)])[self._columns]  # (kind, muscle)
        expected = torch.einsum("ktrm,km->trm", linear.tangents.tendon_strain, moves)
        return [strain + expected[..., index].flatten(-2) for strain, index in zip(strains, self.parts, strict=True)]

    def _tangents(self, at: Evaluation) -> SignalTangents:
        """Return the derivatives of every muscle signal by z of each kind (force in N)."""
        slopes = {
            block.name: self.space.model_slope(at.z, block.name) for block in (*self._activation, *self._fiber, *self._path, *self._force)
        }
        trials, pieces = self.trials.mtu_length.shape[1], []
        activation = at.activation_derivatives
        if self._activation:
            activation = activation * torch.stack([slopes[block.name] for block in self._activation])[:, None, None]
        for index, state in zip(self.parts, at.states, strict=True):
            changes = {block.kind.enters: slopes[block.name][index].repeat(trials) for block in self._fiber}
            longer = self._longer(at, slopes)[..., index].flatten(-2) if self._path else None
            tangent = muscle_tangents(state, activation[..., index].flatten(-2), changes, longer)
            signals = [tangent.length, tangent.tendon_strain, tangent.force]
            if self._user_terms:  # nothing else looks at velocities and activations
                signals.append(tangent.velocity())
            pieces.append([signal.unflatten(-1, (trials, len(index))) for signal in signals])
        length, strain, force, *velocity = (self._parts.merge(signal) for signal in zip(*pieces, strict=True))
        # the force is proportional to the maximum isometric force, whatever moves that
        growth = [at.outputs.tendon_force * (slopes[block.name] / at.parameters.max_isometric_force) for block in self._force]
        unseen = length.new_zeros(()).expand(len(self._kinds), *length.shape[1:])
        return SignalTangents(
            activation=_followed_by_zeros(activation, len(self._kinds)) if self._user_terms else unseen,
            normalized_fiber_length=_followed_by_zeros(length, len(self._kinds)),
            normalized_fiber_velocity=_followed_by_zeros(velocity[0], len(self._kinds)) if self._user_terms else unseen,
            tendon_strain=_followed_by_zeros(strain, len(self._kinds)),
            tendon_force=torch.cat([force * at.parameters.max_isometric_force, *(more[None] for more in growth)]),
        )

    def _longer(self, at: Evaluation, slopes: Mapping[str, Tensor]) -> Tensor:
        """Return the changes of MTU lengths by z of kinds that move the path, (kind, time, trial, muscle), m."""
        return (
            lengthening(self.trials.mtu_length, at.parameters.reference_mtu_length)
            * torch.stack([slopes[block.name] for block in self._path])[:, None, None]
        )

    def _pulling(self, force: Tensor, parameters: NmsParameters) -> Tensor:
        """Return the force that at the model's own moment arms gives the moments, (..., muscle)."""
        return force if self._own_arms else force * parameters.moment_arm_scale

    def _pull(self, at: Evaluation, tangents: SignalTangents) -> Tensor:
        """Return the derivative of what pulls at the model's own moment arms, by z of each kind, (kind, time, trial, muscle), N."""
        pull = self._pulling(tangents.tendon_force, at.parameters)
        for block in self._path:
            pull[self._kinds.index(block.name)] += at.outputs.tendon_force * self.space.model_slope(at.z, block.name)
        return pull

    def arms(self, at: Evaluation) -> Tensor:
        """Return the moment arms at an evaluation, weighted as the moments are, (counted, dof, muscle)."""
        return self._pulling(self.weighted_arm, at.parameters)

    def _moment_rows_by_parameter(self, z: Tensor, force: Tensor) -> Tensor:
        """Return the transposed Jacobian of the weighted moment residuals by z, (parameter, counted * dof)."""
        by_muscle = force.flatten(1, 2)[:, self._rows].transpose(1, 2)  # (kind, muscle, counted)
        moving = by_muscle.flatten(0, 1)[self._moving]
        rows = (moving[..., None] * self._arm_by_muscle[self._moving % by_muscle.shape[1]]).flatten(1)
        if self._one_each:
            return rows
        jacobian = rows.new_zeros((self.space.size, rows.shape[1])).index_add_(0, self._moved, rows)
        if self._ligaments is not None:
            self._ligaments.add_rows(jacobian, z, self._counted, self._moment_weight)
        return jacobian

    def _add_term(
        self, term: MuscleTerm | Term, at: Evaluation, moment_rows: Tensor, tangents: SignalTangents, gradient: Tensor, hessian: Tensor
    ) -> None:
        """Add one term's part to gradient and Hessian (with waste entry), in place."""
        residual = self._term_residual(term, at.outputs)
        if isinstance(term, Term) and term.axis != "muscle":
            if term.axis == "dof":
                weight = self._per_moment_weight(term.moment_derivative(at.outputs)[self._counted] * self._sample_weight[:, None])
                rows = moment_rows * weight.reshape(-1)
            else:
                rows = self.coupled_rows(term, at, tangents)
            gradient[:-1] += rows @ residual.reshape(-1)
            hessian[:-1, :-1] += rows @ rows.T
            return
        active = residual.any(dim=0).nonzero().squeeze(-1)
        if len(active) == 0:
            return
        if isinstance(term, Term):
            slope = term.derivative(at.outputs, tangents)[..., active]
        else:
            slope = term.slope(at.outputs).index_select(-1, active) * getattr(tangents, term.signal).index_select(-1, active)
        slope = slope.flatten(1, 2)[:, self._rows] * self._sample_weight[:, None]
        slope = slope.permute(2, 0, 1).contiguous()  # (active muscle, kind, counted)
        columns = self._columns[:, active].T  # (active muscle, kind)
        gradient.index_add_(0, columns.reshape(-1), torch.bmm(slope, residual[:, active].T[..., None]).reshape(-1))
        entries = columns[:, :, None] * len(gradient) + columns[:, None, :]
        hessian.view(-1).index_add_(0, entries.reshape(-1), torch.bmm(slope, slope.transpose(1, 2)).reshape(-1))

    def coupled_rows(self, term: Term, at: Evaluation, tangents: SignalTangents) -> Tensor:
        """Return the transposed Jacobian of a coupled term's weighted residuals by z, (parameter, counted * residual)."""
        rows, pull = [], self._pull(at, tangents)
        for column in range(self.space.size):
            mine = (self._columns == column).to(torch.float64)[:, None, None, :]  # (kind, 1, 1, muscle)
            moved: dict[str, Any] = {field: (getattr(tangents, field) * mine).sum(dim=0) for field in MUSCLE_SIGNALS}
            moment = joint_moment((pull * mine).sum(dim=0), self.trials.moment_arm)
            if self._ligaments is not None:
                moment = moment + self._ligaments.along(at.z, column)
            change = term.along(at.outputs, replace(at.outputs, **moved, joint_moment=moment))
            rows.append((change[self._counted] * self._sample_weight[:, None]).reshape(-1))
        count = int(self._counted.sum()) * term.residual(at.outputs).shape[-1]
        return torch.stack(rows) if rows else at.z.new_zeros((0, count))


def _followed_by_zeros(signal: Tensor, count: int) -> Tensor:
    """Return a (direction, ...) signal with as many directions as wanted, those added zero."""
    more = count - len(signal)
    return torch.cat([signal, signal.new_zeros((more, *signal.shape[1:]))]) if more else signal
