(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const config = { responsive: true, displaylogo: false, modeBarButtons: [["toImage"],
    ["zoom2d", "pan2d"], ["zoomIn2d", "zoomOut2d", "resetScale2d"]] };
  const numbers = new Intl.NumberFormat("en");

  // Plotly reads tags and entities in texts; words are to be shown as they are.
  const plain = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const element = (name, text) => Object.assign(document.createElement(name), { textContent: text });

  function colours() {
    const style = getComputedStyle(document.documentElement);
    const of = (name) => style.getPropertyValue("--" + name).trim();
    return { ink: of("ink"), muted: of("muted"), line: of("line"), accent: of("accent"),
      second: of("second"), dot: of("dot"), raised: of("raised"), paper: of("paper") };
  }

  function layout(c, more) {
    return { paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false,
      font: { family: getComputedStyle(document.querySelector("nav")).fontFamily, size: 13,
        color: c.ink },
      margin: { l: 64, r: 16, t: 28, b: 48 },
      hoverlabel: { bgcolor: c.raised, bordercolor: c.line, font: { color: c.ink } },
      modebar: { color: c.muted, activecolor: c.ink, bgcolor: "rgba(0,0,0,0)" }, ...more };
  }

  const axis = (c, more) => ({ gridcolor: c.line, linecolor: c.line, zeroline: false,
    tickcolor: c.line, tickfont: { color: c.muted }, ...more });
  const named = (c, text) => ({ title: { text, font: { color: c.muted }, standoff: 10 } });

  const figures = {
    training(c, d, div) {
      const line = (y, more) => ({ x: d.epochs, y, mode: "lines+markers", type: "scatter",
        marker: { size: 7 }, ...more });
      const traces = [line(d.costs, { line: { color: c.accent, width: 2 }, marker: { color: c.accent, size: 7 },
        hovertemplate: "epoch %{x}: cost %{y:.4f}<extra></extra>" })];
      const both = d.rates.length > 0;
      if (both) {
        traces.push(line(d.rates, { xaxis: "x2", yaxis: "y2", line: { color: c.second, width: 2 },
          marker: { color: c.second, size: 7 },
          hovertemplate: "epoch %{x}: %{y:,} nonzeros/s<extra></extra>" }));
      }
      const whole = d.epochs.length < 16 ? { dtick: 1 } : {};
      return draw(div, traces, layout(c, {
        xaxis: axis(c, { domain: [0, both ? 0.45 : 1], ...named(c, "epoch"), ...whole }),
        yaxis: axis(c, { rangemode: "tozero", ...named(c, "cost") }),
        ...(both && { xaxis2: axis(c, { domain: [0.57, 1], ...named(c, "epoch"), ...whole }),
          yaxis2: axis(c, { anchor: "x2", rangemode: "tozero", ...named(c, "nonzeros/s") }) }),
      }));
    },

    frequency(c, d, div) {
      const text = d.words.map((word, k) =>
        `${plain(word)}<br>rank ${numbers.format(d.ranks[k])}, seen ${numbers.format(d.counts[k])} times`);
      return draw(div, [{ x: d.ranks, y: d.counts, text, hoverinfo: "text", mode: "lines+markers",
        type: "scatter", line: { color: c.second, width: 1.5 }, marker: { color: c.second, size: 4 } }],
      layout(c, {
        xaxis: axis(c, { type: "log", dtick: 1, exponentformat: "none", separatethousands: true,
          ...named(c, "rank") }),
        yaxis: axis(c, { type: "log", dtick: 1, exponentformat: "none", separatethousands: true,
          ...named(c, "count") }),
        margin: { l: 88, r: 16, t: 28, b: 48 },
      }));
    },

    map(c, d, div) { return drawMap(c, d, div); },
  };

  const draw = (div, traces, shape, more) => Plotly.react(div, traces, shape, { ...config, ...more });

  // ---- the map -------------------------------------------------------------------------------

  const map = { chosen: -1, ready: false };

  function drawMap(c, d, div) {
    const marked = map.chosen >= 0;
    const near = marked ? d.near[map.chosen] : [];
    const known = d.counts.length > 0;
    const text = d.words.map((word, k) => plain(word) + `<br>rank ${numbers.format(d.ranks[k])}` +
      (known ? `, seen ${numbers.format(d.counts[k])} times` : ""));
    const some = (ids, more) => ({ x: ids.map((k) => d.x[k]), y: ids.map((k) => d.y[k]),
      text: ids.map((k) => text[k]), customdata: ids, hoverinfo: "text", type: "scatter",
      mode: "markers", ...more });
    const links = { x: [], y: [], mode: "lines", type: "scatter", hoverinfo: "skip",
      line: { color: c.second, width: 1 }, opacity: 0.6 };
    for (const k of near) {
      links.x.push(d.x[map.chosen], d.x[k], null);
      links.y.push(d.y[map.chosen], d.y[k], null);
    }
    const traces = [
      some(d.words.map((_, k) => k), { marker: { color: c.dot, opacity: marked ? 0.35 : 0.7,
        line: { width: 0 }, size: d.ranks.map((rank) => Math.max(4, 11 - 2 * Math.log10(rank + 1))) } }),
      links,
      some(near, { marker: { color: c.second, size: 9 } }),
      some(marked ? [map.chosen] : [], { marker: { color: c.accent, size: 13,
        line: { color: c.raised, width: 2 } } }),
    ];
    const bare = { showgrid: false, showticklabels: false, zeroline: false, ticks: "" };
    const range = map.range || { x: [-0.03, 1.03], y: [-0.03, 1.03] };
    return draw(div, traces, layout(c, { margin: { l: 0, r: 0, t: 0, b: 0 }, dragmode: "pan",
      hovermode: "closest", xaxis: { ...bare, range: range.x }, yaxis: { ...bare, range: range.y },
      annotations: labels(c, d, div, range) }), { scrollZoom: true })
      .then(() => {
        if (map.ready) return;
        map.ready = true;
        div.on("plotly_click", (event) => choose(event.points[0].customdata));
        div.on("plotly_relayout", moved);
      });
  }

  // Names of what is in view: the marked words first, then the most frequent, as far as there is room.
  function labels(c, d, div, range) {
    const width = div.clientWidth, height = div.clientHeight;
    const taken = [], made = [];
    const near = map.chosen >= 0 ? d.near[map.chosen] : [];
    const order = map.chosen >= 0 ? [map.chosen, ...near] : [];
    const first = order.length;
    for (let k = 0; k < d.words.length; k++) order.push(k);
    const seen = new Set();
    const across = (k) => (d.x[k] - range.x[0]) / (range.x[1] - range.x[0]) * width;
    const down = (k) => height - (d.y[k] - range.y[0]) / (range.y[1] - range.y[0]) * height;
    for (const k of order.slice(0, first)) {
      taken.push([across(k) - 4, down(k) - 4, across(k) + 4, down(k) + 4]);
    }
    for (let place = 0; place < order.length && made.length < 90; place++) {
      const k = order[place];
      if (seen.has(k)) continue;
      seen.add(k);
      const x = across(k), y = down(k);
      if (x < 0 || y < 12 || x > width || y > height) continue;
      const marked = place < first;
      const half = d.words[k].length * (marked ? 4.2 : 3.6) + 5;
      const box = [x - half, y - 24, x + half, y - 6];
      if (!marked && (box[0] < 0 || box[2] > width)) continue;
      if (k !== map.chosen && taken.some((other) => box[0] < other[2] && box[2] > other[0] &&
        box[1] < other[3] && box[3] > other[1])) continue;
      taken.push(box);
      made.push({ x: d.x[k], y: d.y[k], text: plain(d.words[k]), showarrow: false, yshift: 14,
        captureevents: false, bgcolor: c.raised + (marked ? "ff" : "a6"), borderpad: 1,
        opacity: first && !marked ? 0.45 : 1,
        font: { size: marked ? 13 : 11.5,
          color: k === map.chosen ? c.accent : marked ? c.second : c.muted } });
    }
    return made;
  }

  function moved(change) {
    const div = document.getElementById("figure-map");
    if (!Object.keys(change).some((key) => key.includes("axis") || key === "autosize")) return;
    const { xaxis, yaxis } = div.layout;
    if (change["xaxis.autorange"]) {
      map.range = null;
    } else {
      map.range = { x: [...xaxis.range], y: [...yaxis.range] };
    }
    drawMap(colours(), data.map, div);
  }

  function choose(k) {
    const d = data.map, div = document.getElementById("figure-map");
    map.chosen = k;
    map.range = k < 0 ? null : around([k, ...d.near[k]], d);
    drawMap(colours(), d, div);
    const found = document.getElementById("found"), near = document.getElementById("near");
    near.replaceChildren();
    found.replaceChildren();
    document.getElementById("clear").hidden = k < 0;
    if (k < 0) return;
    found.append(element("strong", d.words[k]), ` rank ${numbers.format(d.ranks[k])}` +
      (d.counts.length ? `, seen ${numbers.format(d.counts[k])} times` : ""));
    d.near[k].forEach((other, place) => {
      const button = element("button", "");
      button.type = "button";
      button.append(element("span", d.words[other]),
        element("span", (d.percent[k][place] / 100).toFixed(2)));
      button.addEventListener("click", () => choose(other));
      const item = document.createElement("li");
      item.append(button);
      near.append(item);
    });
  }

  // A view that holds the words with some room around, never much closer than a tenth of the map.
  function around(ids, d) {
    const side = (values) => {
      const found = ids.map((k) => values[k]);
      const low = Math.min(...found), high = Math.max(...found);
      const room = Math.max(0.12 * (high - low), (0.12 - (high - low)) / 2, 0.02);
      return [low - room, high + room];
    };
    return { x: side(d.x), y: side(d.y) };
  }

  function search() {
    const d = data.map, input = document.getElementById("word");
    const list = document.getElementById("suggestions"), found = document.getElementById("found");
    let options = [], active = -1;

    function close() {
      list.hidden = true;
      active = -1;
      input.setAttribute("aria-expanded", "false");
      input.removeAttribute("aria-activedescendant");
    }
    function suggest() {
      const wanted = input.value.trim().toLowerCase();
      const starts = [], holds = [];
      if (wanted) {
        d.words.forEach((word, k) => {
          const at = word.toLowerCase().indexOf(wanted);
          if (at === 0) starts.push(k); else if (at > 0) holds.push(k);
        });
        // the word itself first, whatever its rank
        starts.sort((one, other) => (d.words[other].toLowerCase() === wanted) -
          (d.words[one].toLowerCase() === wanted));
      }
      options = [...starts, ...holds].slice(0, 12);
      list.replaceChildren(...options.map((k, place) => {
        const item = element("li", d.words[k]);
        item.id = "suggestion-" + place;
        item.setAttribute("role", "option");
        item.addEventListener("mousedown", (event) => { event.preventDefault(); take(k); });
        return item;
      }));
      if (!options.length) return close();
      list.hidden = false;
      input.setAttribute("aria-expanded", "true");
      mark(0);
    }
    function mark(place) {
      active = (place + options.length) % options.length;
      [...list.children].forEach((item, k) => item.setAttribute("aria-selected", k === active));
      list.children[active].scrollIntoView({ block: "nearest" });
      input.setAttribute("aria-activedescendant", "suggestion-" + active);
    }
    function take(k) {
      input.value = d.words[k];
      close();
      choose(k);
    }
    input.addEventListener("input", suggest);
    input.addEventListener("blur", close);
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        if (active >= 0) take(options[active]);
        else if (input.value.trim()) {
          choose(-1);
          found.textContent = `${input.value.trim()} is not among the words on the map.`;
        }
      } else if (event.key === "Escape") {
        close();
      } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && list.hidden) {
        suggest();
      } else if (event.key === "ArrowDown") {
        mark(active + 1);
      } else if (event.key === "ArrowUp") {
        mark(active - 1);
      } else return;
      event.preventDefault();
    });
    document.getElementById("clear").addEventListener("click", () => {
      input.value = "";
      choose(-1);
      input.focus();
    });
  }

  // ---- the page ------------------------------------------------------------------------------

  function drawAll() {
    const c = colours();
    for (const [name, content] of Object.entries(data)) {
      figures[name](c, content, document.getElementById("figure-" + name));
    }
  }

  glovePage.themes(drawAll);
  if (data.map) search();
})();
