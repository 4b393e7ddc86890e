// Draws the charts, whose specifications stand in the page, reads their values out by keyboard, and shows what is chosen
// without leaving the page. Without this script, forms and links load pages, and charts are pictures.
"use strict";

/** Vega-Lite's configuration in the page's colours. */
function colours() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(name).trim();
  const text = { labelColor: of("--soft"), titleColor: of("--soft") };
  return {
    font: style.fontFamily,
    axis: { ...text, gridColor: of("--edge"), domainColor: of("--field"), tickColor: of("--field") },
    legend: { ...text, labelLimit: 320 },
  };
}

/** Draws one chart. Expressions are interpreted, as the page's policy forbids code made of text. */
async function draw(figure) {
  const spec = JSON.parse(figure.querySelector("script").textContent);
  const drawing = figure.querySelector(".drawing");
  const said = figure.querySelector("output") ?? readable(drawing, spec.datasets.rows);
  const options = { ast: true, actions: false, renderer: "svg", logLevel: 1, defaultStyle: false, tooltip: false };
  const { view } = await vegaEmbed(drawing.firstElementChild, spec, { ...options, config: colours() });
  for (const event of ["pointermove", "click"]) {
    view.addEventListener(event, (_, item) => tell(said, item?.datum?.datum ?? item?.datum));
  }
}

/** Writes above a chart what one of its rows says. */
function tell(said, row) {
  if (!Number.isFinite(row?.value)) return;
  const number = (value) => value.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  const words = [row.series, row.label, number(row.value)];
  if (Number.isFinite(row.before)) words.push(`period before ${number(row.before)}`);
  if (Number.isFinite(row.average)) words.push(`average ${number(row.average)}`);
  said.textContent = [...words, row.note].filter(Boolean).join(", ");
}

/** Has arrow keys read the values of a chart one by one; returns where they stand. */
function readable(drawing, all) {
  const rows = all.filter((row) => row.value !== null);
  const said = document.createElement("output");
  drawing.before(said);
  drawing.tabIndex = 0;
  drawing.setAttribute("aria-description", "Arrow keys read its values.");
  let place = rows.length;
  drawing.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || !rows.length) return;
    event.preventDefault();
    place = Math.min(Math.max(place + step, 0), rows.length - 1);
    tell(said, rows[place]);
  });
  return said;
}

/** Draws all charts, one after the other. */
async function drawAll() {
  for (const figure of document.querySelectorAll("figure.chart")) await draw(figure);
}

const REACHED = "a, button, input, select, summary, [tabindex]";

/** What an element that has the focus is called, also in the page that takes this one's place. */
function nameOf(element) {
  if (element.id) return `#${element.id}`;
  return [element.tagName, element.name, element.type === "checkbox" ? element.value : element.innerText].join(" ");
}

/** All elements that are called so, in their order. */
function called(name) {
  return [...document.querySelectorAll(REACHED)].filter((element) => nameOf(element) === name);
}

let asked = 0;

/** Shows the page at an address, or the one that a form leads to, in place of this one; where one is and what is open
 * stay as they are. Of answers that come late, that to what was asked for last is shown. */
async function show(address, push, form = null) {
  const number = ++asked;
  const main = document.querySelector("main");
  main.ariaBusy = "true";
  let answer, text;
  try {
    answer = await fetch(address, form ? { method: "POST", body: new URLSearchParams(new FormData(form)) } : {});
    text = await answer.text();
  } catch {
    if (number !== asked) return;
    if (form) form.submit();
    else location.assign(address);
    return;
  }
  if (number !== asked) return;
  const page = new DOMParser().parseFromString(text, "text/html");
  const active = document.activeElement;
  const focused = nameOf(active);
  const place = called(focused).indexOf(active);
  const open = new Set([...document.querySelectorAll("details[open]")].map((one) => one.id));
  const top = scrollY;
  for (const part of ["header", "main"]) document.querySelector(part).replaceWith(page.querySelector(part));
  document.title = page.title;
  if (push && answer.ok && answer.url !== location.href) history.pushState(null, "", answer.url);
  for (const one of document.querySelectorAll("details[id]")) one.open = one.open || open.has(one.id);
  const there = called(focused)[place] ?? (place < 0 ? null : document.querySelector("main"));
  there?.focus({ preventScroll: true });
  scrollTo(0, top);
  document.getElementById("shown").textContent = document.querySelector("h2")?.innerText ?? "";
  await drawAll();
}

document.addEventListener("submit", (event) => {
  event.preventDefault();
  if (event.target.method === "post") {
    show(event.target.action, true, event.target);
    return;
  }
  const address = new URL(event.target.action);
  address.search = new URLSearchParams(new FormData(event.target));
  show(address, true);
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  if (!link || !plain || link.hasAttribute("download") || link.closest("header")) return;
  const same = link.origin === location.origin && link.pathname === location.pathname;
  if (!same || link.getAttribute("href").startsWith("#")) return;
  event.preventDefault();
  show(new URL(link.pathname + link.search, location.origin), true);
});

addEventListener("popstate", () => show(location.href, false));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
drawAll();
