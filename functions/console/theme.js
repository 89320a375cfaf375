// Runs before the first paint, so that the page never flashes in the wrong colours.
(() => {
  const THEMES = ["auto", "light", "dark"];
  const KEY = "lastunit-console-theme";
  const root = document.documentElement;

  const set = (theme) => {
    root.dataset.theme = theme;
    localStorage.setItem(KEY, theme);
    const button = document.getElementById("theme");
    if (button) button.textContent = `Theme: ${theme}`;
  };

  const known = localStorage.getItem(KEY);
  root.dataset.theme = THEMES.includes(known) ? known : "auto";
  document.addEventListener("DOMContentLoaded", () => {
    set(root.dataset.theme);
    document.getElementById("theme").addEventListener("click", () => {
      set(THEMES[(THEMES.indexOf(root.dataset.theme) + 1) % THEMES.length]);
    });
  });
})();
