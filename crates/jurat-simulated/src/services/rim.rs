//! Reference integrity manifests: a driver's and a VBIOS's, as SWID tags with an XML signature inside.
//!
//! The text and its canonical form are written side by side and by hand, attributes in the order that each
//! wants: a judge's canonicalisation is not tested against itself.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jurat_attest::GpuArchitecture;
use jurat_proto::UnixSeconds;
use p384::ecdsa::{Signature, SigningKey, signature::Signer};
use rand_core::TryCryptoRng;
use sha2::{Digest as _, Sha384};
use x509_cert::time::Validity;

use crate::{
    Blueprint, MintError,
    pki::{Certified, Role, Subject, name, nvidia::chip, time},
    spdm::{DRIVER, VBIOS, measurement},
};

const DAY: u64 = 24 * 60 * 60;
const SWID: &str = "http://standards.iso.org/iso/19770/-2/2015/schema.xsd";
const SHA384: &str = "http://www.w3.org/2001/04/xmlenc#sha384";
const TCG: &str =
    "https://trustedcomputinggroup.org/resource/tcg-reference-integrity-manifest-rim-information-model/";
const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
const C14N: &str = "http://www.w3.org/2006/12/xml-c14n11";
const ECDSA: &str = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384";
const DIGEST: &str = "http://www.w3.org/2001/04/xmldsig-more#sha384";
const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";

/// Measurements that the driver's manifest has in use, counted from 0. The last is that of a decoder which
/// simulated GPUs have off: its reference value is one that nothing measures to.
const OF_DRIVER: [u8; 9] = [7, 8, 12, 13, 20, 26, 27, 28, 35];
/// Those of the VBIOS's.
const OF_VBIOS: [u8; 6] = [0, 1, 2, 3, 4, 40];

/// Which manifests NVIDIA's look-alike publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rims {
    /// Those of the simulated GPUs.
    Fitting,
    /// The driver's is of another version.
    OtherDriver,
    /// The VBIOS's is of another version.
    OtherVbios,
    /// The driver's is of another chip.
    OtherChip,
    /// One value of the driver's is another than simulated GPUs measure to.
    OtherMeasurement,
    /// Both have the same measurement.
    Overlapping,
    /// The driver's signer is no longer valid.
    ExpiredSigner,
}

/// Who signs manifests.
pub(crate) struct RimSigners {
    valid: Certified<SigningKey>,
    expired: Certified<SigningKey>,
    /// The certificates above both, base64 of DER.
    above: [String; 2],
    product: &'static str,
}

impl RimSigners {
    pub(crate) fn mint<R: TryCryptoRng + ?Sized>(
        blueprint: &Blueprint,
        root: &Certified<SigningKey>,
        rng: &mut R,
    ) -> Result<Self, MintError> {
        let at = |after: u64| time(UnixSeconds(blueprint.issued.0.saturating_add(after)));
        let subject = |common_name: &str, role, from, until| -> Result<Subject, MintError> {
            Ok(Subject {
                name: name(&format!("CN=SIMULATED {common_name},{}", crate::roots::NVIDIA_ORGANISATION))?,
                role,
                validity: Validity::new(from, until),
                extensions: vec![],
            })
        };
        // as NVIDIA's, signers end after two years; the issuer has always been there
        let before = time(UnixSeconds(blueprint.issued.0.saturating_sub(800 * DAY)))?;
        let product = chip(blueprint.gpu_architecture);
        let issuer = subject(
            &format!("Reference Value {product} CA"),
            Role::Issuer(Some(0)),
            before,
            at(4000 * DAY)?,
        )?;
        let issuer = root.issue(rng, issuer)?;
        let valid = subject("RIM Signer", Role::Signer, at(0)?, at(730 * DAY)?)?;
        let expired = subject("former RIM Signer", Role::Signer, before, at(0)?)?;
        Ok(Self {
            valid: issuer.issue(rng, valid)?,
            expired: issuer.issue(rng, expired)?,
            above: [STANDARD.encode(issuer.der()?), STANDARD.encode(root.der()?)],
            product,
        })
    }

    /// The driver's manifest, then the VBIOS's.
    pub(crate) fn manifests(&self, form: Rims) -> Result<Vec<String>, MintError> {
        let other_chip = match self.product {
            "GH100" => chip(GpuArchitecture::Blackwell),
            _ => "GH100",
        };
        let mut driver = Tag::new(self.product, DRIVER, &OF_DRIVER);
        let mut vbios = Tag::new(self.product, VBIOS, &OF_VBIOS);
        let mut signer = &self.valid;
        match form {
            Rims::Fitting => (),
            Rims::OtherDriver => driver.version = "000.000.01",
            Rims::OtherVbios => vbios.version = "EE.EE.EE.EE.EF",
            Rims::OtherChip => driver.product = other_chip,
            Rims::OtherMeasurement => driver.spoilt = Some(26),
            Rims::Overlapping => vbios.used.push(26),
            Rims::ExpiredSigner => signer = &self.expired,
        }
        Ok(vec![self.sign(&driver, signer)?, self.sign(&vbios, &self.valid)?])
    }

    fn sign(&self, tag: &Tag, signer: &Certified<SigningKey>) -> Result<String, MintError> {
        let text = tag.write(Form::Text);
        let canonical = tag.write(Form::Canonical);
        let digest = STANDARD.encode(Sha384::digest(canonical));
        // apart from its document the element has every namespace in scope
        let spaces = format!(r#" xmlns="{SWID}" xmlns:ds="{DSIG}" xmlns:ns0="{SWID}" xmlns:ns2="{SHA384}""#);
        let signature: Signature = signer
            .key
            .try_sign(signed_info(&spaces, &digest, Form::Canonical).as_bytes())
            .map_err(MintError::encoding("a manifest's signature"))?;
        let own = STANDARD.encode(signer.der()?);
        let certificates: String = [&own, &self.above[0], &self.above[1]]
            .map(|der| format!("<ds:X509Certificate>{der}</ds:X509Certificate>"))
            .concat();
        let signature = format!(
            r#"<ds:Signature xmlns:ds="{DSIG}">{}<ds:SignatureValue>{}</ds:SignatureValue><ds:KeyInfo><ds:X509Data>{certificates}</ds:X509Data></ds:KeyInfo></ds:Signature>"#,
            signed_info("", &digest, Form::Text),
            STANDARD.encode(signature.to_bytes()),
        );
        Ok(text.replace("</SoftwareIdentity>", &format!("{signature}</SoftwareIdentity>")))
    }
}

/// How something is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// As NVIDIA writes it.
    Text,
    /// As Canonical XML 1.1 has it.
    Canonical,
}

fn empty(form: Form, name: &str, attributes: &str) -> String {
    match form {
        Form::Text => format!("<{name} {attributes}/>"),
        Form::Canonical => format!("<{name} {attributes}></{name}>"),
    }
}

fn signed_info(spaces: &str, digest: &str, form: Form) -> String {
    let algorithm = |name: &str, uri: &str| empty(form, name, &format!(r#"Algorithm="{uri}""#));
    [
        format!("<ds:SignedInfo{spaces}>"),
        algorithm("ds:CanonicalizationMethod", C14N),
        algorithm("ds:SignatureMethod", ECDSA),
        r#"<ds:Reference URI=""><ds:Transforms>"#.into(),
        algorithm("ds:Transform", ENVELOPED),
        algorithm("ds:Transform", C14N),
        "</ds:Transforms>".into(),
        algorithm("ds:DigestMethod", DIGEST),
        format!("<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>"),
    ]
    .concat()
}

/// A manifest before it is signed.
struct Tag {
    product: &'static str,
    version: &'static str,
    used: Vec<u8>,
    /// The measurement whose value is another than GPUs measure to.
    spoilt: Option<u8>,
}

impl Tag {
    fn new(product: &'static str, version: &'static str, used: &[u8]) -> Self {
        Self { product, version, used: used.to_vec(), spoilt: None }
    }

    fn write(&self, form: Form) -> String {
        let Self { product, version, .. } = self;
        let id = hex::encode(Sha384::digest(format!("{product} {version}")));
        let root = match form {
            Form::Text => format!(
                r#"<SoftwareIdentity xmlns="{SWID}" xmlns:ns0="{SWID}" xmlns:ns2="{SHA384}" corpus="false" name="{product}" patch="false" supplemental="false" tagId="{id}" version="1.0" tagVersion="0">"#
            ),
            Form::Canonical => format!(
                r#"<SoftwareIdentity xmlns="{SWID}" xmlns:ns0="{SWID}" xmlns:ns2="{SHA384}" corpus="false" name="{product}" patch="false" supplemental="false" tagId="{id}" tagVersion="0" version="1.0">"#
            ),
        };
        let entity =
            empty(form, "ns0:Entity", r#"name="SIMULATED - NOT NVIDIA" role="softwareCreator tagCreator""#);
        let meta = match form {
            Form::Text => format!(
                r#"xmlns:ns1="{TCG}" colloquialVersion="{version}" edition="GPU" product="{product}" revision="r1" PayloadType="direct" ns1:BindingSpec="RIMIM" ns1:PlatformModel="{product}" ns1:FirmwareManufacturer="SIMULATED - NOT NVIDIA""#
            ),
            Form::Canonical => format!(
                r#"xmlns:ns1="{TCG}" PayloadType="direct" colloquialVersion="{version}" edition="GPU" product="{product}" revision="r1" ns1:BindingSpec="RIMIM" ns1:FirmwareManufacturer="SIMULATED - NOT NVIDIA" ns1:PlatformModel="{product}""#
            ),
        };
        let meta = empty(form, "ns0:Meta", &meta);
        let resources: String =
            (0..64).map(|index| format!("        {}\n", self.resource(form, index))).collect();
        format!(
            "{root}\n    {entity}\n    {meta}\n    <ns0:Payload xmlns:SHA384=\"{SHA384}\">\n{resources}    \
             </ns0:Payload>\n</SoftwareIdentity>"
        )
    }

    fn resource(&self, form: Form, index: u8) -> String {
        let used = self.used.contains(&index);
        let active = if used { "True" } else { "False" };
        // of some there is more than one, as where one VBIOS is on several boards
        let digests: Vec<String> = match (used, index) {
            (true, 35) => vec![hex::encode([0xdd; 48])],
            (true, _) if self.spoilt == Some(index) => vec![hex::encode([0xdd; 48])],
            (true, 13) => vec![hex::encode([0xaa; 48]), hex::encode(measurement(index + 1))],
            (true, _) => vec![hex::encode(measurement(index + 1))],
            (false, _) => vec!["0".repeat(96)],
        };
        let count = digests.len();
        let hashes: Vec<String> =
            digests.iter().enumerate().map(|(at, digest)| format!(r#"ns2:Hash{at}="{digest}""#)).collect();
        let hashes = hashes.join(" ");
        let attributes = match form {
            Form::Text => format!(
                r#"type="Measurement" index="{index}" active="{active}" alternatives="{count}" {hashes} name="Measurement_{index}" size="48""#
            ),
            Form::Canonical => format!(
                r#"active="{active}" alternatives="{count}" index="{index}" name="Measurement_{index}" size="48" type="Measurement" {hashes}"#
            ),
        };
        empty(form, "ns0:Resource", &attributes)
    }
}
