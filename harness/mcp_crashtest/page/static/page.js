// The page: which view is shown, what the filters leave, and where the focus goes.

const filter = {verdict: "", victim: "", protocol: "", scenario: ""};
const fits = r => (!filter.verdict || r.verdict === filter.verdict) && (!filter.protocol || r.protocol === filter.protocol) && (!filter.victim || r.victims.includes(filter.victim)) && (!filter.scenario || r.scenario === filter.scenario);
const cells = () => [...document.querySelectorAll(".matrix a.cell")];

function sift() {
  let n = 0;
  for (const c of cells()) { const out = !fits(data.runs[c.dataset.run]); c.classList.toggle("out", out); c.toggleAttribute("aria-hidden", false); if (!out) n += 1; }
  const any = Object.values(filter).some(Boolean);   // a row of which nothing is left goes
  for (const row of document.querySelectorAll(".matrix tr[data-scenario]")) row.hidden = any && !row.querySelector("a.cell:not(.out)");
  for (const b of document.querySelectorAll("[data-filter]")) b.setAttribute("aria-pressed", String(filter[b.dataset.filter] === b.dataset.value));
  one(cells().find(c => !c.classList.contains("out")));
  say(`${plural(n, "run")} shown`);
}
function one(cell) {   // one cell takes the Tab key: the last one that had the focus
  for (const c of document.querySelectorAll(".matrix a.cell[tabindex='0']")) c.tabIndex = -1;
  if (cell) cell.tabIndex = 0;
}
function walk(e) {
  const from = e.target.closest?.("a.cell"); if (!from) return;
  const rows = new Map(); for (const c of cells().filter(c => !c.classList.contains("out") && !c.closest("tr").hidden)) { const row = c.closest("tr"); rows.set(row, [...(rows.get(row) ?? []), c]); }
  const lines = [...rows.values()], row = rows.get(from.closest("tr")) ?? [], at = row.indexOf(from), y = lines.indexOf(row), x = from.getBoundingClientRect().x;
  const near = to => to?.reduce((a, b) => Math.abs(b.getBoundingClientRect().x - x) < Math.abs(a.getBoundingClientRect().x - x) ? b : a);
  const to = {ArrowRight: () => row[at + 1], ArrowLeft: () => row[at - 1], ArrowDown: () => near(lines[y + 1]), ArrowUp: () => near(lines[y - 1]), Home: () => row[0], End: () => row.at(-1)}[e.key]?.();
  if (to) { one(to); to.focus(); e.preventDefault(); }
}

const reportView = document.getElementById("report"), runView = document.getElementById("run"), title = document.title;
let came = null, drawn = 0;
const wanted = hash => { const found = hash.match(/^#run\/(.+?)(?:@(\d+))?$/); let run = null; try { run = found && data.runs[decodeURIComponent(found[1])]; } catch { run = null; } return {run, target: found?.[2] == null ? null : +found[2]}; };

function drawReport() {   // once for each width
  const W = widths(); if (drawn === W) return; drawn = W;
  const place = document.getElementById("feature"), run = data.runs[data.featured];
  if (run) place.replaceChildren(...put(h("div"), feature(run)).childNodes); else place?.remove();
  for (const table of document.querySelectorAll(".framed")) table.previousElementSibling.hidden = table.scrollWidth <= table.clientWidth;
  document.getElementById("figures").replaceChildren(...put(h("div"), figures(W)).childNodes);
}
function show(moved) {
  const {run, target} = wanted(location.hash);
  reportView.hidden = Boolean(run); runView.hidden = !run;
  if (run) {
    runView.replaceChildren(...put(h("div"), runPage(run, target)).childNodes);
    document.title = `${run.verdict}: ${run.scenario} ${run.name}`;
    const row = target == null ? null : document.getElementById(`event-${target}`);
    if (row) { row.scrollIntoView({block: "center"}); row.focus(); } else if (moved) { scrollTo(0, 0); runView.querySelector(".title").focus({preventScroll: true}); }
    return;
  }
  runView.replaceChildren(); document.title = title; drawReport();
  if (moved && came) { const cell = cells().find(c => c.dataset.run === came); if (cell) { one(cell); cell.focus(); cell.scrollIntoView({block: "center"}); } came = null; }
}

addEventListener("hashchange", e => { const before = wanted(new URL(e.oldURL).hash).run; if (before) came = before.id; show(true); });
addEventListener("keydown", e => { if (e.key === "Escape" && !runView.hidden) location.hash = ""; });
let asked; addEventListener("resize", () => { cancelAnimationFrame(asked); asked = requestAnimationFrame(() => { if (runView.hidden) drawReport(); else show(false); }); });
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach(d => { if (!d.open && d.id !== "events") { d.dataset.folded = ""; d.open = true; } }));
addEventListener("afterprint", () => document.querySelectorAll("details[data-folded]").forEach(d => { d.open = false; delete d.dataset.folded; }));
document.querySelector(".skip").addEventListener("click", e => { e.preventDefault(); (runView.hidden ? document.getElementById("verdict") : runView.querySelector(".title")).focus(); });
document.getElementById("filters").addEventListener("click", e => { const b = e.target.closest("[data-filter]"); if (b) { filter[b.dataset.filter] = b.dataset.value; sift(); } });
document.getElementById("scenario").addEventListener("change", e => { filter.scenario = e.target.value; sift(); });
for (const table of document.querySelectorAll(".matrix")) { table.addEventListener("keydown", walk); table.addEventListener("focusin", e => { const c = e.target.closest(".cell"); if (c) one(c); }); }
document.querySelector("[data-copies]")?.addEventListener("click", e => copy(e, document.querySelector("#badge svg").outerHTML));
const THEMES = ["auto", "light", "dark"], theme = document.getElementById("theme");
theme.addEventListener("click", () => { const now = document.documentElement.dataset.theme ?? "auto", to = THEMES[(THEMES.indexOf(now) + 1) % 3]; if (to === "auto") delete document.documentElement.dataset.theme; else document.documentElement.dataset.theme = to; theme.textContent = `Theme: ${to}`; });
one(cells().find(c => c.classList.contains("FAIL")) ?? cells()[0]);
show(false);
