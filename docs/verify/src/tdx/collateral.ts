/** Intel's statements on a platform, in the form of dcap-qvl's `QuoteCollateralV3`. Untrusted: they are signed. */

import { hex } from "../bytes.ts";
import { Refused } from "../check.ts";
import { JsonError, Members, parseJson } from "../json.ts";

/** Real collateral is some 20 KiB. */
const MAX_COLLATERAL = 1 << 20;

export interface Collateral {
  readonly rootCaCrl: Uint8Array;
  readonly pckCrl: Uint8Array;
  readonly tcbInfoIssuerChain: string;
  readonly tcbInfo: string;
  readonly tcbInfoSignature: Uint8Array;
  readonly qeIdentityIssuerChain: string;
  readonly qeIdentity: string;
  readonly qeIdentitySignature: Uint8Array;
  readonly pckCertificateChain?: string | undefined;
}

/** Levels of the one kind: what must be met, and what it means to meet it. */
export interface Level {
  readonly status: TcbStatus;
  readonly advisories: readonly string[];
}

export interface PlatformLevel extends Level {
  readonly sgx: readonly number[];
  readonly tdx: readonly number[];
  readonly pceSvn: number;
}

export interface SvnLevel extends Level {
  readonly isvSvn: number;
}

export interface TdxModule {
  readonly mrSigner: Uint8Array;
  readonly attributes: Uint8Array;
  readonly attributesMask: Uint8Array;
}

export interface TcbInfo {
  readonly id: string;
  readonly version: number;
  readonly issued: number;
  readonly nextUpdate: number;
  readonly fmspc: string;
  readonly pceId: string;
  readonly evaluation: number;
  readonly levels: readonly PlatformLevel[];
  readonly module: TdxModule | null;
  readonly modules: readonly (TdxModule & { readonly id: string; readonly levels: readonly SvnLevel[] })[];
}

export interface QeIdentity {
  readonly id: string;
  readonly version: number;
  readonly issued: number;
  readonly nextUpdate: number;
  readonly evaluation: number;
  readonly miscSelect: Uint8Array;
  readonly miscSelectMask: Uint8Array;
  readonly attributes: Uint8Array;
  readonly attributesMask: Uint8Array;
  readonly mrSigner: Uint8Array;
  readonly isvProdId: number;
  readonly levels: readonly SvnLevel[];
}

export const TCB_STATUSES = [
  "UpToDate", "OutOfDateConfigurationNeeded", "OutOfDate", "ConfigurationAndSWHardeningNeeded", "ConfigurationNeeded",
  "SWHardeningNeeded", "Revoked", "TDRelaunchAdvised", "TDRelaunchAdvisedConfigurationNeeded",
] as const;
export type TcbStatus = (typeof TCB_STATUSES)[number];

/** @throws Refused */
export function readCollateral(text: string): Collateral {
  if (text.length > MAX_COLLATERAL) throw new Refused(`the collateral is longer than ${MAX_COLLATERAL} bytes`);
  return legible("the collateral", () => {
    const members = new Members(parseJson(text));
    members.string("pck_crl_issuer_chain");
    return {
      rootCaCrl: bytes(members, "root_ca_crl"),
      pckCrl: bytes(members, "pck_crl"),
      tcbInfoIssuerChain: members.string("tcb_info_issuer_chain"),
      tcbInfo: members.string("tcb_info"),
      tcbInfoSignature: bytes(members, "tcb_info_signature"),
      qeIdentityIssuerChain: members.string("qe_identity_issuer_chain"),
      qeIdentity: members.string("qe_identity"),
      qeIdentitySignature: bytes(members, "qe_identity_signature"),
      pckCertificateChain: members.optionalString("pck_certificate_chain"),
    };
  });
}

/** @throws Refused */
export function readTcbInfo(text: string): TcbInfo {
  return legible("the TCB info", () => {
    const members = new Members(parseJson(text));
    members.number("tcbType", 32);
    const module = members.value("tdxModule");
    const identities = members.value("tdxModuleIdentities") === undefined ? [] : members.array("tdxModuleIdentities");
    return {
      ...dated(members),
      fmspc: members.string("fmspc"),
      pceId: members.string("pceId"),
      levels: members.array("tcbLevels").map((value) => platformLevel(new Members(value))),
      module: module == null ? null : tdxModule(new Members(module)),
      modules: identities.map((value) => {
        const identity = new Members(value);
        return { id: identity.string("id"), ...tdxModule(identity), levels: svnLevels(identity, 8) };
      }),
    };
  });
}

/** @throws Refused */
export function readQeIdentity(text: string): QeIdentity {
  return legible("the QE identity", () => {
    const members = new Members(parseJson(text));
    return {
      ...dated(members),
      miscSelect: bytes(members, "miscselect", 4),
      miscSelectMask: bytes(members, "miscselectMask", 4),
      attributes: bytes(members, "attributes", 16),
      attributesMask: bytes(members, "attributesMask", 16),
      mrSigner: bytes(members, "mrsigner", 32),
      isvProdId: members.number("isvprodid", 16),
      levels: svnLevels(members, 16),
    };
  });
}

function dated(members: Members) {
  return {
    id: members.string("id"),
    version: members.number("version", 8),
    issued: instant(members, "issueDate"),
    nextUpdate: instant(members, "nextUpdate"),
    evaluation: members.number("tcbEvaluationDataNumber", 32),
  };
}

function platformLevel(level: Members): PlatformLevel {
  const tcb = level.members("tcb");
  const components = (name: string) => tcb.array(name).map((value) => new Members(value).number("svn", 8));
  return {
    ...statusOf(level),
    sgx: components("sgxtcbcomponents"),
    tdx: tcb.value("tdxtcbcomponents") === undefined ? [] : components("tdxtcbcomponents"),
    pceSvn: tcb.number("pcesvn", 16),
  };
}

function svnLevels(of: Members, bits: 8 | 16): SvnLevel[] {
  return of.array("tcbLevels").map((value) => {
    const level = new Members(value);
    return { ...statusOf(level), isvSvn: level.members("tcb").number("isvsvn", bits) };
  });
}

function statusOf(level: Members): Level {
  instant(level, "tcbDate");
  const text = level.string("tcbStatus");
  const status = TCB_STATUSES.find((known) => known === text);
  if (status === undefined) throw new JsonError(`unknown TCB status ${text}`);
  return { status, advisories: level.value("advisoryIDs") === undefined ? [] : level.strings("advisoryIDs") };
}

const tdxModule = (of: Members): TdxModule => ({
  mrSigner: bytes(of, "mrsigner", 48),
  attributes: bytes(of, "attributes", 8),
  attributesMask: bytes(of, "attributesMask", 8),
});

function bytes(members: Members, name: string, width?: number): Uint8Array {
  const found = hex(members.string(name));
  if (found === null || (width !== undefined && found.length !== width)) {
    throw new JsonError(`${name} is not hexadecimal of the right length`);
  }
  return found;
}

/** RFC 3339, as seconds. */
function instant(members: Members, name: string): number {
  const text = members.string(name);
  const shape = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;
  const milliseconds = shape.test(text) ? Date.parse(text.toUpperCase().replace(" ", "T")) : NaN;
  if (!(milliseconds >= 0)) throw new JsonError(`${name} is not a time`);
  return Math.floor(milliseconds / 1000);
}

function legible<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof JsonError) throw new Refused(`${what} is not legible: ${error.message}`);
    throw error;
  }
}
