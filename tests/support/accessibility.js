// What of the page, or of a dialog, is not accessible: names, ids, headings, contrast, size of targets.
(root) => {
  const found = [];
  const report = (what, element) => found.push(`${what}: ${element.outerHTML.slice(0, 140)}`);
  const isShown = (element) => element.checkVisibility({ visibilityProperty: true }) && !element.closest("[inert]") && !element.closest(".unseen");
  const all = (selector) => [...root.querySelectorAll(selector)].filter(isShown);

  const nameOf = (element) => {
    const by = element.getAttribute("aria-labelledby");
    if (by) return by.split(" ").map((id) => document.getElementById(id)?.textContent ?? "").join(" ").trim();
    const label = element.getAttribute("aria-label") ?? [...(element.labels ?? [])].map((each) => each.textContent).join(" ");
    return (label || element.textContent || element.getAttribute("title") || "").trim();
  };
  const ACTIVE = "a[href], button, input, select, textarea, summary, [tabindex='0'], [role='img'], dialog, section[role], figure svg:not([aria-hidden])";
  for (const each of all(ACTIVE)) if (!nameOf(each)) report("no name", each);
  for (const each of all("section, form[role]")) if (!nameOf(each)) report("no name", each);
  for (const each of all("table")) if (!each.caption) report("no caption", each);

  const ids = all("[id]").map((each) => each.id);
  for (const id of ids) if (document.querySelectorAll(`#${CSS.escape(id)}`).length > 1) report("id twice", document.getElementById(id));

  let level = null;
  for (const each of all("h1, h2, h3, h4")) {
    const own = Number(each.tagName[1]);
    if (level !== null && own > level + 1) report("heading skips a level", each);
    level = own;
  }

  // Anything that is pressed has 24 × 24 pixels, unless it is part of a sentence.
  for (const each of all("button, input, select, summary, .wrongs a")) {
    const target = each.closest("label") ?? each;
    const { width, height } = target.getBoundingClientRect();
    if (width < 24 || height < 24) report(`${Math.round(width)} × ${Math.round(height)} pixels`, each);
  }

  const channels = (color) => color.match(/[\d.]+/g).map(Number);
  const under = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const [r, g, b, alpha = 1] = channels(getComputedStyle(each).backgroundColor);
      if (alpha > 0.99) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const luminance = (rgb) => rgb.slice(0, 3).map((each) => each / 255)
    .map((each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4))
    .reduce((sum, each, index) => sum + each * [0.2126, 0.7152, 0.0722][index], 0);
  const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.textContent.trim() || !isShown(element) || element.closest("option, :disabled, .stale")) continue;
    const style = getComputedStyle(element);
    const isDrawn = element.namespaceURI.endsWith("svg");
    if (isDrawn && !element.matches("text")) continue;
    const [light, dark] = [luminance(channels(isDrawn ? style.fill : style.color)), luminance(under(element))].sort((a, b) => b - a);
    const size = parseFloat(style.fontSize);
    const least = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    const ratio = (light + 0.05) / (dark + 0.05);
    if (ratio < least) report(`contrast ${ratio.toFixed(2)}`, element);
  }
  return [...new Set(found)];
}
