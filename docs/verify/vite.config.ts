import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { viteSingleFile } from "vite-plugin-singlefile";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** `--mode judge` builds the library that the Node tests load, from the same modules as the page. */
export default defineConfig(({ mode }) => ({
  root: here("."),
  base: "./",
  // The published verifier asks for Node's crypto where it finds it: page and tests both take its own arithmetic.
  resolve: { alias: { crypto: here("src/no-crypto.ts"), "node-fetch": here("src/no-crypto.ts") } },
  plugins: mode === "judge" ? [] : [viteSingleFile({ removeViteModuleLoader: true })],
  build: {
    target: "es2022",
    modulePreload: false,
    reportCompressedSize: false,
    ...(mode === "judge"
      ? { outDir: here("build"), minify: false, lib: { entry: here("src/index.ts"), formats: ["es"], fileName: "judge" } }
      : { outDir: here("dist"), assetsInlineLimit: Number.MAX_SAFE_INTEGER, rolldownOptions: { input: here("index.html") } }),
  },
}));
