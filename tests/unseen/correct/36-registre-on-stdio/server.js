// Compte les lignes d'un registre, par lots, sur l'entrée standard. Un fichier par travail, remplacé d'un coup.
const fs = require("fs"), path = require("path"), crypto = require("crypto"), readline = require("readline");
const [dossier, registre] = process.argv.slice(2);
const menage = process.argv.includes("--menage");
const travaux = new Map();
const dire = (m) => { try { process.stdout.write(JSON.stringify(m) + "\n"); } catch {} };
process.stdout.on("error", () => {});
function garder(t) {
  const nouveau = path.join(dossier, `${t.numero}.tmp-${process.pid}`);
  const f = fs.openSync(nouveau, "w");
  fs.writeSync(f, JSON.stringify(t)); fs.fsyncSync(f); fs.closeSync(f);
  fs.renameSync(nouveau, path.join(dossier, `${t.numero}.json`));
}
function lot(t) {
  const fin = Math.min(t.lignes.length + t.lot, t.sur), faites = [];
  for (let no = t.lignes.length; no < fin; no++) faites.push({ no, somme: (no * 31) % 97 });
  fs.appendFileSync(registre, faites.map((l) => JSON.stringify({ task: t.numero, record: String(l.no) }) + "\n").join(""));
  t.lignes.push(...faites);
  garder(t);
  if (t.lignes.length < t.sur) setTimeout(lot, 150, t);
}
function demarrer({ lignes, lot: taille, cle }) {
  const numero = crypto.createHash("sha1").update(`${cle}|${lignes}|${taille}`).digest("hex").slice(0, 12);
  if (!travaux.has(numero)) {
    const t = { numero, sur: lignes, lot: taille, lignes: [] };
    garder(t); travaux.set(numero, t); setTimeout(lot, 150, t);
  }
  return { numero };
}
function etat({ numero }) {
  const t = travaux.get(numero);
  if (!t) throw new Error(`aucun travail ${numero}`);
  const fini = t.lignes.length >= t.sur;
  return { etat: fini ? "terminé" : "en cours", faites: t.lignes.length, sur: t.sur, ...(fini ? { lignes: t.lignes } : {}) };
}
const OUTILS = { demarrer, etat };
function repondre({ id, method, params }) {
  if (id === undefined) return;
  if (method === "initialize") return dire({ jsonrpc: "2.0", id, result: { protocolVersion: "2025-06-18", capabilities: { tools: {} }, serverInfo: { name: "registre", version: "1" } } });
  if (method === "ping") return dire({ jsonrpc: "2.0", id, result: {} });
  if (method === "tools/list") return dire({ jsonrpc: "2.0", id, result: { tools: Object.keys(OUTILS).map((name) => ({ name, inputSchema: { type: "object" } })) } });
  if (method === "tools/call" && OUTILS[params.name]) {
    try { return dire({ jsonrpc: "2.0", id, result: { content: [{ type: "text", text: JSON.stringify(OUTILS[params.name](params.arguments)) }] } }); }
    catch (e) { return dire({ jsonrpc: "2.0", id, result: { content: [{ type: "text", text: e.message }], isError: true } }); }
  }
  dire({ jsonrpc: "2.0", id, error: { code: -32601, message: "inconnu" } });
}
fs.mkdirSync(dossier, { recursive: true });
for (const nom of fs.readdirSync(dossier).filter((n) => n.endsWith(".json"))) {
  const t = JSON.parse(fs.readFileSync(path.join(dossier, nom)));
  travaux.set(t.numero, t);
  if (t.lignes.length < t.sur) setTimeout(lot, 150, t);
}
readline.createInterface({ input: process.stdin }).on("line", (l) => repondre(JSON.parse(l))).on("close", () => {
  if (!menage) process.exit(0); // --menage: d'abord finir ce qui est commencé
});
process.on("SIGTERM", () => process.exit(0));
