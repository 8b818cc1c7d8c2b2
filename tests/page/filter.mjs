// Evaluates filters with the page's own script.
//
//     node filter.mjs FILTER_JS < LINES
//
// Each line is {"data": …, "filters": […]}, the answer to each filter a line: the numbers of the
// exchanges that match, {"fault": position} or {"notHere": reason}.

import { readFileSync } from "node:fs";
import vm from "node:vm";

const Filter = vm.runInThisContext(`${readFileSync(process.argv[2], "utf8")};Filter`);
const out = [];
for (const line of readFileSync(0, "utf8").split("\n").filter((line) => line !== "")) {
  const { data: json, filters } = JSON.parse(line);
  const data = Filter.read(json);
  for (const text of filters) {
    try {
      const test = Filter.parse(text, data);
      out.push(data.exchanges.filter((it) => test(it)).map((it) => it.n));
    } catch (error) {
      if (error instanceof Filter.Fault) out.push({ fault: error.at });
      else if (error instanceof Filter.NotHere) out.push({ notHere: error.message });
      else out.push({ crash: String(error.stack) });
    }
  }
}
process.stdout.write(out.map((answer) => `${JSON.stringify(answer)}\n`).join(""));
