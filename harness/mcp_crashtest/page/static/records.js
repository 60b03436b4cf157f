// The records: what was expected above what was found, in the order of the output; then each harmed group's own story.

const FATE = {twice: "again", lost: "lost", changed: "changed", unexpected: "unexpected", moved: "out of order"};

function strip(d, W) {
  const B = d.batch, every = d.total <= 150, parts = [];
  for (const {kind, first, count} of d.records.hunks) {
    if (first < 0) { parts.push({kind, batch: -1, first, n: count}); continue; }
    for (let i = first; i < first + count;) { const b = Math.floor(i / B), n = Math.min(first + count, (b + 1) * B) - i; parts.push({kind, batch: b, first: i, n}); i += n; }
  }
  const blocks = parts.length <= 160 ? parts : parts.reduce((all, p) => {   // many batches: neighbours of one fate are one block
    const last = all.at(-1); if (last && last.kind === p.kind && last.m < 1 + parts.length / 120) { last.n += p.n; last.m += 1; } else all.push({...p, m: 1}); return all; }, []);
  if (blocks.length > 400) return null;
  const narrow = W < 700, L = narrow ? 0 : 136, units = blocks.reduce((n, b) => n + (every ? b.n : 1), 0) || 1;
  const gap = Math.min(8, 120 / blocks.length + 1), side = Math.max(1.5, Math.min(16, (W - L - gap * blocks.length - 2) / units)), height = Math.max(13, Math.min(16, side + 2)), y1 = narrow ? 36 : 22, y2 = y1 + height + (narrow ? 24 : 12);
  const bad = blocks.filter(b => b.kind !== "same"), out = []; let x = L, free = 0;   // free: where the next text may begin
  for (const b of blocks) {
    const n = every ? b.n : 1, w = n * side, cells = (yy, kind) => Array.from({length: n}, (_, k) => s("rect", {class: `rec ${kind}`, x: x + k * side, y: yy, width: Math.max(1, side - (side > 5 ? 2 : .5)), height, rx: side > 6 ? 2 : 0}));
    const extra = b.kind === "twice" || b.kind === "unexpected";
    out.push(extra ? s("path", {class: "hole", d: `M${x + w / 2 - 1} ${y1 + 2}V${y2 - 4}`}) : cells(y1, "ex"), cells(y2, b.kind === "same" ? "" : b.kind));
    if (!extra && w > 14) out.push(s("text", {class: "tick", x: x + w / 2 - 1, y: y1 - 8, "text-anchor": "middle"}, b.batch + 1));
    if (b.kind !== "same" && bad.length <= 4) { const text = b.batch < 0 ? "unexpected" : `batch ${b.batch + 1} ${FATE[b.kind]}`, wide = 7.2 * text.length, at = Math.max(L, Math.min(x + w / 2 - 1 - wide / 2, W - wide));
      out.push(s("path", {class: "brace", d: `M${x} ${y2 + height + 5}v4h${Math.max(2, w - 2)}v-4`})); if (at >= free) { out.push(s("text", {class: "said", x: at + wide / 2, y: y2 + height + 25, "text-anchor": "middle"}, text)); free = at + wide + 6; } }
    x += w + gap;
  }
  const found = d.records.found;
  return s("svg", {class: "records", width: W, height: y2 + height + 32, viewBox: `0 0 ${W} ${y2 + height + 32}`, role: "img", "aria-label": `Expected ${d.total} records, found ${found}, in the order of the output: ${d.records.hunks.slice(0, 12).map(k => `${k.count} ${k.kind === "same" ? "as expected" : FATE[k.kind]}`).join(", ")}`},
    narrow ? [s("text", {class: "lane", x: 0, y: 12}, `expected ${number(d.total)}`), s("text", {class: "lane", x: 0, y: y2 - 8}, `found ${number(found)}`)]
      : [s("text", {class: "lane", x: 0, y: y1 + 13}, "Expected"), s("text", {class: "lane n", x: 114, y: y1 + 13, "text-anchor": "end"}, number(d.total)), s("text", {class: "lane", x: 0, y: y2 + 13}, "Found"), s("text", {class: "lane n", x: 114, y: y2 + 13, "text-anchor": "end"}, number(found))], out);
}

const when = (w, next) => [w.first === w.last ? `line ${w.first}` : `lines ${w.first}–${w.last}`, h("small", {}, [next && next.by === w.by && !w.seen ? "before that" : w.by != null && `${w.seen ? "at" : "by"} ${ms(w.by)}`, w.call && `call ${w.call} of client life ${w.client}`, w.server && `server life ${w.server}`].filter(Boolean).join(", "))];

function diff(d) {
  const most = 12, shown = d.fates.slice(0, most), writings = Math.max(0, ...shown.map(f => f.written.length));
  return [h("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": "Records, expected against found"}, h("table", {class: "fates"},
      h("thead", {}, h("tr", {}, h("th", {scope: "col"}, "Records"), h("th", {scope: "col", class: "r"}, "Expected"), h("th", {scope: "col", class: "r"}, "Found"), writings > 0 && h("th", {scope: "col"}, "Executed (ledger)"), writings > 1 && h("th", {scope: "col"}, "and again"))),
      h("tbody", {}, shown.map(f => h("tr", {}, h("th", {scope: "row"}, h("code", {}, f.names[0]), f.first !== f.last && h("small", {}, "to ", h("code", {}, f.names[1]), `, ${plural(f.last - f.first + 1, "record")} of batch ${f.batch}`)),
        h("td", {class: "r"}, f.first < 0 ? "never" : "once"), h("td", {class: "r wrong"}, h("b", {}, f.kind === "twice" ? (f.times === 2 ? "twice" : `${f.times} times`) : f.kind)),
        writings > 0 && h("td", {}, f.written[0] ? when(f.written[0], f.written[1]) : "never"), writings > 1 && h("td", {class: "wrong"}, f.written.slice(1).map((w, i) => when(w, f.written[i + 2])))))))),
    h("h4", {}, "Who wrote them"), h("ul", {class: "stories"}, d.stories.slice(0, 6).map(text => h("li", {}, text))),
    d.stories.length > 6 && h("details", {}, h("summary", {}, `${plural(d.stories.length - 6, "more story", "more stories")}`), h("ul", {class: "stories"}, d.stories.slice(6).map(text => h("li", {}, text))))];
}

function records(d, W) {
  const r = d.records;
  if (r.differences?.length) return [h("h3", {}, "The client's result, expected against actual"), h("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": "The client's result"}, h("table", {class: "fates"}, h("thead", {}, h("tr", {}, ["Where", "Expected", "Actual"].map(n => h("th", {scope: "col"}, n)))),
    h("tbody", {}, r.differences.map(v => h("tr", {}, h("th", {scope: "row"}, h("code", {}, v.path)), h("td", {}, h("code", {}, v.expected)), h("td", {class: "wrong"}, h("code", {}, v.actual)))))))];
  if (r.failed != null) return [h("h3", {}, "The output"), h("p", {class: "calm"}, "There is none: the job ended as failed. ", h("code", {}, r.failed))];
  if (r.at == null) return [h("h3", {}, "The output"), h("p", {class: "calm"}, "There is none: the run ended before it.")];
  if (r.found == null) return [h("h3", {}, "The output"), h("p", {class: "calm"}, r.reported == null ? "It came, as in the undisturbed run." : `The subject reports ${plural(r.reported, "record")}; nobody has said where they are.`)];
  const picture = strip(d, W), title = h("h3", {}, "Records, in the order of the output");
  if (d.fates.length) return [title, picture, diff(d)];
  const moved = r.hunks.some(k => k.kind === "moved");
  return [title, picture, h("p", {class: "calm"}, mark("PASS", 14), ` Each of the ${number(r.found)} records is in the output once, with the undisturbed run's content${moved ? ", in another order" : ""}${d.again ? `. ${plural(d.again, "record")} ${d.again === 1 ? "was" : "were"} executed a second time${d.bolts.some(b => b.harm) ? ": a crash may cost the batch under way" : ""}` : ""}.`)];
}
