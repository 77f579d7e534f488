/** TCB levels: which of Intel's a platform meets, and what its parts make of the whole (Intel QVL's rules). */

import { same, toHex } from "../bytes.ts";
import { demand } from "../check.ts";
import type { Level, PlatformLevel, QeIdentity, TcbInfo, TcbStatus, TdxModule } from "./collateral.ts";
import type { Platform } from "./pck.ts";
import type { EnclaveReport, TdReport } from "./quote.ts";

const OF_PLATFORM: readonly TcbStatus[] = [
  "UpToDate", "OutOfDate", "ConfigurationNeeded", "Revoked", "OutOfDateConfigurationNeeded", "SWHardeningNeeded",
  "ConfigurationAndSWHardeningNeeded",
];
const OF_MODULE: readonly TcbStatus[] = ["UpToDate", "OutOfDate", "Revoked"];
const OF_ENCLAVE: readonly TcbStatus[] = [
  "UpToDate", "OutOfDate", "ConfigurationNeeded", "Revoked", "OutOfDateConfigurationNeeded",
];
const CONFIGURATION: readonly TcbStatus[] = [
  "ConfigurationNeeded", "OutOfDateConfigurationNeeded", "ConfigurationAndSWHardeningNeeded",
  "TDRelaunchAdvisedConfigurationNeeded",
];

/** Only a part that is out of date or revoked changes the status of the whole. */
function converge(whole: TcbStatus, part: TcbStatus): TcbStatus {
  if (part === "Revoked") return "Revoked";
  if (part !== "OutOfDate") return whole;
  if (whole === "UpToDate" || whole === "SWHardeningNeeded") return "OutOfDate";
  const configured = whole === "ConfigurationNeeded" || whole === "ConfigurationAndSWHardeningNeeded";
  return configured ? "OutOfDateConfigurationNeeded" : whole;
}

/** A TD 1.5 has a second level, of the module that runs now rather than at its launch. */
function afterRelaunch(launch: TcbStatus, current: TcbStatus): TcbStatus {
  const behind = launch === "OutOfDate" || launch === "OutOfDateConfigurationNeeded";
  const better = ["UpToDate", "SWHardeningNeeded", "ConfigurationNeeded", "ConfigurationAndSWHardeningNeeded"].includes(current);
  if (!behind || !better) return launch;
  const configuration = CONFIGURATION.includes(launch) || CONFIGURATION.includes(current);
  return configuration ? "TDRelaunchAdvisedConfigurationNeeded" : "TDRelaunchAdvised";
}

/** The whole platform's status, and the advisories that are open on any of its parts. @throws Refused */
export function statusOf(info: TcbInfo, td: TdReport, platform: Platform, enclave: Level): Level {
  demand(toHex(platform.fmspc) === info.fmspc.toLowerCase(), "the TCB info is of another kind of platform (FMSPC)");
  // which neither dcap-qvl looks at
  demand(toHex(platform.pceId) === info.pceId.toLowerCase(), "the TCB info is of another PCE than the platform's (PCEID)");
  demand(info.version >= 3 && info.id === "TDX", "the TCB info is not of TDX");
  const launch = tdxLevel(info, platform, td.teeTcbSvn);
  demandModule(info, td);
  const current = td.td15 && tdxLevel(info, platform, td.td15.teeTcbSvn2);

  let status = converge(launch.status, enclave.status);
  const now = current && converge(current.status, enclave.status);
  demand(status !== "Revoked" && now !== "Revoked", "TCB status is invalid: Revoked");
  if (now) status = afterRelaunch(status, now);
  const open = [launch, current, enclave].flatMap((level) => level?.advisories ?? []);
  return { status, advisories: [...new Set(open)].sort() };
}

function tdxLevel(info: TcbInfo, platform: Platform, svn: Uint8Array): Level {
  const level = [...info.levels].sort(highestFirst).find((level) => meets(level, platform, svn));
  demand(level, "no TCB level matches the platform");
  demand(OF_PLATFORM.includes(level.status), `a TCB level has the status ${level.status}`);
  const identity = moduleOf(info, svn);
  if (!identity) return level;
  const module = identity.levels.find((level) => svn[0]! >= level.isvSvn);
  demand(module, "the TDX module is older than any that Intel knows");
  demand(OF_MODULE.includes(module.status), `a TDX module's level has the status ${module.status}`);
  const advisories = [...level.advisories, ...module.advisories];
  return { status: converge(level.status, module.status), advisories };
}

/** Intel's library does not rely on the order in which the levels are listed. */
function highestFirst(one: PlatformLevel, other: PlatformLevel): number {
  const lists = (a: readonly number[], b: readonly number[]) =>
    a.map((number, at) => (b[at] ?? -1) - number).find((difference) => difference !== 0) ?? b.length - a.length;
  return lists(one.sgx, other.sgx) || other.pceSvn - one.pceSvn || lists(one.tdx, other.tdx);
}

function meets(level: PlatformLevel, { cpuSvn, pceSvn }: Platform, svn: Uint8Array): boolean {
  demand(level.sgx.length === 16 && level.tdx.length === 16, "a TCB level has not 16 components");
  // a module that has a version is judged by its own identity
  const from = svn[1]! > 0 ? 2 : 0;
  return (
    level.sgx.every((needed, at) => cpuSvn[at]! >= needed) &&
    pceSvn >= level.pceSvn &&
    level.tdx.every((needed, at) => at < from || svn[at]! >= needed)
  );
}

function moduleOf(info: TcbInfo, svn: Uint8Array) {
  const version = svn[1]!;
  if (version === 0) return null;
  const id = `TDX_${version.toString(16).padStart(2, "0")}`.toUpperCase();
  const found = info.modules.find((module) => module.id.toUpperCase() === id);
  demand(found, `the TCB info does not know the TDX module ${id}`);
  return found;
}

function demandModule(info: TcbInfo, td: TdReport): void {
  demand(info.module, "the TCB info does not name the TDX module");
  const expected: TdxModule = moduleOf(info, td.teeTcbSvn) ?? info.module;
  demand(same(td.mrSignerSeam, expected.mrSigner), "the TDX module has another signer than Intel's");
  const { attributes, attributesMask } = expected;
  const masked = td.seamAttributes.every(
    (byte, at) => (byte & attributesMask[at]!) === (attributes[at]! & attributesMask[at]!) && (byte & ~attributesMask[at]!) === 0,
  );
  demand(masked, "the TDX module has other attributes than Intel's");
}

/** The level of the quoting enclave, once it is the one that Intel identifies. @throws Refused */
export function enclaveLevel(report: EnclaveReport, identity: QeIdentity): Level {
  demand(same(report.mrSigner, identity.mrSigner), "the quoting enclave has another signer than Intel's");
  demand((report.attributes[0]! & 0x02) === 0, "the quoting enclave is a debug one");
  demand(report.isvProdId === identity.isvProdId, "the quoting enclave is another product than Intel's");
  const masked = (have: Uint8Array, wanted: Uint8Array, mask: Uint8Array) =>
    have.every((byte, at) => (byte & mask[at]!) === (wanted[at]! & mask[at]!));
  demand(
    masked(report.miscSelect, identity.miscSelect, identity.miscSelectMask) &&
      masked(report.attributes, identity.attributes, identity.attributesMask),
    "the quoting enclave has other attributes than Intel's",
  );
  const level = identity.levels.find((level) => report.isvSvn >= level.isvSvn);
  demand(level, "the quoting enclave is older than any that Intel knows");
  demand(OF_ENCLAVE.includes(level.status), `a quoting enclave's level has the status ${level.status}`);
  return level;
}
