"""What a muscle's path does when its moment arms are not the model's: a factor of them at every joint, and what it does to its length.

A moment arm is the slope of the MTU length by the joint's angle, r = -dL/dq. So arms that are larger by one factor at every joint stretch
the whole excursion of the length by it: L' = L_ref + k (L - L_ref), r' = k r. The reference length is where the path is believed.
"""

from torch import Tensor


def lengths_of_path(mtu_length: Tensor, scale: Tensor, reference: Tensor) -> Tensor:
    """Return the MTU lengths that go with scaled moment arms.

    Args:
        mtu_length: the model's, (..., muscle), m.
        scale: factor k of the moment arms, (muscle,) or broadcastable.
        reference: length that no factor changes, (muscle,) or broadcastable, m.

    Returns:
        (..., muscle), m; to the bit those given where the scale is 1.
    """
    return mtu_length + (scale - 1.0) * (mtu_length - reference)


def lengthening(mtu_length: Tensor, reference: Tensor) -> Tensor:
    """Return d MTU length / d scale as of `lengths_of_path`, (..., muscle), m."""
    return mtu_length - reference
