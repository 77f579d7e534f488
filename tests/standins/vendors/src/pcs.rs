//! Intel's Provisioning Certification Service, API 4, as far as a verifier of TDX quotes asks it; and the places where
//! the root's revocation list is, Intel's and a PCCS's.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::{Fault, http::Response};

/// What the service knows: one platform's collateral.
#[derive(Debug, Clone)]
pub(crate) struct Pcs {
    collateral: Value,
    /// Valid once, and no more.
    stale: Value,
}

impl Pcs {
    /// Of `QuoteCollateralV3` in JSON.
    pub(crate) fn of(collateral: &str, stale: &str) -> Self {
        let parsed = |text: &str| serde_json::from_str(text).expect("collateral in JSON");
        Self { collateral: parsed(collateral), stale: parsed(stale) }
    }

    pub(crate) fn answer(&self, path: &str, query: &str, fault: Fault) -> Response {
        let from = if fault == Fault::Stale { &self.stale } else { &self.collateral };
        let text = |member: &str| from[member].as_str().expect("a text").to_owned();
        let chain = |member: &str| utf8_percent_encode(&text(member), NON_ALPHANUMERIC).to_string();
        let list = |member: &str| {
            let mut der = hex::decode(text(member)).expect("a list in hexadecimal");
            if fault == Fault::Altered {
                *der.last_mut().expect("a signature") ^= 1;
            }
            der
        };
        let signed = |name: &str, member: &str| {
            let mut body = text(member);
            if fault == Fault::Altered {
                body = body.replacen("\"UpToDate\"", "\"OutOfDate\"", 1);
            }
            Response::json(format!(
                "{{\"{name}\":{body},\"signature\":\"{}\"}}",
                text(&format!("{member}_signature"))
            ))
        };
        let asked = |name: &str| {
            query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name)
        };
        let tcb =
            || signed("tcbInfo", "tcb_info").header("TCB-Info-Issuer-Chain", chain("tcb_info_issuer_chain"));
        let identity = || {
            let header = "SGX-Enclave-Identity-Issuer-Chain";
            signed("enclaveIdentity", "qe_identity").header(header, chain("qe_identity_issuer_chain"))
        };
        match path {
            "/tdx/certification/v4/tcb" => match asked("fmspc") {
                Some((_, fmspc)) if fmspc == self.fmspc() && fault == Fault::Other => identity(),
                Some((_, fmspc)) if fmspc == self.fmspc() => tcb(),
                Some((_, fmspc)) if fmspc.len() == 12 => Response::error(404),
                _ => Response::error(400),
            },
            "/tdx/certification/v4/qe/identity" if fault == Fault::Other => tcb(),
            "/tdx/certification/v4/qe/identity" => identity(),
            "/sgx/certification/v4/pckcrl" => {
                let known = asked("ca").is_some_and(|(_, ca)| ["platform", "processor"].contains(&ca));
                if !known || asked("encoding").is_none_or(|(_, encoding)| encoding != "der") {
                    return Response::error(400);
                }
                let member = if fault == Fault::Other { "root_ca_crl" } else { "pck_crl" };
                Response::of("application/pkix-crl", list(member))
                    .header("SGX-PCK-CRL-Issuer-Chain", chain("pck_crl_issuer_chain"))
            }
            // As a cache of the service has it, and as Intel does.
            "/sgx/certification/v4/rootcacrl" => {
                Response::of("text/plain", hex::encode(list("root_ca_crl")).into_bytes())
            }
            "/IntelSGXRootCA.der" => Response::of("application/pkix-crl", list("root_ca_crl")),
            _ => Response::error(404),
        }
    }

    fn fmspc(&self) -> String {
        let info: Value =
            serde_json::from_str(self.collateral["tcb_info"].as_str().expect("a text")).expect("TCB info");
        info["fmspc"].as_str().expect("an FMSPC").to_uppercase()
    }
}
