"use strict";
// Charts: <div class="chart" data-chart="KIND" data-src="ADDRESS">, drawn by ECharts.
// The address returns the numbers as JSON; each kind below says which. While the JSON has
// "live": true, it is read again each second; "live": N is each N seconds. Colours come from the style sheet.
(() => {
  const REFRESH = 1000;
  const charts = new Map();
  const narrow = (element) => element.clientWidth < 600;
  const seconds = (data, x) => (data.x === "time" ? x * 1000 : x);

  function colours() {
    const style = getComputedStyle(document.documentElement);
    const names = ["ink", "soft", "line", "paper", "accent", "second", "good", "bad", "warn"];
    return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  }

  function mix(from, to, share) {
    const part = (text, at) => parseInt(text.slice(at, at + 2), 16);
    const parts = [1, 3, 5].map((at) => part(from, at) * (1 - share) + part(to, at) * share);
    return `rgb(${parts.map(Math.round).join(",")})`;
  }

  function shown(number) {
    if (typeof number !== "number") return String(number ?? "");
    return Number.isInteger(number) ? String(number) : String(Number(number.toPrecision(4)));
  }

  // A value as text: escaped by nothing, as tooltips are drawn, not HTML.
  const named = (axis, value) =>
    axis === "time" ? new Date(value).toLocaleTimeString() : `${axis} ${shown(value)}`;

  function axis(colour, name, more) {
    return {
      name, nameLocation: "middle", nameGap: 30, nameTextStyle: { color: colour.soft },
      axisLabel: { color: colour.soft, hideOverlap: true },
      axisLine: { lineStyle: { color: colour.soft } },
      splitLine: { lineStyle: { color: colour.line } }, ...more,
    };
  }

  function frame(element, data, colour) {
    return {
      animation: false,
      // The page describes the chart; ECharts would put its own words over that.
      aria: { enabled: true, label: { description: element.dataset.label } },
      color: [colour.accent, colour.second, colour.good, colour.bad, colour.warn, colour.soft],
      textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: colour.ink },
      grid: { left: 16, right: 24, top: 40, bottom: 36, containLabel: true },
      legend: { show: false, type: "scroll", top: 4, textStyle: { color: colour.ink }, inactiveColor: colour.soft },
      tooltip: {
        renderMode: "richText", confine: true, backgroundColor: colour.paper,
        borderColor: colour.soft, textStyle: { color: colour.ink },
      },
      xAxis: axis(colour, data.x, {
        type: data.x === "time" ? "time" : "value", scale: true, name: data.x === "time" ? "" : data.x,
        minInterval: data.whole ? 1 : 0,
      }),
      yAxis: axis(colour, data.y, {
        type: data.log ? "log" : "value", scale: true, nameLocation: "end", nameGap: 12,
        nameTextStyle: { color: colour.soft, align: "left" },
      }),
    };
  }

  // The names of the series, with room for that of the axis below.
  function legend(option) {
    option.legend.show = true;
    option.grid.top = 62;
  }

  const SYMBOLS = ["circle", "rect", "triangle", "diamond", "pin", "arrow"];
  const DASHES = ["solid", "dashed", "dotted"];

  const kinds = {
    // {x: "time" (seconds) or a name, whole (x is integers), y, log, series: [{name, points: [[x, y]]}]}
    line(element, data, colour) {
      const option = frame(element, data, colour);
      if (data.series.length > 1) legend(option);
      option.tooltip.trigger = "axis";
      option.tooltip.formatter = (found) => [
        named(data.x, found[0].value[0]),
        ...found.map((each) => `${each.seriesName}: ${shown(each.value[1])}`),
      ].join("\n");
      option.series = data.series.map((series, at) => ({
        id: series.name, name: series.name, type: "line", symbol: SYMBOLS[at % SYMBOLS.length],
        symbolSize: 6, showSymbol: series.points.length <= 60, sampling: "lttb",
        lineStyle: { width: 2, type: DASHES[Math.floor(at / 6) % DASHES.length] },
        data: series.points.map(([x, y]) => [seconds(data, x), y]),
      }));
      return option;
    },

    // {x, y, log, maximize, points: [{x, y, name}]}: with the best so far as a line.
    scatter(element, data, colour) {
      const option = frame(element, data, colour);
      const points = [...data.points].sort((one, other) => one.x - other.x);
      let best = null;
      const bests = points.map((point) => {
        if (best === null || (data.maximize ? point.y > best : point.y < best)) best = point.y;
        return [seconds(data, point.x), best];
      });
      legend(option);
      option.tooltip.formatter = (found) =>
        [found.data.name, named(data.x, found.data.value[0]), `${data.y}: ${shown(found.data.value[1])}`]
          .filter(Boolean).join("\n");
      option.series = [
        {
          name: data.y, type: "scatter", symbolSize: 10,
          data: points.map((point) => ({ name: point.name, value: [seconds(data, point.x), point.y] })),
        },
        {
          name: "best so far", type: "line", step: "end", symbol: "none", silent: true,
          lineStyle: { width: 2 }, data: bests,
        },
      ];
      return option;
    },

    // {axes: [{name, log, categories}], objective, maximize, trials: [{name, values, objective, best}]}
    parallel(element, data, colour) {
      const option = frame(element, {}, colour);
      const small = narrow(element);
      for (const name of ["grid", "xAxis", "yAxis"]) delete option[name];
      const last = data.axes.length;
      option.parallel = small
        ? { layout: "vertical", left: 20, right: 20, top: 40, bottom: 70 }
        : { left: 60, right: 130, top: 44, bottom: 28 };
      option.parallelAxis = [...data.axes, { name: data.objective }].map((each, dim) => ({
        dim, name: each.name, data: each.categories, scale: true, realtime: false,
        type: each.categories ? "category" : each.log ? "log" : "value",
        nameLocation: small ? "start" : "end", nameGap: small ? 8 : 14,
        nameTextStyle: {
          color: colour.ink, backgroundColor: colour.paper, padding: 2, fontWeight: 600,
          align: small ? "left" : "center", verticalAlign: small ? "bottom" : "middle",
        },
        axisLine: { lineStyle: { color: colour.soft } },
        axisLabel: {
          color: colour.soft, backgroundColor: colour.paper, padding: 2, hideOverlap: true,
          formatter: each.categories ? undefined : shown,
        },
      }));
      const found = data.trials.map((trial) => trial.objective);
      const low = mix(colour.line, colour.soft, 0.5);
      const [min, max] = [Math.min(...found), Math.max(...found)];
      option.visualMap = {
        show: min < max, dimension: last, min: min < max ? min : max - 1, max, seriesIndex: 0,
        calculable: false, text: [shown(max), shown(min)], textStyle: { color: colour.soft },
        orient: small ? "horizontal" : "vertical", right: small ? "center" : 4, bottom: small ? 6 : 40, itemHeight: 120,
        inRange: { color: data.maximize ? [low, colour.soft, colour.accent] : [colour.accent, colour.soft, low] },
      };
      const line = (trial) => ({ name: trial.name, value: [...trial.values, trial.objective] });
      option.tooltip.formatter = (each) => [
        each.name, ...data.axes.map((of, at) => `${of.name}: ${shown(each.value[at])}`),
        `${data.objective}: ${shown(each.value[last])}`,
      ].join("\n");
      const series = (name, width, trials) =>
        ({ name, type: "parallel", lineStyle: { width, opacity: 0.85 }, data: trials.map(line) });
      option.series = [
        series("trials", 2, data.trials.filter((trial) => !trial.best)),
        series("best", 4, data.trials.filter((trial) => trial.best)),
      ];
      option.series[1].lineStyle = { width: 4, color: colour.second, opacity: 1 };
      return option;
    },

    // {rows, columns, cells: [[number]], x, y}: a cell's colour is its share of its row.
    heatmap(element, data, colour) {
      const option = frame(element, data, colour);
      const sums = data.cells.map((row) => row.reduce((one, other) => one + other, 0) || 1);
      const category = (name, values, more) => axis(colour, name, {
        type: "category", data: values.map(String), splitLine: { show: false }, axisTick: { show: false }, ...more,
      });
      option.xAxis = category(data.x, data.columns);
      option.yAxis = category(data.y, data.rows, { inverse: true, nameGap: 34 });
      option.grid.left = 36;
      option.grid.top = 12;
      option.tooltip.formatter = (each) =>
        `${data.y} ${data.rows[each.value[1]]}, ${data.x} ${data.columns[each.value[0]]}\n${shown(each.value[2])}` +
        ` (${Math.round((100 * each.value[2]) / sums[each.value[1]])} % of the row)`;
      option.series = [{
        type: "heatmap", label: { show: true, color: colour.ink, formatter: (each) => shown(each.value[2]) },
        data: data.cells.flatMap((row, y) => row.map((value, x) => ({
          value: [x, y, value],
          itemStyle: { color: mix(colour.paper, colour.accent, (0.45 * value) / sums[y]), borderColor: colour.line, borderWidth: 1 },
        }))),
      }];
      // The colours are those of the cells; the map only has to be there.
      option.visualMap = { show: false, min: 0, max: 1, inRange: {}, seriesIndex: [] };
      return option;
    },

    // {points: [{confidence, accuracy, count}]}, each from 0 to 1.
    reliability(element, data, colour) {
      const option = frame(element, { x: "confidence", y: "share that is right" }, colour);
      for (const each of [option.xAxis, option.yAxis]) Object.assign(each, { min: 0, max: 1, scale: false });
      const most = Math.max(1, ...data.points.map((point) => point.count));
      legend(option);
      option.tooltip.formatter = ({ value }) =>
        `confidence ${shown(value[0])}\nright ${shown(value[1])}\n${value[2]} predictions`;
      option.series = [
        {
          name: "predictions (with their number)", type: "line", symbol: "circle", lineStyle: { width: 2 },
          symbolSize: (value) => 6 + 18 * Math.sqrt(value[2] / most),
          label: { show: true, color: colour.ink, position: "top", formatter: (each) => shown(each.value[2]) },
          labelLayout: { hideOverlap: true },
          data: data.points.map((point) => [point.confidence, point.accuracy, point.count]),
        },
        {
          name: "perfectly calibrated", type: "line", symbol: "none", silent: true,
          lineStyle: { type: "dashed", color: colour.soft }, itemStyle: { color: colour.soft },
          data: [[0, 0], [1, 1]],
        },
      ];
      return option;
    },
  };

  // Whether a chart of this data shows nothing.
  function isEmpty(data) {
    const lists = data.series?.map((each) => each.points) ?? [data.points ?? data.trials ?? data.cells];
    return lists.every((list) => list.length === 0);
  }

  function draw(element) {
    const { chart, data } = charts.get(element);
    if (!data) return;
    const colour = colours();
    if (isEmpty(data)) {
      const fontFamily = getComputedStyle(document.body).fontFamily;
      const title = {
        text: data.live ? "No value yet" : "No value", left: "center", top: "middle",
        textStyle: { color: colour.soft, fontSize: 15, fontWeight: 400, fontFamily },
      };
      chart.setOption({ title, aria: { enabled: true, label: { description: element.dataset.label } } }, { notMerge: true });
      return;
    }
    chart.setOption(kinds[element.dataset.chart](element, data, colour), { notMerge: true });
  }

  async function read(element) {
    const entry = charts.get(element);
    if (!entry) return;
    if (document.hidden) { entry.timer = setTimeout(read, REFRESH, element); return; }
    try {
      const response = await fetch(element.dataset.src, { headers: { accept: "application/json" } });
      if (!response.ok) return;
      const text = await response.text();
      if (!charts.has(element)) return;
      if (text !== entry.text) {
        entry.text = text;
        entry.data = JSON.parse(text);
        draw(element);
        element.dataset.drawn = String(Number(element.dataset.drawn || 0) + 1);
      }
      if (entry.data.live) entry.timer = setTimeout(read, REFRESH * Number(entry.data.live), element);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // the server is away: once more
      entry.timer = setTimeout(read, 5 * REFRESH, element);
    }
  }

  const sizes = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const entry = charts.get(target);
      if (!entry) continue;
      entry.chart.resize();
      if (entry.narrow !== narrow(target)) { entry.narrow = narrow(target); draw(target); }
    }
  });

  function begin(root) {
    const inside = root.querySelectorAll?.("[data-chart]") ?? [];
    for (const element of [...(root.matches?.("[data-chart]") ? [root] : []), ...inside]) {
      if (charts.has(element)) continue;
      element.dataset.label = element.getAttribute("aria-label") ?? "";
      charts.set(element, { chart: echarts.init(element), narrow: narrow(element) });
      sizes.observe(element);
      read(element);
    }
  }

  function end(root) {
    for (const [element, entry] of charts) {
      if (!root.contains(element)) continue;
      clearTimeout(entry.timer);
      sizes.unobserve(element);
      entry.chart.dispose();
      charts.delete(element);
    }
  }

  document.addEventListener("htmx:load", (event) => begin(event.detail.elt));
  document.addEventListener("htmx:beforeCleanupElement", (event) => end(event.detail.elt));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const element of charts.keys()) draw(element);
  });
  begin(document);
})();
