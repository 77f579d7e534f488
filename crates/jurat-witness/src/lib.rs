//! The oath: sans-I/O observation of one exchange, and the signing key that never leaves the enclave.
