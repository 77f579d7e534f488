/** Policies: what a relying party demands, as data. The same TOML files as the program's; unknown members are refused. */

import { parse as parseToml, type TomlTable } from "smol-toml";
import { isBinding, type Binding } from "./binding.ts";
import { MANIFEST_SOURCES, type ManifestSource } from "./claims.ts";
import { demand, reasonOf, Refused, REPORT_CHECKS, RECEIPT_CHECKS, type ReportCheck } from "./check.ts";
import { readGpuPolicy, type GpuPolicy } from "./gpu/versions.ts";
import { parseAddress, parseDigest } from "./identity.ts";
import { fixedHex } from "./bytes.ts";
import { readSet, type ReferenceSet } from "./reference.ts";
import type { Roots } from "./roots.ts";
import { TCB_STATUSES, type TcbStatus } from "./tdx/collateral.ts";

export interface Policy {
  /** Printed with every verdict. */
  readonly name: string;
  readonly roots: Roots;
  /** The preferred one first. A report's own word on it is never taken. */
  readonly bindings: readonly Binding[];
  /** Checks that must pass. Any other may be skipped, and none may fail. */
  readonly required: readonly ReportCheck[];
  readonly tcbStatuses: readonly TcbStatus[];
  readonly rejectedAdvisories: readonly string[];
  readonly minTcbEvaluationDataNumber: number;
  readonly manifestSources: readonly ManifestSource[];
  /** PPIDs of the platforms that are accepted. Empty: any genuine one. */
  readonly platforms: readonly Uint8Array[];
  /** Digests of the models that are accepted. Empty: any. */
  readonly models: readonly Uint8Array[];
  /** Addresses of the signers that are accepted. Empty: any that the hardware vouches for. */
  readonly signers: readonly Uint8Array[];
  /** A TD must match one of these sets wholly. Empty: any code. */
  readonly measurements: readonly ReferenceSet[];
  /** What every GPU must be. */
  readonly gpu: GpuPolicy;
}

/** The checks that must pass: those that it lists, and those by which what it pins is compared. */
export function demandsOf(policy: Policy): ReportCheck[] {
  const implied: [ReportCheck, boolean][] = [
    ["tdx.platform", policy.platforms.length > 0], ["tdx.measurements", policy.measurements.length > 0],
    ["bind.signer", policy.signers.length > 0], ["bind.model", policy.models.length > 0],
    ["bind.claims", MANIFEST_SOURCES.some((source) => !policy.manifestSources.includes(source))],
    ["gpu.versions", !policy.gpu.isEmpty],
  ];
  return [...new Set([...policy.required, ...implied.filter(([, pinned]) => pinned).map(([id]) => id)])];
}

/** The policy with the sets of a file of reference values beside its own. @throws Refused */
export function referTo(policy: Policy, text: string): Policy {
  const table = readToml(text);
  const sets = table.tables("measurements").map(readSet);
  table.demandNoOther();
  demand(sets.length > 0, "policy names no reference set");
  const measurements = [...policy.measurements, ...sets];
  demandNamedOnce(measurements);
  return { ...policy, measurements };
}

function demandNamedOnce(sets: readonly ReferenceSet[]): void {
  const twice = sets.find(({ name }, at) => sets.findIndex((other) => other.name === name) < at);
  demand(!twice, `two reference sets are named \`${twice?.name}\``);
}

/** @throws Refused */
function readToml(text: string): Table {
  try {
    return new Table(parseToml(text), "policy");
  } catch (error) {
    throw new Refused(`policy is not readable: ${reasonOf(error)}`);
  }
}

/** Without these no other check means anything. */
const FOUNDATIONS: readonly ReportCheck[] = ["tdx.quote", "tdx.tcb", "tdx.debug", "bind.address"];

/** @throws Refused */
export function parsePolicy(text: string): Policy {
  const table = readToml(text);
  const policy: Policy = {
    name: table.string("name"),
    roots: table.oneOf("roots", ["production", "simulated"]),
    bindings: table.strings("bindings").map((name) => one(name, isBinding, "binding")),
    required: table.strings("required").map((name) => {
      demand(!(RECEIPT_CHECKS as readonly string[]).includes(name), `policy requires ${name}, which is about receipts; those checks are always required`);
      return one(name, isReportCheck, "check");
    }),
    tcbStatuses: table.strings("tcb_statuses").map((name) => one(name, isTcbStatus, "TCB status")),
    rejectedAdvisories: table.strings("rejected_advisories", []),
    minTcbEvaluationDataNumber: table.uint("min_tcb_evaluation_data_number", 0),
    manifestSources: table
      .strings("manifest_sources", MANIFEST_SOURCES)
      .map((name) => one(name, isManifestSource, "manifest source")),
    platforms: table.bytes("platforms", (text) => fixedHex(text, 16)),
    models: table.bytes("models", parseDigest),
    signers: table.bytes("signers", parseAddress),
    measurements: table.tables("measurements").map(readSet),
    gpu: readGpuPolicy(table.inner("gpu")),
  };
  table.demandNoOther();
  demand(policy.name !== "", "policy names no name");
  demand(policy.bindings.length > 0, "policy names no binding");
  demand(policy.tcbStatuses.length > 0, "policy names no TCB status");
  demand(!policy.tcbStatuses.includes("Revoked"), "policy accepts the TCB status Revoked; a platform whose keys are revoked proves nothing");
  demandNamedOnce(policy.measurements);
  const missing = FOUNDATIONS.find((id) => !policy.required.includes(id));
  demand(missing === undefined, `policy must require ${missing}: without it no other check means anything`);
  return policy;
}

const isReportCheck = (name: string): name is ReportCheck => (REPORT_CHECKS as readonly string[]).includes(name);
const isTcbStatus = (name: string): name is TcbStatus => (TCB_STATUSES as readonly string[]).includes(name);
const isManifestSource = (name: string): name is ManifestSource => (MANIFEST_SOURCES as readonly string[]).includes(name);

function one<T extends string>(name: string, known: (name: string) => name is T, what: string): T {
  demand(known(name), `policy is not readable: unknown ${what} ${name}`);
  return name;
}

/** A table's members by their types; those that nobody asked for are refused. */
export class Table {
  private readonly asked = new Set<string>();

  constructor(
    private readonly table: TomlTable,
    private readonly what: string,
  ) {}

  private wrong(why: string): never {
    throw new Refused(`policy is not readable: ${why} in ${this.what}`);
  }

  value(name: string): unknown {
    this.asked.add(name);
    return Object.hasOwn(this.table, name) ? this.table[name] : undefined;
  }

  string(name: string): string {
    const value = this.value(name);
    return typeof value === "string" ? value : this.wrong(`no text ${name}`);
  }

  optionalString(name: string): string | undefined {
    return this.value(name) === undefined ? undefined : this.string(name);
  }

  strings(name: string, absent?: readonly string[]): readonly string[] {
    const value = this.value(name) ?? absent;
    const texts = Array.isArray(value) && value.every((item) => typeof item === "string");
    return texts ? (value as string[]) : this.wrong(`no list of texts ${name}`);
  }

  bytes(name: string, parse: (text: string) => Uint8Array | null): Uint8Array[] {
    return this.strings(name, []).map((text) => parse(text) ?? this.wrong(`${text} is not hexadecimal of the right length`));
  }

  optionalHex(name: string, width: number): Uint8Array | null {
    const text = this.optionalString(name);
    return text === undefined ? null : fixedHex(text, width) ?? this.wrong(`${name} is not ${2 * width} hexadecimal digits`);
  }

  uint(name: string, absent: number): number {
    const value = this.value(name) ?? absent;
    const whole = typeof value === "number" && Number.isInteger(value) && value >= 0 && value < 2 ** 32;
    return whole ? value : this.wrong(`no number ${name}`);
  }

  oneOf<T extends string>(name: string, known: readonly T[]): T {
    const value = this.string(name);
    return known.find((one) => one === value) ?? this.wrong(`unknown ${name} ${value}`);
  }

  tables(name: string): Table[] {
    const value = this.value(name) ?? [];
    if (!Array.isArray(value)) return this.wrong(`no list of tables ${name}`);
    return value.map((item) => new Table(asTable(item) ?? this.wrong(`no list of tables ${name}`), `${name}`));
  }

  /** A table inside, if there is one. */
  inner(name: string): Table | null {
    const value = this.value(name);
    return value === undefined ? null : new Table(asTable(value) ?? this.wrong(`no table ${name}`), name);
  }

  demandNoOther(): void {
    const other = Object.keys(this.table).find((name) => !this.asked.has(name));
    if (other !== undefined) this.wrong(`unknown member ${other}`);
  }
}

function asTable(value: unknown): TomlTable | null {
  const plain = typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
  return plain ? (value as TomlTable) : null;
}
