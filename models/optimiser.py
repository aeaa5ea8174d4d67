"""The optimiser of every training here, without the seconds that its import of a compiler takes."""

from __future__ import annotations

from inspect import unwrap

import torch


class EagerAdamW(torch.optim.AdamW):
    """AdamW that does not load `torch._dynamo`, as nothing here is compiled.

    torch wraps these methods so that its compiler leaves them alone, and imports the compiler for
    it at the first call: 1.6 s and 150 MiB of each process that trains. What is wrapped is the
    same, so every update is too.

    Reference: Loshchilov & Hutter 2019 (arXiv:1711.05101).
    """

    add_param_group = unwrap(torch.optim.AdamW.add_param_group)
    zero_grad = unwrap(torch.optim.AdamW.zero_grad)
    state_dict = unwrap(torch.optim.AdamW.state_dict)
    load_state_dict = unwrap(torch.optim.AdamW.load_state_dict)
    step = torch.no_grad()(unwrap(torch.optim.AdamW.step))
