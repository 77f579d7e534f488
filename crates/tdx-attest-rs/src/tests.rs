use std::{
    fs, io,
    io::ErrorKind::{Interrupted, PermissionDenied, ResourceBusy, TimedOut},
    thread,
    time::Duration,
};

use super::{
    intel::{extend_through, quote_through},
    retry::{Patience, patiently},
    tdx_attest_error_t::*,
    *,
};

mod kernel;
use kernel::{Conduct, Kernel, Scratch};

const DATA: [u8; 64] = [0xab; 64];

#[test]
fn a_quote_carries_what_was_asked() {
    let kernel = Kernel::start(Conduct::Good);
    let tsm = Tsm::new(kernel.root());
    tsm.probe().unwrap();
    assert_eq!(tsm.quote(&DATA).unwrap(), kernel::quote_over(&DATA));
    assert_eq!(tsm.quote(&[1; 64]).unwrap(), kernel::quote_over(&[1; 64]));
}

#[test]
fn callers_do_not_meet_each_other() {
    let kernel = Kernel::start(Conduct::Good);
    let tsm = Tsm::new(kernel.root());
    thread::scope(|scope| {
        for at in 0..16 {
            let tsm = &tsm;
            scope.spawn(move || assert_eq!(tsm.quote(&[at; 64]).unwrap(), kernel::quote_over(&[at; 64])));
        }
    });
    let folders = kernel.requests();
    assert_eq!(folders, 16, "one folder a request");
}

#[test]
fn an_empty_quote_is_an_error() {
    let kernel = Kernel::start(Conduct::Empty);
    assert!(matches!(Tsm::new(kernel.root()).quote(&DATA), Err(TsmError::Empty)));
}

#[test]
fn an_endless_quote_is_an_error() {
    let kernel = Kernel::start(Conduct::Endless);
    assert!(matches!(Tsm::new(kernel.root()).quote(&DATA), Err(TsmError::TooLong { limit: 65536 })));
}

#[test]
fn another_tees_driver_is_refused_before_it_sees_the_data() {
    let kernel = Kernel::start(Conduct::Provider("sev_guest"));
    let tsm = Tsm::new(kernel.root());
    for error in [tsm.quote(&DATA).unwrap_err(), tsm.probe().unwrap_err()] {
        assert!(matches!(&error, TsmError::WrongProvider { found } if found == "sev_guest"), "{error}");
    }
    assert_eq!(kernel.blobs(), 0);
}

#[test]
fn a_second_writer_or_a_lost_write_is_a_conflict() {
    for (after, conduct) in [(2, Conduct::Generation(2)), (0, Conduct::Generation(0))] {
        let kernel = Kernel::start(conduct);
        match Tsm::new(kernel.root()).quote(&DATA) {
            Err(TsmError::Conflict { before: 0, after: found }) => assert_eq!(found, after),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_is_missing_is_said() {
    let scratch = Scratch::new();
    let absent = Tsm::new(scratch.path().join("tsm/report"));
    let error = absent.quote(&DATA).unwrap_err();
    assert!(matches!(error, TsmError::NoFolder { .. }), "{error:?}");
    assert!(error.to_string().contains("mount -t configfs"), "{error}");

    let ordinary = Tsm::new(scratch.path());
    let error = ordinary.probe().unwrap_err();
    assert!(matches!(error, TsmError::NotConfigfs { .. }), "{error:?}");
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0, "the request's folder is gone");
}

#[test]
fn a_busy_kernel_is_asked_again_and_not_for_ever() {
    let patience = Patience { attempts: 4, pause: Duration::from_millis(1) };
    let mut answers = [Err(ResourceBusy), Err(Interrupted), Ok(7)].into_iter();
    let got = patiently(patience, || answers.next().unwrap().map_err(io::Error::from));
    assert_eq!(got.unwrap(), 7);

    let mut made = 0;
    let (attempts, error) = patiently(patience, || -> io::Result<()> {
        made += 1;
        Err(ResourceBusy.into())
    })
    .unwrap_err();
    assert_eq!((attempts, made, error.kind()), (4, 4, ResourceBusy));

    for kind in [TimedOut, PermissionDenied] {
        let mut made = 0;
        let outcome = patiently(patience, || -> io::Result<()> {
            made += 1;
            Err(kind.into())
        });
        assert_eq!((outcome.unwrap_err().1.kind(), made), (kind, 1));
    }
}

#[test]
fn intels_names_answer_with_intels_codes() {
    let kernel = Kernel::start(Conduct::Good);
    let tsm = Tsm::new(kernel.root());
    let data = tdx_report_data_t { d: DATA };
    let mut used = tdx_uuid_t { d: [0; 16] };
    let list = [tdx_uuid_t { d: [9; 16] }, TDX_SGX_ECDSA_ATTESTATION_ID];
    let (code, quote) = quote_through(&tsm, Some(&data), Some(&list), Some(&mut used), 0);
    assert_eq!((code, quote), (TDX_ATTEST_SUCCESS, Some(kernel::quote_over(&DATA))));
    assert_eq!(used, TDX_SGX_ECDSA_ATTESTATION_ID);

    let invalid = (TDX_ATTEST_ERROR_INVALID_PARAMETER, None);
    assert_eq!(quote_through(&tsm, None, None, None, 0), invalid);
    assert_eq!(quote_through(&tsm, Some(&data), None, None, 1), invalid);
    assert_eq!(quote_through(&tsm, Some(&data), Some(&[]), None, 0), invalid);
    assert_eq!(
        quote_through(&tsm, Some(&data), Some(&list[..1]), None, 0),
        (TDX_ATTEST_ERROR_UNSUPPORTED_ATT_KEY_ID, None)
    );
    let absent = Tsm::new(kernel.root().join("absent"));
    assert_eq!(quote_through(&absent, Some(&data), None, None, 0), (TDX_ATTEST_ERROR_DEVICE_FAILURE, None));
    let empty = Kernel::start(Conduct::Empty);
    assert_eq!(
        quote_through(&Tsm::new(empty.root()), Some(&data), None, None, 0),
        (TDX_ATTEST_ERROR_QUOTE_FAILURE, None)
    );

    let mut report = tdx_report_t { d: [5; 1024] };
    assert_eq!(tdx_att_get_report(Some(&data), &mut report), TDX_ATTEST_ERROR_NOT_SUPPORTED);
    assert_eq!(report.d, [5; 1024]);
    assert_eq!(
        tdx_att_get_supported_att_key_ids(),
        (TDX_ATTEST_SUCCESS, Some(vec![TDX_SGX_ECDSA_ATTESTATION_ID]))
    );
    let codes = [TDX_ATTEST_ERROR_BUSY as u32, TDX_ATTEST_ERROR_UNSUPPORTED_ATT_KEY_ID as u32];
    assert_eq!(codes, [9, 12]);
}

#[test]
fn a_register_is_extended_by_its_event() {
    let scratch = Scratch::new();
    let measurements = Measurements::new(scratch.path());
    let event = |version: u32, register: u64, data: &[u8]| {
        let mut event = Vec::new();
        event.extend_from_slice(&version.to_le_bytes());
        event.extend_from_slice(&register.to_le_bytes());
        event.extend_from_slice(&[0xcd; 48]);
        event.extend_from_slice(&7u32.to_le_bytes());
        event.extend_from_slice(&(data.len() as u32).to_le_bytes());
        event.extend_from_slice(data);
        event
    };
    assert_eq!(extend_through(&measurements, &event(1, 3, b"")), TDX_ATTEST_ERROR_NOT_SUPPORTED);
    fs::write(scratch.path().join("rtmr3:sha384"), b"").unwrap();
    assert_eq!(extend_through(&measurements, &event(1, 3, b"")), TDX_ATTEST_SUCCESS);
    assert_eq!(fs::read(scratch.path().join("rtmr3:sha384")).unwrap(), [0xcd; 48]);
    for (code, bytes) in [
        (TDX_ATTEST_ERROR_INVALID_PARAMETER, event(2, 3, b"")),
        (TDX_ATTEST_ERROR_NOT_SUPPORTED, event(1, 3, b"x")),
        (TDX_ATTEST_ERROR_INVALID_RTMR_INDEX, event(1, 1, b"")),
        (TDX_ATTEST_ERROR_INVALID_PARAMETER, event(1, 3, b"")[..67].to_vec()),
        (TDX_ATTEST_ERROR_INVALID_PARAMETER, [event(1, 3, b""), vec![0]].concat()),
    ] {
        assert_eq!(extend_through(&measurements, &bytes), code);
    }
}
