"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const count = (x) => x.toLocaleString("en");
  const number = (x, digits = 6) =>
    x === null || x === undefined ? "–" : typeof x === "number" ? String(Number(x.toPrecision(digits))) : String(x);
  // plotly reads tags and entities in its text; labels are shown as they are written
  const plain = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const short = (text) => ([...text].length > 14 ? `${[...text].slice(0, 13).join("")}…` : text);
  const colours = data.colours, ROWS_SHOWN = 500;
  const settings = { responsive: true, displaylogo: false, typesetMath: false };

  function element(kind, text, parent) {
    const made = document.createElement(kind);
    if (text !== undefined) made.textContent = text;
    if (parent) parent.append(made);
    return made;
  }

  function fillTable(table, rows) {
    for (const [name, value] of rows) {
      const row = element("tr", undefined, table);
      element("td", name, row);
      element("td", value, row);
    }
  }

  function layout(title, x, y, more = {}) {
    return {
      title: { text: title, font: { size: 15 }, x: 0.02, xanchor: "left" },
      margin: { l: 70, r: 20, t: 45, b: 80 },
      xaxis: { title: { text: x }, ...(more.xaxis || {}) },
      yaxis: { title: { text: y }, ...(more.yaxis || {}) },
      hoverlabel: { namelength: -1 },
      legend: { orientation: "h", y: -0.22, x: 0.5, xanchor: "center", yanchor: "top" },
      ...(more.all || {}),
    };
  }

  const spans = (sizes) => Math.max(...sizes) >= 10 * Math.min(...sizes);
  const heightAxis = (values) => (Math.min(...values) > 0 && spans(values) ? { type: "log" } : { rangemode: "tozero" });
  const sizeAxis = (sizes) => (spans(sizes) ? { type: "log", dtick: 1 } : {});
  // several kinds of classes of one size: no line joins them
  const mode = (sizes) => (new Set(sizes).size < sizes.length ? "markers" : sizes.length > 60 ? "lines" : "lines+markers");

  function curve(sizes, values, name, color, more = {}) {
    return { x: sizes, y: values, name, mode: mode(sizes), line: { color, width: 2 }, ...more };
  }

  function heatMap(target, cosines, labels, title, range) {
    const names = labels.map(plain), ticks = labels.map((label) => plain(short(label)));
    const trace = {
      type: "heatmap", z: cosines, zmin: -range, zmax: range, colorscale: colours.signed,
      colorbar: { title: { text: "cosine" } },
      hovertemplate: "%{customdata}<br>cosine %{z:.5f}<extra></extra>",
      customdata: cosines.map((row, i) => row.map((_, j) => `${names[i]} / ${names[j]}`)),
    };
    const labelled = names.length <= 20;
    const axis = { showticklabels: labelled, ticks: "", showgrid: false, zeroline: false, constrain: "domain" };
    if (labelled) Object.assign(axis, { tickvals: names.map((_, i) => i), ticktext: ticks });
    Plotly.newPlot(target, [trace], layout(title, "", "", {
      xaxis: axis, yaxis: { ...axis, autorange: "reversed", scaleanchor: "x" },
      all: { plot_bgcolor: colours.undefined },
    }), settings);
  }

  function showSummary() {
    const s = data.summary, c = data.certificate;
    byId("problem").textContent =
      `${count(s.classes)} classes, ${count(s.samples)} samples (${count(s.smallest)} to ${count(s.largest)} per class), ` +
      (s.embeddings !== s.samples ? `${count(s.embeddings)} embeddings, ` : "") +
      (s.anchors !== s.samples && s.anchors !== s.embeddings ? `${number(s.anchors, 10)} anchors, ` : "") +
      `loss ${s.loss} (${s.averaged_over}), ${s.features} features, ${s.control_in_words}, temperature ${number(s.temperature)}${s.constraints ? `, ${s.constraints}` : ""}; rank ${count(s.rank)}; solved by ${s.solver}`;
    const verdict = byId("verdict");
    element("span", s.status, verdict).className = s.status;
    verdict.append(
      `: no embeddings of any dimension have a smaller objective of this loss (${s.averaged_over}) than ${number(s.lower, 12)}, and the geometry below has ` +
      `${number(s.upper, 12)}, a relative gap of ${s.gap_in_words} (tolerance ${number(s.tol)}).` +
      (s.within ? ` It ${s.within}; what is shown are the class means.` : "") +
      (s.tightness ? ` Of embeddings, ${s.tightness}.` : ""));
    fillTable(byId("bounds"), [
      [`objective, summed over ${s.term}s`, number(s.value, 12)],
      [`objective per ${s.mean_unit}`, number(s.mean_value, 10)],
      ["lower bound", number(s.lower, 12)],
      ["relative duality gap", s.gap_in_words],
      ["smallest eigenvalue of the Gram matrix as found", number(c.primal_min_eigenvalue, 3)],
      ["smallest eigenvalue of the dual slack as found", number(c.slack_min_eigenvalue, 3)],
      ["certified at level", c.level],
    ]);
  }

  function showDeterminacy() {
    const d = data.determinacy;
    if (!d) return byId("determinacy").remove();
    const size = (distance) => (distance === null ? "any size" : number(distance, 3));
    byId("decided").textContent = (d.curvature === null
      ? "Every change of the geometry costs to first order."
      : `An excess of a millionth of the objective allows a distance of about ${size(d["distance_at_1e-6"])} between normalised ` +
        `Gram matrices; a distance of 0.05 costs an excess of ${number(d["excess_at_0.05"], 3)}.` +
        (d.direction === null ? "" : ` Least noticed: ${d.direction}.`)) +
      (d.warning ? ` ${d.warning[0].toUpperCase()}${d.warning.slice(1)}.` : "");
    fillTable(byId("references"), d.references.map((r) => [
      r.name, `distance ${number(r.distance, 4)}, relative excess ` +
        (r.is_average ? `at most ${number(r.relative_excess, 3)} on average` : number(r.relative_excess, 3)),
    ]));
  }

  function showGeometry() {
    const h = data.heat_map, g = data.curves, { distinguished_by: by } = data.summary;
    const ofSize = "samples of the class" + (by ? `; those of one size differ in ${plain(by)}` : "");
    const hover = by ? { text: g.options.map(plain) } : {};
    heatMap("heat-map", h.cosines, h.names, h.rule ? `Cosines: ${h.rule}` : "Cosines, largest class first", h.limit);
    const norms = [curve(g.size, g.norm, "norm", colours.optimum, hover)];
    if (g.classifier_norm) norms.push(curve(g.size, g.classifier_norm, "norm, row of the classifier", colours.embeddings, hover));
    Plotly.newPlot("norms", norms,
      layout("Norm against class size", ofSize, "‖h‖", { xaxis: sizeAxis(g.size), yaxis: { rangemode: "tozero" } }), settings);
    Plotly.newPlot("cosines", [
      curve(g.size, g.cosine_mean, "mean over the others", colours.mean, hover),
      curve(g.size, g.cosine_nearest, "nearest other class", colours.nearest, hover),
      curve(g.size, g.cosine_largest, "largest class", colours.largest, hover),
    ], layout("Cosines against class size", ofSize, "cosine", { xaxis: sizeAxis(g.size) }), settings);
    if (data.spectrum.length) {
      const { rank, classes } = data.summary;
      const numbers = data.spectrum.map((_, i) => i + 1);
      Plotly.newPlot("spectrum", [{ x: numbers, y: data.spectrum, mode: "markers", marker: { color: colours.optimum, size: 5 }, name: "eigenvalue" }],
        layout(`Spectrum: rank ${count(rank)} of ${count(classes)}`, "number of the eigenvalue", "eigenvalue of the class Gram matrix",
          { yaxis: heightAxis(data.spectrum) }), settings);
    } else byId("spectrum").remove();
  }

  function showPath() {
    const path = data.path, slider = byId("path-slider");
    slider.max = path.steps.length - 1;
    slider.value = path.start;
    const highest = Math.max(...path.steps.flatMap((step) => step.norm));
    const symbol = data.summary.parameter_symbol;
    function draw() {
      const step = path.steps[Number(slider.value)];
      byId("path-label").textContent =
        `${symbol} = ${number(step.parameter, 4)}, objective per ${data.summary.mean_unit} ${number(step.value, 6)}, certified relative gap ${step.gap_in_words}`;
      Plotly.react("path-norms", [curve(path.size, step.norm, "norm", colours.optimum)],
        layout("Norms", "samples of the class", "‖h‖", { xaxis: sizeAxis(path.size), yaxis: { range: [0, 1.05 * highest] } }), settings);
      Plotly.react("path-cosines", [
        curve(path.size, step.cosine_mean, "mean over the others", colours.mean),
        curve(path.size, step.cosine_nearest, "nearest other class", colours.nearest),
      ], layout("Cosines", "samples of the class", "cosine", { xaxis: sizeAxis(path.size), yaxis: { range: [-1.05, 1.05] } }), settings);
    }
    slider.addEventListener("input", draw);
    draw();
  }

  function showComparison(found, place) {
    const section = byId("comparisons");
    element("h2", `${found.name} against the optimum`, section);
    element("p", found.verdict, section).className = "verdict";
    const rows = [
      ...found.flags.filter(([, text]) => !found.verdict.includes(text)),
      ["optimum of", found.optimum_of],
      ["samples", count(found.samples)],
      ["Gram distance of class means ‖G/‖G‖ − G*/‖G*‖‖", number(found.gram_distance)],
      ["Gram distance of samples", number(found.sample_gram_distance)],
      ["Procrustes residual", `${number(found.residual)} at scale ${number(found.scale)}`],
    ];
    if (found.loss) {
      const { of, level, floor, gap, relative_to_spread: spread, relative_to_optimum: ratio, relative_to_height: above } = found.loss;
      const at = level === "samples" ? "of all samples" : "of class means";
      const times = (value) => (value === null ? "not bounded" : `at most ${number(value, 4)} times that`);
      const parts = `at most ${number(gap, 4)}, ${number(spread, 4)} of value and spread`;
      rows.push([`objective (loss ${of}), ${at}, above the optimum, proved`, floor >= 0 && floor !== null ? times(ratio) : parts]);
      if (floor !== null) rows.push([`the same of the heights above ${number(floor)}`, times(above)]);
    }
    if (found.estimate) {
      const { value, standard_error: error, draws } = found.estimate;
      rows.push(["expected loss at the embeddings themselves, an estimate", `${number(value)} ± ${number(error, 2)} by ${count(draws)} batches drawn`]);
    }
    if (found.split) {
      const parts = Object.entries(found.split);
      rows.push([`that, by ${parts.map(([name]) => name).join(", ")}`, parts.map(([, part]) => number(part, 3)).join(", ")]);
    }
    if (found.decision) {
      const { relative_excess: excess, distance, proved_distance: proved, references, reason } = found.decision;
      const allowed = distance === null ? "any distance" : `a distance of about ${number(distance, 3)}`;
      rows.push(["relative excess, and what it allows (second order)", `${number(excess, 3)}: ${reason || allowed}`]);
      if (proved !== null) rows.push(["the same, proved", `at most ${number(proved, 3)}`]);
      for (const one of references) rows.push([`relative excess of ${one.name}`, `${number(one.relative_excess, 3)} at distance ${number(one.distance, 3)}`]);
    }
    if (found.nearest_mean_agreement !== null) rows.push(["nearest class mean agreement", number(found.nearest_mean_agreement)]);
    for (const [name, value] of Object.entries(found.metrics)) rows.push([name.replaceAll("_", " "), number(value)]);
    fillTable(element("table", undefined, section), rows);
    const ids = ["mine", "optimal", "norms", "cosines"].map((name) => `comparison-${place}-${name}`);
    for (const pair of [ids.slice(0, 2), ids.slice(2)]) {
      const row = element("div", undefined, section);
      row.className = "row";
      for (const id of pair) Object.assign(element("div", undefined, row), { id, className: "plot" });
    }
    const name = plain(found.name), names = found.names.map(plain);
    heatMap(ids[0], found.cosines, found.drawn, `Cosines of ${name}`, found.limit);
    heatMap(ids[1], found.optimal_cosines, found.drawn, "Optimal cosines", found.limit);
    const dots = (y, of, color) => ({ x: found.size, y, name: of, text: names, mode: "markers", marker: { color, size: 5 } });
    const pair = (mine, optimal) => [dots(mine, name, colours.embeddings), dots(optimal, "optimum", colours.optimum)];
    Plotly.newPlot(ids[2], pair(found.norms, found.optimal_norms),
      layout("Norms of the class means", "samples of the class", "‖mean‖",
        { xaxis: sizeAxis(found.size), yaxis: heightAxis([...found.norms, ...found.optimal_norms]) }), settings);
    Plotly.newPlot(ids[3], pair(found.mean_cosines, found.optimal_mean_cosines),
      layout("Mean cosine to the other classes", "samples of the class", "cosine", { xaxis: sizeAxis(found.size) }), settings);
  }

  function showTable() {
    const { columns, rows } = data.table;
    const [head, body] = [byId("class-table").tHead, byId("class-table").tBodies[0]];
    let sorted = { column: -1, descending: false };
    const heading = element("tr", undefined, head);
    columns.forEach((name, column) => {
      const cell = element("th", undefined, heading);
      element("button", name, cell).addEventListener("click", () => sort(column));
    });
    function compareCells(a, b) {
      if (a === null || b === null) return (a === null) - (b === null);
      if (typeof a === "number" && typeof b === "number") return a - b;
      return String(a).localeCompare(String(b), "en", { numeric: true });
    }
    function sort(column) {
      sorted = { column, descending: sorted.column === column ? !sorted.descending : typeof rows[0][column] === "number" };
      rows.sort((a, b) => (sorted.descending ? -1 : 1) * compareCells(a[column], b[column]));
      [...heading.cells].forEach((cell, i) => {
        cell.ariaSort = i === column ? (sorted.descending ? "descending" : "ascending") : "none";
      });
      fill();
    }
    function fill() {
      const wanted = byId("search").value.trim().toLowerCase();
      const matching = rows.filter((row) => String(row[0]).toLowerCase().includes(wanted));
      const shown = matching.slice(0, ROWS_SHOWN);
      body.replaceChildren(...shown.map((row) => {
        const line = document.createElement("tr");
        for (const cell of row) element("td", typeof cell === "number" ? number(cell) : cell ?? "–", line);
        return line;
      }));
      byId("found").textContent = `${count(matching.length)} of ${count(rows.length)} rows` +
        (shown.length < matching.length ? `, the first ${count(ROWS_SHOWN)} shown` : "");
    }
    byId("search").addEventListener("input", fill);
    fill();
  }

  showSummary();
  showDeterminacy();
  showGeometry();
  showPath();
  data.comparisons.forEach(showComparison);
  showTable();
  document.body.dataset.ready = "true";
})();
