/**
 * A chart of the last minutes.
 *
 * @module
 */

import { useEffect, useRef, useState } from "preact/hooks";
import type uPlot from "uplot";
import { delay } from "./delay.ts";
import { formatMinute, formatRate } from "./format.ts";
import { html, type View } from "./html.ts";
import type { ChartData } from "./traffic.ts";

const HEIGHT = 140;

/** What a chart shows. */
export interface ChartProps {
  readonly title: string;
  readonly data: ChartData;
  /** Changes with the data. */
  readonly version: number;
}

/** A line over time, with what it is in words for who does not see it. */
export function Chart({ title, data, version }: ChartProps): View {
  const element = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>();
  const theme = useTheme();
  const latest = useRef(data);
  latest.current = data;
  useEffect(() => {
    const target = element.current!;
    let isGone = false;
    const observer = new ResizeObserver(() => {
      plot.current?.setSize({ width: target.clientWidth, height: HEIGHT });
    });
    const draw = (UPlot: typeof uPlot) => {
      if (isGone) return;
      plot.current = new UPlot(chartOptions(target), latest.current as uPlot.AlignedData, target);
      observer.observe(target);
    };
    void inTurn(loadPlot).then((UPlot) => inTurn(() => draw(UPlot)));
    return () => {
      isGone = true;
      observer.disconnect();
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, [theme]);
  useEffect(() => plot.current?.setData(data as uPlot.AlignedData), [version]);
  const known = data[1].filter((value) => value !== null);
  const now = known.at(-1);
  const most = Math.max(0, ...known);
  const summary = now === undefined
    ? "nothing is known yet"
    : `${formatRate(now)} a second now, at most ${formatRate(most)} in the last five minutes`;
  return html`
    <figure class="chart">
      <figcaption><span>${title}</span> <strong>${formatRate(now)}</strong></figcaption>
      <div class="plot" ref=${element} role="img" aria-label=${`${title}: ${summary}`}></div>
    </figure>
  `;
}

let turns: Promise<unknown> = Promise.resolve();

/** Does some work in a task of its own, after what came before: the page answers between the two. */
function inTurn<T>(work: () => T | Promise<T>): Promise<T> {
  const done = turns.then(() => delay(0)).then(work);
  turns = done.catch(() => {});
  return done;
}

/** What draws is in the same file, but runs first when there is something to draw: not while the page begins. */
async function loadPlot(): Promise<typeof uPlot> {
  const { default: loaded } = await import("uplot");
  return loaded;
}

/** Whether the system is light or dark: a canvas does not change its colours by itself. */
function useTheme(): boolean {
  const query = matchMedia("(prefers-color-scheme: dark)");
  const [isDark, setDark] = useState(query.matches);
  useEffect(() => {
    const change = () => setDark(query.matches);
    query.addEventListener("change", change);
    return () => query.removeEventListener("change", change);
  }, []);
  return isDark;
}

function chartOptions(target: HTMLElement): uPlot.Options {
  const style = getComputedStyle(target);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const axis = {
    stroke: colour("--muted"),
    font: `12px ${style.fontFamily}`,
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
  };
  return {
    width: target.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    padding: [8, 20, 0, 0],
    scales: {
      // Always five minutes, also while less is known.
      x: { time: true, range: (_plot, _from, to) => [to - 300, to] },
      y: { range: (_plot, _from, to) => [0, Math.max(1, to * 1.1)] },
    },
    axes: [
      {
        ...axis,
        space: 50,
        incrs: [60, 120, 300],
        size: 28,
        values: (_plot, ticks) => ticks.map(formatMinute),
      },
      { ...axis, space: 36, size: axisWidth, values: (_plot, ticks) => ticks.map(formatRate) },
    ],
    series: [{}, {
      stroke: colour("--accent"),
      fill: colour("--accent-faint"),
      width: 1.5,
      points: { show: false },
      spanGaps: false,
    }],
  };
}

/** How wide the axis has to be for its longest label, in pixels. */
function axisWidth(_plot: uPlot, labels: string[] | null): number {
  return 14 + 7 * Math.max(3, ...(labels ?? []).map(({ length }) => length));
}
