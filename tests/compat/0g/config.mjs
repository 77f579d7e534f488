// A broker's configuration as a provider has it: the template of deploy/0g, with what stands in CAPITALS filled in.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

// The name that jurat has among the services of deploy/0g/compose.yaml.
const JURAT = 'http://jurat:8000';

// `jurat` is where that service is in truth; `given` has a value for each of the template's names.
export function brokerConfig({ parse, year, given, jurat }) {
  const left = new Map(Object.entries(given));
  const filled = (value) => {
    if (Array.isArray(value)) return value.map(filled);
    if (value !== null && typeof value === 'object') {
      return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, filled(one)]));
    }
    if (typeof value !== 'string') return value;
    return value.replace(/[A-Z]+(?:[_.][A-Z]+)+|^MODEL$/g, (name) => {
      assert.ok(name in given, `the kit has no ${name}`);
      left.delete(name);
      return given[name];
    });
  };
  const config = filled(parse(readFileSync(new URL(`../../../deploy/0g/config.local.${year}.yaml`, import.meta.url), 'utf8')));
  assert.deepEqual([...left.keys()], [], 'names that the template does not have');
  assert.equal(config.service.targetUrl, JURAT);
  config.service.targetUrl = jurat;
  return config.service;
}
