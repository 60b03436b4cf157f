// A run's picture: one time axis, a lane for each who lives, calls as arrows, faults as bolts, and two staircases.

const BOLT = "M1.5-9L-5 1.5h4L-2.5 9 5-2.5H1z";
const DEED = {kill: "SIGKILL", terminate: "SIGTERM", goodbye: "goodbye", interrupt: "SIGINT", freeze: "SIGSTOP", drop: "connections dropped", roll: "SIGTERM in turn", "power-loss": "power cut"};
const TITLE = {server: "Server", client: "Client", "second client": "Second client", relay: "Relay", service: "Service"};

function frame(d, W) {
  const narrow = W < 700, L = narrow ? 34 : 136, R = narrow ? 84 : 152;
  return {narrow, L, R, W, x: t => L + (W - L - R) * Math.min(t, d.end) / (d.end || 1)};
}
const arrow = (x1, y1, x2, y2, kind) => { const k = Math.sign(y2 - y1) * 6;
  return [s("path", {class: `arrow ${kind}`, d: `M${x1} ${y1}L${x2} ${y2 - k * .6}`}), s("path", {class: `tip ${kind}`, d: `M${x2 - 3.6} ${y2 - k}h7.2L${x2} ${y2}z`})]; };
const stairs = (points, x, y, endX) => { let d = "", last = 0; for (const [t, n] of points) { d += `${d ? "L" : "M"}${x(t)} ${y(last)}L${x(t)} ${y(n)}`; last = n; } return d && `${d}L${endX} ${y(last)}`; };
const apart = (places, least, to) => {   // pushed apart where they are close, within the picture
  for (let pass = 0; pass < 60; pass++) for (let i = 1; i < places.length; i++) { const over = least - (places[i] - places[i - 1]); if (over > 0) { places[i - 1] -= over / 2; places[i] += over / 2; } }
  const over = Math.max(0, (places.at(-1) ?? 0) - to); return places.map(p => p - over);
};

function oneLife(life, y, lane, who, f) {
  const a = f.x(life.began), b = f.x(life.ended), dead = life.proven == null ? b : f.x(life.proven), ready = life.ready == null ? null : Math.min(f.x(life.ready), b);
  const from = ready != null && b - ready > 46 ? ready : a, word = b - from > (from === a && ready != null ? 60 : 44);
  const said = `${TITLE[who] ?? who}, life ${life.number}: from ${ms(life.began)}${life.ready == null ? "" : `, ready at ${ms(life.ready)}`}, ${life.how === "lives" ? "lives at the end" : `${life.how} at ${ms(life.ended)}`}`;
  return s("g", {class: `life ${who === "server" ? "server" : who.includes("client") ? "client" : "other"}`}, s("title", {}, said),
    s("rect", {x: a, y, width: Math.max(2, b - a), height: lane, rx: 4}),
    ready != null && s("rect", {class: "boot", x: a, y, width: Math.max(0, ready - a), height: lane, rx: 4}),
    life.how !== "lives" && s("path", {class: "end", d: `M${b} ${y - 3}V${y + lane + 3}`}),
    life.how !== "lives" && dead - b > 3 && s("rect", {class: "dying", x: b, y: y + 5, width: dead - b, height: lane - 10}),
    word && s("text", {x: from + 8, y: y + 17.5}, `life ${life.number}${b - from > 96 && life.how.length < 9 && life.how !== "lives" ? `, ${life.how}` : ""}`));
}

function timeline(run, d, W) {
  const f = frame(d, W), {narrow, L, R, x} = f, lane = 26, wire = 58, gap = narrow ? 26 : 14, wrong = run.verdict === "FAIL";
  const order = [...d.lanes.filter(l => l.who.includes("client")), ...d.lanes.filter(l => l.who === "relay"), ...d.lanes.filter(l => l.who === "server"), ...d.lanes.filter(l => !l.who.includes("client") && l.who !== "relay" && l.who !== "server")];
  const place = new Map(); let y = narrow ? 66 : 54;
  order.forEach((l, i) => { const rows = 1 + Math.max(0, ...l.lives.map(v => v.row)); place.set(l.who, y); y += rows * (lane + 4) - 4; if (i < order.length - 1) y += l.who.includes("client") && !order[i + 1].who.includes("client") ? wire : gap; });
  const lanesEnd = y, yN = y + 24, yP = yN + 36, stood = d.acknowledged.length + d.executed.length > 0, H = stood ? 208 : 0, yX = yP + H;
  const yS = place.get("server") ?? lanesEnd, bottomC = (place.get("client") ?? yS - wire - lane) + lane, mid = bottomC + (yS - bottomC) / 2;
  const lastAck = d.acknowledged.at(-1)?.[1] ?? 0, execs = d.executed.at(-1)?.[1], out = d.records.found;
  const peak = Math.max(d.total, execs ?? 0, d.records.reported ?? 0, lastAck, 1), v = n => yX - H * n / (peak * 1.04);
  const endX = x(d.records.at ?? d.end), places = apart(d.steps.map(p => x(p.t)), 23, W - 12);
  const label = (text, yy, sub) => narrow ? s("text", {class: "lane", x: 0, y: yy - 7}, text) : [s("text", {class: "lane", x: 0, y: yy + 17}, text), sub && s("text", {class: "sub", x: 0, y: yy + 33}, sub)];
  const harm = d.bolts.filter(b => b.harm), asked = d.bolts.filter(b => !b.harm);

  const bolts = harm.map((b, i) => { const a = x(b.at), e = Math.max(a + 2, x(b.proven)), room = (harm[i + 1] ? x(harm[i + 1].at) : W) - a;
    const deed = b.kind === "drop" ? DEED.drop : `${DEED[b.kind] ?? b.kind} to ${b.victim}`, text = [`fault ${b.number}: ${deed}`, `fault ${b.number}`, `${b.number}`].find(name => room > 7.3 * name.length + 24) ?? "";
    return s("g", {class: `fault${b.landed ? "" : " open"}`}, s("title", {}, `Fault ${b.number}: ${b.told}. ${b.landed ? "Proof" : "Not proven"}: ${b.proof}`),
      s("rect", {x: a, y: 30, width: e - a, height: yX - 30}), s("path", {class: "at", d: `M${a} 30V${yX}`}),
      s("path", {class: "bolt", transform: `translate(${a} 20) scale(1.15)`, d: BOLT}),
      text && s("text", {class: "what", x: a + 12, y: 25}, text, b.landed ? "" : "?")); });
  const acks = d.acks.filter(a => a.done && a.client === "client").map(a => arrow(x(a.t), yS, x(a.t), bottomC, "ack"));
  const calls = d.calls.map((c, i) => { const a = x(c.began), near = i > 0 && a - x(d.calls[i - 1].began) < 60, b = x(c.ended), top = (place.get(c.client) ?? bottomC - lane) + lane;
    return s("g", {}, s("title", {}, `Call ${c.number}, by life ${c.life} of the ${c.client}: ${c.outcome}`), arrow(a, top, a, yS, "call"),
      s("text", {class: "call", x: near ? a + 6 : a - 6, y: top + 19, "text-anchor": near ? "start" : "end"}, d.calls.length > 4 || narrow ? c.number : `call ${c.number}`),
      c.outcome === "answered" && arrow(b, yS, b, top, "answer"),
      c.outcome === "cut" && [s("path", {class: "broken", d: `M${b + 5} ${yS}V${mid + 5}`}), s("path", {class: "cutmark", d: `M${b + 1} ${mid - 4}l8 8m0-8l-8 8`})]); });
  const numbers = d.steps.map((p, i) => s("g", {class: `step ${p.kind}`, "data-step": i}, s("title", {}, p.text), s("path", {class: "lead", d: `M${x(p.t)} ${lanesEnd + 4}V${lanesEnd + 10}L${places[i]} ${yN - 2}`}),
    s("circle", {cx: places[i], cy: yN + 7, r: 9.5}), s("text", {x: places[i], y: yN + 11.2, "text-anchor": "middle"}, i + 1)));
  const area = d.executed.map(([t, n], i) => { const before = d.executed[i - 1]?.[1] ?? 0, fresh = (d.distinct[i]?.[1] ?? n) - (d.distinct[i - 1]?.[1] ?? 0), again = n - before - fresh;   // of this step so many were executed before
    const to = d.executed[i + 1] ? x(d.executed[i + 1][0]) : endX;
    return again > 0 && s("rect", {class: wrong ? "gap wrong" : "gap", x: x(t), y: v(n), width: Math.max(6, to - x(t)), height: v(n - again) - v(n)}); });
  const ends = [["acked", lastAck, `${number(lastAck)} acknowledged`], execs != null && ["done", execs, `${number(execs)} executed`]].filter(Boolean).sort((a, b) => b[1] - a[1]);
  const texts = []; for (const e of ends) { let yy = v(e[1]) + 4; if (texts.length && yy - texts.at(-1)[0] < 15) yy = texts.at(-1)[0] + 15; texts.push([yy, e]); }
  const below = (texts.at(-1)?.[0] ?? v(d.total)) + 16, tooMany = out != null && out > d.total, tooFew = out != null && out < d.total;

  return s("svg", {class: "timeline", width: W, height: yX + 40, viewBox: `0 0 ${W} ${yX + 40}`, role: "img", "aria-label": `Timeline of ${run.scenario} ${run.name}. ${d.steps.map((p, i) => `${i + 1}, at ${ms(p.t)}: ${p.text}`).join(" ")}`},
    bolts, order.map(l => [label(TITLE[l.who] ?? l.who, place.get(l.who)), l.lives.map(v => oneLife(v, place.get(l.who) + v.row * (lane + 4), lane, l.who, f))]),
    !narrow && s("text", {class: "sub", x: 0, y: mid + 4}, "calls and answers"),
    acks, calls, asked.map(b => s("path", {class: "asked", d: `M${x(b.at) - 4} ${mid - 4}h8l-4 7z`}, s("title", {}, b.told))),
    stood && [...ticks(peak, 5).filter(n => n === d.total || Math.abs(v(n) - v(d.total)) > 14), d.total].map(n => [s("path", {class: "grid", d: `M${L} ${v(n)}H${W - R}`}), s("text", {class: "tick", x: L - 8, y: v(n) + 4, "text-anchor": "end"}, n)]),
    stood && label("Records", narrow ? yP - 2 : yP + 10, execs == null ? "as acknowledged" : "executed, and as"), stood && !narrow && execs != null && s("text", {class: "sub", x: 0, y: yP + 59}, "acknowledged"),
    ticks(d.end * 1000, narrow ? 4 : 9).map(n => [s("path", {class: "axis", d: `M${x(n / 1000)} ${yX}v5`}), s("text", {class: "tick", x: x(n / 1000), y: yX + 20, "text-anchor": "middle"}, n, n === 0 ? " ms" : "")]),
    s("path", {class: "axis", d: `M${L} ${yX}H${W - R}`}), stood && s("path", {class: "expected", d: `M${L} ${v(d.total)}H${W - R}`}),
    area, s("path", {class: "stair done", d: stairs(d.executed, x, v, endX) || "M0 0"}), s("path", {class: "stair acked", d: stairs(d.acknowledged, x, v, endX) || "M0 0"}),
    d.acknowledged.map(([t, n]) => s("circle", {class: "dot", cx: x(t), cy: v(n), r: 2.4})),
    d.counted.map(([t, n], i) => [s("path", {class: "counted", d: `M${x(t) - 5} ${v(n)}l5 -5 5 5 -5 5z`}), !narrow && !(i && x(t) - x(d.counted[i - 1][0]) < 84) && s("text", {class: "sub", x: x(t) + 9, y: v(n) + 15}, `${n} in the ledger`)]),
    stood && texts.map(([yy, [kind, n, text]]) => [s("path", {class: `lead ${kind}`, d: `M${endX + 2} ${v(n)}L${W - R + 6} ${yy - 4}`}), s("text", {class: `end ${kind}`, x: W - R + 10, y: yy}, narrow ? text.replace("acknowledged", "ack’d").replace("executed", "exec’d") : text)]),
    stood && s("text", {class: "end plain", x: W - R + 10, y: below}, `${number(d.total)} expected`),
    wrong && (tooMany || tooFew) && s("text", {class: "end wrong", x: W - R + 10, y: below + 17}, tooMany ? `${number(out - d.total)} too many` : `${number(d.total - out)} too few`),
    s("path", {class: "cursor", d: `M0 24V${yX}`, visibility: "hidden"}),
    s("rect", {class: "catch", x: L, y: 24, width: Math.max(0, W - L - R), height: yX - 24}), numbers);
}
