//! The stage: mints a look-alike Intel and NVIDIA PKI; only the feature simulated-tee and tests use it.
