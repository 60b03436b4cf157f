// Figures: dots for each run's value, bars for counts. The numbers are said in the caption and the picture's name as well.

function swarm(title, text, spreads, W, {unit, limit, limitName, log}) {
  if (!spreads.length) return null;
  const narrow = W < 500, L = narrow ? 0 : 164, R = 64, rowH = narrow ? 52 : 38, H = spreads.length * rowH + 14;
  const most = Math.max(limit ?? 0, ...spreads.map(p => p.most)) || 1, least = Math.max(1e-3, Math.min(...spreads.flatMap(p => p.values).filter(v => v > 0), most));
  log = log && most / least >= 8;   // what lies close together is told apart on a plain axis
  const lo = Math.log10(least) - .1, hi = Math.log10(most), span = hi - lo || 1, width = W - L - R - 12;
  const x = v => L + 8 + width * (log ? (Math.log10(Math.max(v, least)) - lo) / span : v / most);
  const decades = Array.from({length: 16}, (_, n) => 10 ** (n - 3)), within = (...steps) => decades.flatMap(p => steps.map(m => p * m)).filter(v => v >= least && v <= most);
  const marks = !log ? ticks(most, 4) : within(1).length > 1 ? within(1) : within(1, 2, 5);
  const rows = spreads.map((p, i) => {
    const yy = i * rowH + (narrow ? 52 : 38), bins = new Map(), dots = p.values.map(v => {
      const b = Math.round(x(v) / 5), n = bins.get(b) ?? 0; bins.set(b, n + 1); const cy = yy - (n % 5) * 4.6, cx = b * 5;
      return limit != null && v > limit ? s("path", {class: "beyond", d: `M${cx - 3.5} ${cy - 3.5}l7 7m0-7l-7 7`}) : s("circle", {class: "bee", cx, cy, r: 2.4}); });
    return [s("path", {class: "base", d: `M0 ${yy + 6}H${W - R}`}), dots, s("path", {class: "median", d: `M${x(p.median)} ${yy - 10}V${yy + 8}`}), s("text", {class: "lane", x: 0, y: narrow ? yy - 26 : yy - 3}, p.name), s("text", {class: "val", x: W, y: yy - 3, "text-anchor": "end"}, unit(p.most))]; });
  return h("figure", {class: "figure"}, h("figcaption", {}, h("h3", {}, title), h("p", {}, text)),
    s("svg", {width: W, height: H + 30, viewBox: `0 0 ${W} ${H + 30}`, role: "img", "aria-label": `${title}. ${spreads.map(p => `${p.name}: median ${unit(p.median)}, most ${unit(p.most)}`).join("; ")}`},
      marks.map(v => [s("path", {class: "grid", d: `M${x(v)} 6V${H}`}), s("text", {class: "tick", x: x(v), y: H + 18, "text-anchor": "middle"}, unit(v))]),
      limit != null && [s("path", {class: "claim", d: `M${x(limit)} 0V${H}`}), s("text", {class: "claimed", x: x(limit) + (x(limit) > 120 ? -6 : 6), y: 11, "text-anchor": x(limit) > 120 ? "end" : "start"}, `${limitName} ${unit(limit)}`)], rows));
}

function fell(counts, W) {
  const most = Math.max(...counts), total = counts.reduce((a, b) => a + b, 0), H = 130, bar = W / counts.length, never = counts.filter(n => !n).length;
  return h("figure", {class: "figure"}, h("figcaption", {}, h("h3", {}, "Where in a batch the kills fell"), h("p", {}, `${plural(total, "kill and restart", "kills and restarts")} of the server, by tenths of a batch. ${never ? `${plural(never, "tenth")} ${never === 1 ? "was" : "were"} never hit.` : "Every tenth was hit."}`)),
    s("svg", {width: W, height: H + 42, viewBox: `0 0 ${W} ${H + 42}`, role: "img", "aria-label": `Kills for each tenth of a batch: ${counts.join(", ")}`}, s("path", {class: "axis", d: `M0 ${H + 20}H${W}`}),
      counts.map((n, i) => { const height = H * n / most, x = i * bar; return [n > 0 && s("rect", {class: "column", x: x + bar * .14, y: H + 20 - height, width: bar * .72, height, rx: 2}), s("text", {class: n ? "val strong" : "val", x: x + bar / 2, y: H + 14 - height, "text-anchor": "middle"}, n), s("text", {class: "tick", x: x + bar / 2, y: H + 37, "text-anchor": "middle"}, i + 1)]; })));
}

function covered(cells) {
  const never = cells.filter(c => !c.hits).length;
  return h("figure", {class: "figure"}, h("figcaption", {}, h("h3", {}, "Cells that are owed"), h("p", {}, `A level takes a confirmed fault in each of these: class of call, third of the job, victim, fault. ${never ? `${plural(never, "cell")} ${never === 1 ? "was" : "were"} never hit.` : "Every one was hit."}`)),
    h("table", {class: "fates"}, h("thead", {}, h("tr", {}, ["scenario", "fault", "victim", "call", "third of the job", "hits"].map(name => h("th", {scope: "col"}, name)))),
      h("tbody", {}, cells.map(c => h("tr", {}, [c.scenario, c.fault, c.victim, c.call, c.batch, c.hits || "none"].map(value => h("td", {}, value)))))));
}

function figures(all) {
  const W = all >= 1064 ? (all - 64) / 2 : all;   // two beside each other, each drawn at its own width
  return Object.entries(data.figures).map(([name, f], _, several) => {
    const times = f.recovery.flatMap(p => p.values), slow = Math.max(...f.recovery.map(p => p.most)), over = f.rework.reduce((n, p) => n + p.beyond, 0);
    const drawn = [
      swarm("Recovery times", times.length ? `From each fault on the server to the first answer after it; the slowest took ${ms(slow)}${f.claim_s != null ? `, and ${ms(f.claim_s)} is claimed` : "; the profile claims no time"}.` : "", f.recovery, W, {unit: ms, limit: f.claim_s, limitName: "claimed", log: true}),
      f.fell.some(n => n) && fell(f.fell, W),
      f.covered?.length && covered(f.covered),
      swarm("Work done again, per fault", `Records executed a second time, by the ledger. One batch (${f.allowed}) for each fault is the price of a crash; ${over ? `${plural(over, "run")} paid more` : "no run paid more"}.`, f.rework, W, {unit: v => +v.toFixed(1), limit: f.allowed, limitName: "allowed", log: false}),
      swarm("Memory per life", "The most that one life of the server has held.", f.memory, W, {unit: bytes, log: true}),
      swarm("Bytes written per life", "What one life of the server has caused to be written to storage.", f.written, W, {unit: bytes, log: false})].filter(Boolean);
    return [several.length > 1 && h("h3", {class: "of"}, name), h("div", {class: "figures"}, drawn.length ? drawn : h("p", {class: "sub"}, "No server was killed or restarted, so that there is nothing to draw.")),
      !f.memory.length && h("p", {class: "note"}, "Not measured here: memory and bytes written per life.")];
  });
}
