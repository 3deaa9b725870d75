"""Augmentation on tensors: parameters drawn once per sample on the CPU, applied in batches on the device.

``cropping`` cuts a canvas around a place in a case, ``spatial`` turns, scales, bends and flips it in one
interpolation, ``laterality`` exchanges left and right labels of what is mirrored, ``intensity`` changes what the
scanner would change and hides boxes (``cutout``).
"""
