//! A stand-in for NVIDIA's management library, `libnvidia-ml.so.1`, for machines without a GPU.
//!
//! It exports the functions of NVML's C interface that `jurat-attest` (through nvml-wrapper) and NVIDIA's own
//! Python collector call, with NVML's structures and error codes, and answers the caller's nonce with SPDM
//! evidence signed on the spot under the look-alike PKI of `jurat-simulated`. Everything on the caller's side
//! of the C interface is the product's own code. What it can't stand in for: the time that real devices take,
//! the permissions that they need, and whatever NVIDIA's library does that its header does not say.
//!
//! How it behaves is told by environment variables, read at every call; without any it is a machine with one
//! H100 in confidential-computing mode, ready for work.
//!
//! | `NVML_STANDIN_` | values | is |
//! |---|---|---|
//! | `GPUS` | 0 to 32; 1 | devices that there are |
//! | `COUNT` | a number; `GPUS` | devices that `nvmlDeviceGetCount_v2` tells of |
//! | `TWINS` | `on` | every index opens the first device |
//! | `CC` | `on`, `off` | the confidential-computing feature |
//! | `ENVIRONMENT` | `prod`, `sim`, `none` | its environment |
//! | `DEVTOOLS` | `off`, `on` | developers' tools |
//! | `MULTI_GPU` | `none`, `ppcie`, `nvle` | how GPUs reach each other; in the evidence too |
//! | `READY` | `yes`, `no` | whether the GPUs take work |
//! | `ARCHITECTURE` | `hopper`, `blackwell`, `ada` | generation; in the evidence too |
//! | `NONCE` | `asked`, `other` | what is signed |
//! | `CHAIN` | `plain`, `padded`, `long`, `empty`, `text` | the certificate chain: five NULs behind it; as long as its buffer; none; no PEM |
//! | `LENGTH` | `true`, `chain`, `report`, `short` | lengths beyond the buffers, of chain or report; a report cut in half |
//! | `DELAY_MS` | milliseconds; 0 | how long each report takes |
//! | `FAULT` | `FUNCTION=WHAT[@DEVICE][#CALL]`, with commas between | WHAT is one of NVML's error codes, `hang`, `abort` or `segv`; for one device alone; from that call on |

mod abi;
mod device;
mod fault;
mod knobs;
mod machine;
mod system;
