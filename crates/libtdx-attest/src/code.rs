//! What the library returns, by Intel's names.

use std::fmt;

/// An outcome of a call: `tdx_attest_error_t`, unknown numbers included.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code(pub u32);

impl Code {
    /// Done.
    pub const SUCCESS: Self = Self(0);
    /// Something that should not happen.
    pub const UNEXPECTED: Self = Self(1);
    /// The caller's mistake.
    pub const INVALID_PARAMETER: Self = Self(2);
    /// No memory.
    pub const OUT_OF_MEMORY: Self = Self(3);
    /// The way to the host's quoting service over vsock failed.
    pub const VSOCK_FAILURE: Self = Self(4);
    /// No TDREPORT.
    pub const REPORT_FAILURE: Self = Self(5);
    /// No run-time register was extended.
    pub const EXTEND_FAILURE: Self = Self(6);
    /// This machine does not offer it.
    pub const NOT_SUPPORTED: Self = Self(7);
    /// The host's quoting service failed.
    pub const QUOTE_FAILURE: Self = Self(8);
    /// The kernel's mailbox to the host is occupied.
    pub const BUSY: Self = Self(9);
    /// No way to the kernel's driver.
    pub const DEVICE_FAILURE: Self = Self(0xa);
    /// No such register.
    pub const INVALID_RTMR_INDEX: Self = Self(0xb);
    /// None of the keys asked for.
    pub const UNSUPPORTED_ATT_KEY_ID: Self = Self(0xc);

    /// Intel's name, `None` for a number that has none.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::SUCCESS => "TDX_ATTEST_SUCCESS",
            Self::UNEXPECTED => "TDX_ATTEST_ERROR_UNEXPECTED",
            Self::INVALID_PARAMETER => "TDX_ATTEST_ERROR_INVALID_PARAMETER",
            Self::OUT_OF_MEMORY => "TDX_ATTEST_ERROR_OUT_OF_MEMORY",
            Self::VSOCK_FAILURE => "TDX_ATTEST_ERROR_VSOCK_FAILURE",
            Self::REPORT_FAILURE => "TDX_ATTEST_ERROR_REPORT_FAILURE",
            Self::EXTEND_FAILURE => "TDX_ATTEST_ERROR_EXTEND_FAILURE",
            Self::NOT_SUPPORTED => "TDX_ATTEST_ERROR_NOT_SUPPORTED",
            Self::QUOTE_FAILURE => "TDX_ATTEST_ERROR_QUOTE_FAILURE",
            Self::BUSY => "TDX_ATTEST_ERROR_BUSY",
            Self::DEVICE_FAILURE => "TDX_ATTEST_ERROR_DEVICE_FAILURE",
            Self::INVALID_RTMR_INDEX => "TDX_ATTEST_ERROR_INVALID_RTMR_INDEX",
            Self::UNSUPPORTED_ATT_KEY_ID => "TDX_ATTEST_ERROR_UNSUPPORTED_ATT_KEY_ID",
            _ => return None,
        })
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "the unknown code {:#x}", self.0),
        }
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests;
