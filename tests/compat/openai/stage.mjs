// node stage.mjs JURAT_BINARY: the engine and a sidecar in front of it, until standard input ends. Prints where the sidecar is.
import { startJurat } from '../0g/jurat.mjs';
import { startEngine } from './engine.mjs';

const [bin] = process.argv.slice(2);
const engine = await startEngine();
const jurat = await startJurat({ bin, engine: engine.url });
console.log(jurat.url);
process.stdin.resume().on('end', () => process.exit());
