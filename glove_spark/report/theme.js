"use strict";
const glovePage = {
  // Show the button that changes the theme; `changed` runs at the start and after each change.
  themes(changed) {
    const root = document.documentElement, button = document.getElementById("theme");
    const system = matchMedia("(prefers-color-scheme: dark)");
    const dark = () => root.dataset.theme ? root.dataset.theme === "dark" : system.matches;
    const show = () => {
      button.textContent = dark() ? "Light theme" : "Dark theme";
      changed();
    };
    button.hidden = false;
    button.addEventListener("click", () => {
      root.dataset.theme = dark() ? "light" : "dark";
      show();
    });
    system.addEventListener("change", show);
    show();
  },
};
