// Makes api/static/built/: the editor's script and style (with a fingerprint in the name), the faces of the site, and the
// licences of what was put in. The folder is made beside and then swapped, so that a build that fails leaves the old one.
import { build } from "esbuild";
import { copyFile, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const HERE = dirname(fileURLToPath(import.meta.url));
const MODULES = join(HERE, "node_modules");
const OUT = join(HERE, "..", "api", "static", "built");
const NEW = `${OUT}.new`;
const FONTS = {
  "@fontsource-variable/newsreader": "newsreader-latin-wght-normal.woff2",
  "@fontsource-variable/source-sans-3": "source-sans-3-latin-wght-normal.woff2",
  "@fontsource/source-code-pro": "source-code-pro-latin-400-normal.woff2",
};

await rm(NEW, { recursive: true, force: true });
await mkdir(join(NEW, "fonts"), { recursive: true });
const made = await build({
  absWorkingDir: HERE,
  entryPoints: ["src/editor.js", "src/editor.css"],
  outdir: NEW,
  entryNames: "[name]-[hash]",
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2022"],
  external: ["*.woff2"],
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
});
for (const [name, file] of Object.entries(FONTS)) {
  await copyFile(join(MODULES, name, "files", file), join(NEW, "fonts", file));
}
for (const file of Object.keys(made.metafile.outputs)) {
  const path = join(HERE, file);
  await writeFile(`${path}.gz`, gzipSync(await readFile(path), { level: 9 })); // what the server sends
}
await writeFile(join(NEW, "licences.txt"), await licences(Object.keys(made.metafile.inputs)));
await writeFile(join(NEW, "manifest.json"), JSON.stringify(names(made.metafile.outputs), null, 1) + "\n");
await rm(OUT, { recursive: true, force: true });
await rename(NEW, OUT);

/** Which file stands for which source: {"editor.js": "editor-4F2K….js"}. */
function names(outputs) {
  const pairs = Object.entries(outputs).filter(([, told]) => told.entryPoint);
  return Object.fromEntries(pairs.map(([file, told]) => [basename(told.entryPoint), basename(file)]));
}

/** The licence texts of the packages whose files were bundled or copied, which these ask to be passed on. */
async function licences(inputs) {
  const bundled = inputs.map((file) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1]).filter(Boolean);
  const texts = [...new Set([...bundled, ...Object.keys(FONTS)])].sort().map(async (name) => {
    const { version, license } = JSON.parse(await readFile(join(MODULES, name, "package.json"), "utf8"));
    const file = (await readdir(join(MODULES, name))).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file ? await readFile(join(MODULES, name, file), "utf8") : `Licence: ${license}\n`;
    return `${name} ${version} (${license})\n\n${text.trim()}\n`;
  });
  return (await Promise.all(texts)).join(`\n${"=".repeat(72)}\n\n`);
}
