//! The hardware: evidence from TDX and from NVIDIA GPUs.
