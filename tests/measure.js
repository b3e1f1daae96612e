// What tests/page.rs asks of a page: which texts leave their boxes, which are too pale, whether filters and the choice
// of colours work, and what can be reached by keyboard.
"use strict";

const visible = element => element.checkVisibility() && element.getClientRects().length > 0;

// [red, green, blue, alpha], each 0 to 1.
function colour(text) {
  const numbers = text.match(/[\d.]+(e-?\d+)?/g).map(Number);
  if (text.startsWith("rgb")) return [numbers[0] / 255, numbers[1] / 255, numbers[2] / 255, numbers[3] ?? 1];
  if (text.startsWith("color(srgb")) return [numbers[0], numbers[1], numbers[2], numbers[3] ?? 1];
  throw new Error(`a colour that is not understood: ${text}`);
}
const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
const luminance = rgb => {
  const [r, g, b] = rgb.slice(0, 3).map(c => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (one, two) => {
  const [low, high] = [luminance(one), luminance(two)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
};
function background(element) {
  const layers = [];
  for (let at = element; at; at = at.parentElement) layers.push(colour(getComputedStyle(at).backgroundColor));
  return layers.reverse().reduce((below, top) => over(top, below), [1, 1, 1, 1]);
}

function pale() {
  const found = [];
  const check = (element, ink, paper, least) => {
    const ratio = contrast(over(ink, paper), paper);
    if (ratio < least) found.push(`${ratio.toFixed(2)} ${element.className.baseVal ?? element.className} ${element.textContent.slice(0, 40)}`);
  };
  for (const element of document.body.querySelectorAll("*:not(svg *):not(script):not(pre)")) {
    const own = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
    if (own && visible(element)) check(element, colour(getComputedStyle(element).color), background(element), 4.5);
  }
  const card = element => background(element.closest("svg").parentElement);
  for (const text of document.querySelectorAll(".node > g > text")) {
    const box = colour(getComputedStyle(text.parentElement.querySelector(".box")).fill);
    check(text, colour(getComputedStyle(text).fill), over(box, card(text)), 4.5);
  }
  // Signs on their shapes are pictures: three to one.
  for (const text of document.querySelectorAll(".badge text")) {
    const shape = colour(getComputedStyle(text.parentElement.querySelector("path")).fill);
    check(text, colour(getComputedStyle(text).fill), shape, 3);
  }
  return found;
}

function outside() {
  const found = [];
  for (const node of document.querySelectorAll(".node > g")) {
    const box = node.querySelector(".box").getBoundingClientRect();
    const parts = [...node.querySelectorAll(":scope > text, :scope > .badge")].map(part => [part, part.getBoundingClientRect()]);
    for (const [part, at] of parts) {
      if (at.left < box.left || at.right > box.right || at.top < box.top || at.bottom > box.bottom) found.push(`${part.textContent} leaves its box`);
      for (const [other, there] of parts) {
        const name = part.classList.contains("name") || other.classList.contains("name");
        const apart = at.right <= there.left || there.right <= at.left || at.bottom <= there.top + 2 || there.bottom <= at.top + 2;
        if (part !== other && !name && !apart) found.push(`${part.textContent} lies on ${other.textContent}`);
      }
    }
  }
  const nodes = [...document.querySelectorAll(".graph")].map(graph => [...graph.querySelectorAll(".node .box")].map(box => box.getBoundingClientRect()));
  for (const boxes of nodes) boxes.forEach((one, i) => boxes.slice(i + 1).forEach(two => {
    if (one.left < two.right && two.left < one.right && one.top < two.bottom && two.top < one.bottom) found.push("two nodes overlap");
  }));
  return found;
}

function filters() {
  const found = {};
  for (const input of document.querySelectorAll(".filters input")) {
    const count = () => [...document.querySelectorAll(".change")].filter(visible).length;
    const before = count();
    input.click();
    found[input.id] = before - count();
    input.click();
    if (count() !== before) found[input.id] = -1;
  }
  return found;
}

function themes() {
  const found = {};
  for (const name of ["light", "dark", "auto"]) {
    document.getElementById(`theme-${name}`).click();
    found[name] = { paper: luminance(background(document.body)), pale: pale() };
  }
  return found;
}

// Panels of a dashboard that lie on each other, and what in them is wider than its place.
function panels() {
  const found = [];
  const all = [...document.querySelectorAll(".panel")];
  const boxes = all.map(panel => panel.getBoundingClientRect());
  boxes.forEach((one, i) => boxes.slice(i + 1).forEach((two, j) => {
    if (one.left < two.right && two.left < one.right && one.top < two.bottom && two.top < one.bottom) found.push(`panels ${i} and ${i + 1 + j} overlap`);
  }));
  for (const [i, panel] of all.entries()) {
    for (const element of panel.querySelectorAll("*:not(svg *):not(table *):not(table)")) {
      const at = element.getBoundingClientRect();
      if (visible(element) && (at.right > boxes[i].right + 1 || at.left < boxes[i].left - 1)) found.push(`${element.tagName} leaves panel ${i}`);
    }
    const [y, x] = [panel.querySelector(".y"), panel.querySelector(".x")];
    for (const axis of [y, x].filter(axis => axis)) {
      const labels = [...axis.children].map(label => label.getBoundingClientRect());
      labels.slice(1).forEach((label, j) => {
        const before = labels[j];
        if (axis === y ? label.top < before.bottom - 1 : label.left < before.right) found.push(`labels of panel ${i} overlap`);
      });
    }
  }
  return found;
}

const folded = [...document.querySelectorAll("details")].filter(details => !details.open).length;
for (const details of document.querySelectorAll("details")) details.open = true;
const measured = {
  paper: luminance(background(document.body)),
  wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  outside: outside(),
  panels: panels(),
  drawn: [...document.querySelectorAll(".plot")].map(plot => plot.querySelectorAll("g path").length),
  pale: pale(),
  filters: filters(),
  themes: themes(),
  folded,
  nodes: document.querySelectorAll(".node").length,
  changed: [...document.querySelectorAll("a.node")].length,
  titles: [...document.querySelectorAll(".node")].every(node => node.querySelector(":scope > title").textContent.trim()),
  reachable: [...document.querySelectorAll("a.node, summary, .filters input, .theme input, .scroll")].every(element => element.tabIndex >= 0),
  lost: [...document.querySelectorAll("a[href^='#']")].filter(link => !document.getElementById(link.getAttribute("href").slice(1))).length,
  text: document.querySelector("main").innerText,
};
const report = document.createElement("pre");
report.id = "measured";
report.textContent = JSON.stringify(measured);
document.body.append(report);
