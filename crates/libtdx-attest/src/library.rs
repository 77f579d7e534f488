//! The library, loaded: three functions and the rules for calling them.

use std::{
    ffi::{OsStr, c_void},
    fmt, mem, ptr, slice,
    sync::{Mutex, PoisonError},
};

use crate::{
    Code,
    abi::{FreeQuote, GetQuote, GetReport, ReportData, TdReport},
};

/// What Intel's packages install, found by the dynamic linker's own search.
pub const SONAME: &str = "libtdx_attest.so.1";

/// No quote is near this: genuine ones are about 5 KB, and the kernel's own buffer is 8 KiB, later a few times that.
pub const LONGEST_QUOTE: usize = 64 * 1024;

/// The kernel has one mailbox to the host for the whole machine, and nothing is promised about calls that overlap.
static ONE_CALL_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Why the library could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// There is no such file, or it is no library that this program can load.
    #[error("{name} does not load: {reason}")]
    Absent {
        /// What was looked for.
        name: String,
        /// The dynamic linker's reason.
        reason: String,
    },
    /// It loads and is another library, or too old a one.
    #[error("{name} has no function {symbol}")]
    Symbol {
        /// What was loaded.
        name: String,
        /// What it lacks.
        symbol: &'static str,
    },
}

/// Why a call gave nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The library said so.
    #[error("the library returned {0}")]
    Code(Code),
    /// Success, and no quote behind it.
    #[error("the library reported success and gave a null pointer")]
    Null,
    /// Success, and a quote without bytes.
    #[error("the library reported success and gave an empty quote")]
    Empty,
    /// More bytes than any quote has. They were freed unread.
    #[error("the library gave a quote of {size} bytes, at most {LONGEST_QUOTE} are taken")]
    TooLong {
        /// The size it gave.
        size: u32,
    },
}

/// Intel's library. Cheap to copy: it is loaded once and stays.
#[derive(Clone, Copy)]
pub struct Library {
    get_quote: GetQuote,
    free_quote: FreeQuote,
    get_report: GetReport,
}

impl Library {
    /// Loads the library `name`: [`SONAME`] on a real machine, or a path.
    ///
    /// Its code runs in this process with all that the process may do: the name is for the operator's measured
    /// configuration to give, never for a request. A file that merely has functions of these names is trusted to
    /// keep their contracts.
    ///
    /// # Errors
    ///
    /// [`LoadError`] with what is missing.
    pub fn load(name: impl AsRef<OsStr>) -> Result<Self, LoadError> {
        let name = name.as_ref();
        let shown = || name.to_string_lossy().into_owned();
        // SAFETY: loading runs the library's initialisers. Intel's have no preconditions; that the file is Intel's is
        // the operator's word, as said above.
        let library = unsafe { libloading::Library::new(name) };
        let library = library.map_err(|error| LoadError::Absent { name: shown(), reason: reason(&error) })?;
        let missing = |symbol| move |_| LoadError::Symbol { name: shown(), symbol };
        // SAFETY: the type is that of `tdx_attest.h`.
        let get_quote = unsafe { library.get::<GetQuote>(b"tdx_att_get_quote\0") };
        let get_quote = *get_quote.map_err(missing("tdx_att_get_quote"))?;
        // SAFETY: the type is that of `tdx_attest.h`.
        let free_quote = unsafe { library.get::<FreeQuote>(b"tdx_att_free_quote\0") };
        let free_quote = *free_quote.map_err(missing("tdx_att_free_quote"))?;
        // SAFETY: the type is that of `tdx_attest.h`.
        let get_report = unsafe { library.get::<GetReport>(b"tdx_att_get_report\0") };
        let get_report = *get_report.map_err(missing("tdx_att_get_report"))?;
        // Never unloaded, so the three pointers stay good for as long as the process lives.
        mem::forget(library);
        Ok(Self { get_quote, free_quote, get_report })
    }

    /// A quote over `report_data`, under any attestation key that the platform has.
    ///
    /// Blocks: Intel's library waits for the kernel for up to 30 s, and tries again for as long while the kernel is
    /// busy; before that, for other callers of this process. There is no way to interrupt it. The bytes are the
    /// library's; whether they are a quote, and one over `report_data`, is for the caller to see.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub fn quote(&self, report_data: &[u8; 64]) -> Result<Vec<u8>, CallError> {
        let _turn = ONE_CALL_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let report_data = ReportData { bytes: *report_data };
        let mut quote: *mut u8 = ptr::null_mut();
        let mut size: u32 = 0;
        // SAFETY: the first and the last two pointers are to live locals of the declared types; null is allowed for
        // the list of keys, whose length is given as 0, and for the key used.
        let code = unsafe {
            (self.get_quote)(
                &raw const report_data,
                ptr::null::<c_void>(),
                0,
                ptr::null_mut::<c_void>(),
                &raw mut quote,
                &raw mut size,
                0,
            )
        };
        if Code(code) != Code::SUCCESS {
            // The contract hands out a quote with success only. Whatever stands in the pointer now is not ours.
            return Err(CallError::Code(Code(code)));
        }
        if quote.is_null() {
            return Err(CallError::Null);
        }
        let quote = Allocated { quote, free: self.free_quote };
        match usize::try_from(size) {
            Ok(0) => Err(CallError::Empty),
            Ok(length) if length <= LONGEST_QUOTE => {
                // SAFETY: on success the library has allocated `size` bytes behind the pointer, which is not null;
                // they live until `quote` is dropped, after the copy.
                let bytes = unsafe { slice::from_raw_parts(quote.quote, length) };
                Ok(bytes.to_vec())
            }
            _ => Err(CallError::TooLong { size }),
        }
    }

    /// A TDREPORT over `report_data`: 1024 bytes that only this machine can check. It takes the kernel's driver and
    /// not the host, so it shows cheaply whether a quote could be asked for.
    ///
    /// # Errors
    ///
    /// [`CallError::Code`], `TDX_ATTEST_ERROR_DEVICE_FAILURE` where there is no TDX.
    pub fn td_report(&self, report_data: &[u8; 64]) -> Result<[u8; 1024], CallError> {
        let _turn = ONE_CALL_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let report_data = ReportData { bytes: *report_data };
        let mut report = TdReport { bytes: [0; 1024] };
        // SAFETY: both pointers are to live locals of the declared types.
        let code = unsafe { (self.get_report)(&raw const report_data, &raw mut report) };
        match Code(code) {
            Code::SUCCESS => Ok(report.bytes),
            code => Err(CallError::Code(code)),
        }
    }
}

impl fmt::Debug for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Library").finish_non_exhaustive()
    }
}

/// A quote that the library allocated: given back however this ends.
struct Allocated {
    quote: *mut u8,
    free: FreeQuote,
}

impl Drop for Allocated {
    fn drop(&mut self) {
        // SAFETY: the pointer came from a successful `tdx_att_get_quote` of the same library, is given back once,
        // and nothing borrows from it any more. The outcome says nothing that could be acted on.
        let _ = unsafe { (self.free)(self.quote) };
    }
}

/// `libloading` keeps the linker's words in the source.
fn reason(error: &libloading::Error) -> String {
    std::error::Error::source(error).unwrap_or(error).to_string()
}

#[cfg(test)]
mod tests;
