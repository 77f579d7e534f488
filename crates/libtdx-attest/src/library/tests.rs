use std::cell::Cell;

use super::*;

thread_local! {
    static CONDUCT: Cell<Conduct> = const { Cell::new(Conduct::Good) };
    static FREED: Cell<usize> = const { Cell::new(0) };
}

#[derive(Clone, Copy)]
enum Conduct {
    Good,
    Null,
    Empty,
    Long(u32),
    Refuses(u32),
    /// Fails, and leaves a pointer behind that nobody may touch.
    RefusesWithPointer,
}

extern "C" fn get_quote(
    data: *const ReportData,
    keys: *const c_void,
    count: u32,
    used: *mut c_void,
    quote: *mut *mut u8,
    size: *mut u32,
    flags: u32,
) -> u32 {
    assert!(keys.is_null() && count == 0 && used.is_null() && flags == 0, "the declared call");
    // SAFETY: as the caller promises.
    let bytes = unsafe { (*data).bytes };
    let give = |pointer: *mut u8, length: u32| {
        // SAFETY: as the caller promises.
        unsafe { *quote = pointer };
        // SAFETY: as the caller promises.
        unsafe { *size = length };
    };
    let allocated = || Box::into_raw(Box::new(bytes)).cast::<u8>();
    match CONDUCT.get() {
        Conduct::Good => give(allocated(), 64),
        Conduct::Null => give(ptr::null_mut(), 64),
        Conduct::Empty => give(allocated(), 0),
        Conduct::Long(length) => give(allocated(), length),
        Conduct::Refuses(code) => return code,
        Conduct::RefusesWithPointer => {
            give(ptr::dangling_mut(), 64);
            return 8;
        }
    }
    0
}

extern "C" fn free_quote(quote: *mut u8) -> u32 {
    // SAFETY: `get_quote` above made it.
    drop(unsafe { Box::from_raw(quote.cast::<[u8; 64]>()) });
    FREED.set(FREED.get() + 1);
    0
}

extern "C" fn get_report(data: *const ReportData, report: *mut TdReport) -> u32 {
    if let Conduct::Refuses(code) = CONDUCT.get() {
        return code;
    }
    // SAFETY: as the caller promises.
    let bytes = unsafe { (*data).bytes };
    let mut out = [0; 1024];
    out[128..192].copy_from_slice(&bytes);
    // SAFETY: as the caller promises.
    unsafe { *report = TdReport { bytes: out } };
    0
}

fn library() -> Library {
    Library { get_quote, free_quote, get_report }
}

fn quote(conduct: Conduct) -> (Result<Vec<u8>, CallError>, usize) {
    CONDUCT.set(conduct);
    FREED.set(0);
    (library().quote(&[7; 64]), FREED.get())
}

#[test]
fn a_quote_is_copied_and_freed_once() {
    assert_eq!(quote(Conduct::Good), (Ok(vec![7; 64]), 1));
}

#[test]
fn what_is_no_quote_is_an_error_and_freed_all_the_same() {
    assert_eq!(quote(Conduct::Null), (Err(CallError::Null), 0));
    assert_eq!(quote(Conduct::Empty), (Err(CallError::Empty), 1));
    // Never read: only 64 bytes lie there.
    for size in [65_537, u32::MAX] {
        assert_eq!(quote(Conduct::Long(size)), (Err(CallError::TooLong { size }), 1));
    }
}

#[test]
fn a_refusal_keeps_its_name_and_its_pointer_is_left_alone() {
    for code in 1..=0xd {
        assert_eq!(quote(Conduct::Refuses(code)), (Err(CallError::Code(Code(code))), 0));
    }
    assert_eq!(quote(Conduct::RefusesWithPointer), (Err(CallError::Code(Code::QUOTE_FAILURE)), 0));
    assert_eq!(CallError::Code(Code::BUSY).to_string(), "the library returned TDX_ATTEST_ERROR_BUSY");
}

#[test]
fn a_td_report_shows_whether_the_driver_is_there() {
    CONDUCT.set(Conduct::Good);
    assert_eq!(library().td_report(&[9; 64]).unwrap()[128..192], [9; 64]);
    CONDUCT.set(Conduct::Refuses(0xa));
    assert_eq!(library().td_report(&[9; 64]), Err(CallError::Code(Code::DEVICE_FAILURE)));
}

#[test]
fn what_does_not_load_says_so() {
    let absent = Library::load("libtdx_attest-of-nobody.so.1").unwrap_err();
    assert!(matches!(&absent, LoadError::Absent { name, .. } if name.contains("nobody")), "{absent}");
    assert!(absent.to_string().contains("cannot open"), "the linker's own words: {absent}");
    // Every process of this platform has this one, and it is not Intel's.
    let other = Library::load("libc.so.6").unwrap_err();
    assert!(matches!(&other, LoadError::Symbol { symbol: "tdx_att_get_quote", .. }), "{other}");
}
