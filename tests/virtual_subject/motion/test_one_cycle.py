"""Our Adam against torch's, bit for bit."""

import torch

from osim_nmscal.virtual_subject.motion.one_cycle import OneCycleAdam


def test_it_moves_as_torch_does_to_the_last_bit() -> None:
    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn(20, 20, dtype=torch.float64, generator=generator)
    start = torch.randn(20, dtype=torch.float64, generator=generator)

    def loss(value: torch.Tensor) -> torch.Tensor:
        return (mixing @ torch.sin(value)).square().mean() + value.square().mean()

    theirs, ours, steps = start.clone().requires_grad_(), start.clone().requires_grad_(), 60
    optimizer = torch.optim.Adam([theirs], lr=0.2, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.2, total_steps=steps, pct_start=0.15)
    own = OneCycleAdam(ours, 0.2, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(theirs).backward()
        optimizer.step()
        schedule.step()
        own.step(torch.autograd.grad(loss(ours), ours)[0])
    assert torch.equal(theirs, ours)
