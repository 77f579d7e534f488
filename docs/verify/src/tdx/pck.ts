/** What a PCK certificate says of its platform (Intel, *SGX PCK Certificate and CRL Profile*, section 1.3). */

import { demand, Refused } from "../check.ts";
import { ENUMERATED, INTEGER, OCTETS, OID, oidText, SEQUENCE, elements, sequence, type Tlv } from "../der.ts";
import type { Certificate } from "../x509.ts";

const SGX = "1.2.840.113741.1.13.1";

export interface Platform {
  readonly ppid: Uint8Array;
  readonly cpuSvn: Uint8Array;
  readonly pceSvn: number;
  readonly fmspc: Uint8Array;
  readonly pceId: Uint8Array;
}

/** @throws Refused */
export function platformOf(certificate: Certificate): Platform {
  const extension = certificate.extension(SGX);
  demand(extension, "the PCK certificate does not name its platform");
  const members = entries(sequence(extension));
  const tcb = entries(elements(value(members, `${SGX}.2`, SEQUENCE)));
  value(members, `${SGX}.5`, ENUMERATED);
  const cpuSvn = value(tcb, `${SGX}.2.18`, OCTETS);
  const fmspc = value(members, `${SGX}.4`, OCTETS);
  const pceSvn = value(tcb, `${SGX}.2.17`, INTEGER);
  demand(cpuSvn.length === 16 && fmspc.length === 6, "the PCK certificate names its platform in another form");
  demand(pceSvn.length === 1 || pceSvn.length === 2, "the PCK certificate's PCESVN has another length");
  return {
    ppid: value(members, `${SGX}.1`, OCTETS),
    cpuSvn,
    pceSvn: pceSvn.reduce((number, byte) => number * 256 + byte, 0),
    fmspc,
    pceId: value(members, `${SGX}.3`, OCTETS),
  };
}

function entries(list: readonly Tlv[]): Map<string, Tlv> {
  const found = new Map<string, Tlv>();
  for (const entry of list) {
    if (entry.tag !== SEQUENCE) throw new Refused("the PCK certificate's extension is not a list of members");
    const [name, value] = elements(entry.value);
    demand(name?.tag === OID && value, "the PCK certificate's extension is not a list of members");
    const oid = oidText(name.value);
    // the first of two is the one that counts, as to other readers
    if (!found.has(oid)) found.set(oid, value);
  }
  return found;
}

function value(of: Map<string, Tlv>, oid: string, tag: number): Uint8Array {
  const found = of.get(oid);
  demand(found?.tag === tag, `the PCK certificate lacks ${oid}`);
  return found.value;
}
