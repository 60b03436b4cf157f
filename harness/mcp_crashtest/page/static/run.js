// One run, told whole: its picture, its sentences, its records, and everything that shows them.

const widths = () => { const w = document.documentElement.clientWidth; return Math.max(280, Math.min(1088, w - (w < 700 ? 40 : 96))); };
const links = (run, numbers) => numbers.map((n, i) => [i > 0 && ", ", h("a", {href: `#run/${encodeURIComponent(run.id)}@${n}`}, `event ${n}`)]);

function picture(run, d, W, list) {
  const readout = h("p", {class: "readout", role: "status"}, "One time axis for all. Point at the picture, or focus it and use the arrow keys, to read the events; a number leads to its sentence.");
  const stage = h("div", {class: "stage", tabindex: 0, role: "group", "aria-label": "Timeline: left and right arrow keys go through the events"}, timeline(run, d, W));
  const f = frame(d, W), cursor = stage.querySelector(".cursor"), events = d.events ?? []; let shown = -1;
  const point = at => { shown = Math.max(0, Math.min(events.length - 1, at)); const e = events[shown]; if (!e) return;
    cursor.setAttribute("visibility", "visible"); cursor.setAttribute("transform", `translate(${f.x(e[1])} 0)`);
    readout.textContent = `#${e[0]} · ${ms(e[1])} · ${e[2]} · ${e[4]} ${e[3]}${e[6] ? `: ${e[6]}` : ""}`; };
  stage.addEventListener("keydown", e => { const to = {ArrowRight: shown + 1, ArrowLeft: shown - 1, Home: 0, End: 1e9}[e.key]; if (to != null) { point(to); e.preventDefault(); } });
  stage.querySelector(".catch").addEventListener("pointermove", e => { const box = e.currentTarget.getBoundingClientRect(), t = (e.clientX - box.x) / (box.width || 1) * d.end; let best = 0; events.forEach((v, i) => { if (Math.abs(v[1] - t) < Math.abs(events[best][1] - t)) best = i; }); point(best); });
  stage.addEventListener("click", e => { const at = e.target.closest?.("[data-step]")?.dataset.step; if (at == null) return;
    for (const item of list.children) item.classList.toggle("picked", item === list.children[at]); list.children[at].scrollIntoView({block: "nearest"}); });
  return h("figure", {class: "run"}, readout, stage, d.acknowledged.length + d.executed.length > 0 && h("p", {class: "key"}, ["Upper stair: executed, by the ledger", "lower stair with dots: acknowledged", d.counted.length > 0 && "◇ lines of the ledger, counted when the fault was proven", d.calls.some(c => c.outcome === "cut") && "✕ a call whose answer never came", d.again > 0 && "hatched: executed a second time"].filter(Boolean).join(" · ")));
}

const WORDS = {
  life: "One life of a process, from its start to its death; a server that is started again has a second life.",
  call: "One request for the job; a client that lost its answer calls again.",
  acknowledged: "What a client was told is done.",
  executed: "What the server did, by the ledger.",
  ledger: "A file of the lab's in which the server notes each record that it works on: work that is done twice is there twice.",
  fault: "One thing that is done to a server or a client: a kill, a lost connection, a freeze; it counts once it is proven.",
};
const words = () => h("details", {class: "words"}, h("summary", {}, "What the words mean"), h("dl", {}, Object.entries(WORDS).map(([name, text]) => h("div", {}, h("dt", {}, name), h("dd", {}, text)))));
const why = (d, heading) => d.why?.length > 0 && h("div", {class: "why"}, h(heading, {}, "Why"), d.why.map(text => h("p", {}, text)));

function told(run, d) {
  const W = widths(), list = h("ol", {class: "steps"}, d.steps.map(p => h("li", {class: p.kind}, h("span", {class: "t"}, ms(p.t)), h("span", {}, p.text))));
  return [picture(run, d, W, list), list, words(), records(d, W)];
}

function advice(run, d) {
  if (!run.broke.length) return null;
  const own = new Map(d.findings.filter(f => f.advice).map(f => [f.invariant, f.advice])), model = data.model;
  return h("section", {class: "advice"}, h("h3", {}, "How to mend it"),
    h("ul", {}, run.broke.map(name => h("li", {}, h("b", {}, name), " ", own.get(name) ?? data.advice[name]?.[1]))),
    run.broke.some(name => model.of.includes(name)) && h("figure", {}, h("figcaption", {}, "As the reference server does it: ", h("code", {}, model.title)), h("pre", {tabindex: 0}, model.code)));
}

function again(run, d) {
  const rate = run.rate ? `This session saw it fail in ${run.rate[0]} of ${run.rate[1]} tries.` : run.verdict === "FAIL" ? "How often it fails was not measured: the line below plays it ten times and counts." : "The line below plays the same plan ten times.";
  return h("section", {}, h("h3", {}, "Play it again"), h("p", {class: "note"}, rate), line(`${d.replay} --times 10`, "replay line"));
}

function feature(run) {
  const d = telling(run.id), failed = run.verdict === "FAIL";
  return [h("h2", {id: "feature-title"}, failed ? "How it came about" : run.verdict === "PASS" ? "One of the runs" : "A run that proves nothing"),
    h("p", {class: "sub"}, failed ? "The smallest run that breaks it: " : "With the most deaths of all: ", h("a", {href: `#run/${encodeURIComponent(run.id)}`}, `${run.scenario} ${run.name}`), `. ${run.plain}. Planned: ${run.plan} (protocol ${run.protocol}).`),
    d ? [why(d, "h3"), told(run, d), advice(run, d), h("p", {class: "whole"}, h("a", {href: `#run/${encodeURIComponent(run.id)}`}, "Everything about this run"), ": its events, its logs, what the server left on the disk."), failed && line(`${d.replay} --times 10`, "replay line")] : null];
}

function events(run, d, target) {
  const all = d.events ?? [];
  return h("details", {id: "events", open: target != null}, h("summary", {}, `${plural(all.length, "event")} of the history`, d.folded ? `, ${number(d.folded)} more folded in` : ""),
    h("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": "Events"}, h("table", {class: "events"}, h("thead", {}, h("tr", {}, ["#", "Time, ms", "Who", "Server’s life", "Event", "Said"].map((n, i) => h("th", {scope: "col", class: i < 2 && "r"}, n)))),
      h("tbody", {}, all.map(e => h("tr", {id: `event-${e[0]}`, tabindex: -1, class: [e[4], e[0] === target && "target"].filter(Boolean).join(" ")}, h("td", {class: "r"}, e[0]), h("td", {class: "r"}, (1000 * e[1]).toFixed(1)), h("td", {}, e[2]), h("td", {}, e[5] || ""), h("td", {}, `${e[4]} ${e[3]}`), h("td", {}, h("code", {}, e[6]))))))));
}

function runPage(run, target) {
  const d = telling(run.id), all = Object.values(data.runs), at = all.indexOf(run), bad = all.filter(r => r.verdict !== "PASS"), next = bad[(bad.indexOf(run) + 1) % bad.length];
  const to = (r, text) => r && h("a", {href: `#run/${encodeURIComponent(r.id)}`}, text);
  const top = [h("nav", {class: "crumbs", "aria-label": "Runs"}, h("a", {href: "#"}, "← Report"), h("span", {}, to(all[at - 1], "Previous"), to(all[at + 1], "Next"), next && next !== run && to(next, "Next failing"))),
    h("header", {class: "head small"}, h("p", {class: "eyebrow"}, h("span", {}, mark(run.verdict, 18), " ", h("b", {class: run.verdict}, run.verdict)), h("span", {}, `${run.profile} · ${run.scenario} ${run.name}`), h("span", {}, run.protocol)),
      h("h1", {class: "title", tabindex: -1}, run.plain), d && why(d, "h2"), h("p", {class: "note"}, `Planned: ${run.plan} (protocol ${run.protocol}).`),
      d && d.findings.length > 0 && h("ul", {class: "broke"}, d.findings.map(f => h("li", {}, mark("FAIL", 14), h("span", {}, h("b", {}, f.invariant), ` ${f.message} `, f.operations.length > 0 && h("span", {class: "shown"}, "shown by ", links(run, f.operations.slice(0, 6))))))),
      d && d.unproven.map(text => h("p", {class: "lede"}, text)))];
  if (!d) return [...top, h("p", {class: "lede"}, "There was no room for this run on the page: its evidence lies beside it.")];
  return [...top, h("section", {"aria-labelledby": "told"}, h("h2", {id: "told", class: "hidden"}, "Timeline and records"), told(run, d)), advice(run, d), again(run, d),
    h("section", {}, h("h3", {}, "What the processes said, cut at their ends"), d.logs?.length ? d.logs.map(([name, text]) => h("details", {}, h("summary", {}, name, " ", h("span", {class: "count"}, plural(text.trimEnd().split("\n").length, "line"))), h("pre", {class: "said", tabindex: 0}, text))) : h("p", {class: "silent"}, d.short ? "There was no room for it on the page." : "Nothing.")),
    d.state?.length > 0 && h("section", {}, h("h3", {}, "What the subject left on the disk"), d.state.map(([name, size, text]) => text ? h("details", {}, h("summary", {}, name, " ", h("span", {class: "count"}, `${number(size)} bytes`)), h("pre", {class: "said", tabindex: 0}, text)) : h("p", {class: "silent"}, `${name}, ${number(size)} bytes`))),
    h("section", {}, events(run, d, target), h("p", {class: "note"}, "All of it: ", h("code", {}, `${data.folder}/${d.folder}`)))];
}
