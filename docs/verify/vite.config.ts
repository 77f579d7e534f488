import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

const digest = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

/** Puts script and style into the one file. It may run these two and nothing else, and ask only over TLS or on this machine. */
function oneFile(): Plugin {
  return {
    name: "one-file",
    enforce: "post",
    generateBundle(_, bundle) {
      const files = Object.values(bundle);
      const script = files.find((file) => file.type === "chunk")?.code.trim().replaceAll("</script", "<\\/script");
      const style = files.find((file) => file.type === "asset" && file.fileName.endsWith(".css"));
      const html = files.find((file) => file.type === "asset" && file.fileName.endsWith(".html"));
      if (files.length !== 3 || script === undefined || style?.type !== "asset" || html?.type !== "asset") {
        throw new Error("the page is one script, one style and one document");
      }
      const css = String(style.source).trim();
      const policy = [
        "default-src 'none'",
        `script-src ${digest(script)}`,
        `style-src ${digest(css)}`,
        "img-src data:",
        "connect-src https: http://127.0.0.1:* http://localhost:*",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
      ].join("; ");
      const replace = (text: string, what: RegExp | string, by: string) => {
        const replaced = text.replace(what, () => by);
        if (replaced === text) throw new Error(`the document has no ${what}`);
        return replaced;
      };
      let source = replace(String(html.source), "CONTENT_SECURITY_POLICY", policy);
      source = replace(source, /<script type="module"[^>]*><\/script>/, `<script type="module">${script}</script>`);
      html.source = replace(source, /<link rel="stylesheet"[^>]*>/, `<style>${css}</style>`);
      html.fileName = "verify.html";
      for (const [name, file] of Object.entries(bundle)) if (file !== html) delete bundle[name];
    },
  };
}

/** `--mode judge` builds the library that the Node tests load, from the same modules as the page. */
export default defineConfig(({ mode }) => ({
  root: here("."),
  base: "./",
  // What the published verifier rests on: page and tests take the same arithmetic, and it has no network.
  resolve: {
    alias: {
      crypto: here("src/nothing.ts"),
      "node-fetch": here("src/nothing.ts"),
      elliptic: here("src/arithmetic.ts"),
      "hash.js": here("src/arithmetic.ts"),
    },
  },
  plugins: mode === "judge" ? [] : [oneFile()],
  build: {
    target: "es2022",
    modulePreload: { polyfill: false },
    cssCodeSplit: false,
    reportCompressedSize: false,
    ...(mode === "judge"
      ? { outDir: here("build"), minify: false, lib: { entry: here("src/index.ts"), formats: ["es"], fileName: "judge" } }
      : { outDir: here("dist"), assetsInlineLimit: Number.MAX_SAFE_INTEGER, rolldownOptions: { input: here("index.html") } }),
  },
}));
