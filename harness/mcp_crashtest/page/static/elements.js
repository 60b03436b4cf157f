// Elements: made one by one, every text a text node. Nothing here is ever read as markup.

const SVG = "http://www.w3.org/2000/svg";
const put = (node, children) => {
  for (const child of children.flat(Infinity)) {
    if (child == null || child === false || child === "") continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
};
const dress = (node, attributes) => {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value == null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  return node;
};
const h = (tag, attributes, ...children) => put(dress(document.createElement(tag), attributes), children);
const s = (tag, attributes, ...children) => put(dress(document.createElementNS(SVG, tag), attributes), children);
const mark = (verdict, size = 16) => s("svg", {class: `mark ${verdict}`, width: size, height: size, viewBox: "0 0 16 16", "aria-hidden": "true"}, s("use", {href: `#mark-${verdict}`}));

const data = JSON.parse(document.getElementById("data").textContent);
const tellings = new Map([...document.querySelectorAll("script[data-run]")].map(node => [node.dataset.run, node]));
const read = new Map();
const telling = id => {   // a run is read when it is opened, not before
  if (!read.has(id)) read.set(id, tellings.has(id) ? JSON.parse(tellings.get(id).textContent) : null);
  return read.get(id);
};

const ms = t => t == null ? "–" : Math.abs(t) < 1 ? `${Math.round(t * 1000)} ms` : `${t.toFixed(2)} s`;
const number = n => n.toLocaleString("en");
const plural = (n, one, many = one + "s") => `${number(n)} ${n === 1 ? one : many}`;
const bytes = n => n < 1e3 ? `${n} B` : n < 1e6 ? `${(n / 1e3).toFixed(0)} kB` : `${(n / 1e6).toFixed(1)} MB`;
const say = text => { document.getElementById("live").textContent = text; };

async function copy(event, text) {
  const button = event.currentTarget, was = button.textContent;
  try { await navigator.clipboard.writeText(text); } catch {
    const area = h("textarea", {"aria-hidden": "true"}); area.value = text;
    document.body.append(area); area.select(); document.execCommand("copy"); area.remove(); button.focus();
  }
  button.textContent = "Copied"; say("Copied");
  setTimeout(() => { button.textContent = was; }, 1500);
}
const line = (text, label) => h("div", {class: "line"}, h("code", {tabindex: 0, role: "region", "aria-label": label}, text),
  h("button", {type: "button", onclick: e => copy(e, text), "aria-label": `Copy ${label}`}, "Copy"));

const ticks = (to, about) => {
  const raw = to / about, p = 10 ** Math.floor(Math.log10(raw)), step = p * [1, 2, 5, 10].find(m => p * m >= raw), out = [];
  for (let v = 0; v <= to + 1e-9; v += step) out.push(+v.toPrecision(12));
  return out;
};
